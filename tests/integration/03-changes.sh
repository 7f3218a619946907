#!/usr/bin/env bash
# A change runs what depends on it and nothing else.
. "$(dirname "$0")/lib.sh"
private_store
copy_sample "$work/a"
cd "$work/a" || exit

run_json
expect_code 'first run: done' 0
hash_before=$(jq -r .static out/manifest.json)

# A Go source file: what is compiled from it, and what names the image that holds it.
sed -i 's/"devboxd %s (%s) on %s"/"devboxd %s (%s) serves on %s"/' cmd/devboxd/main.go
run_json
expect_ran 'a Go file: go, images with it, devcontainer, terraform and the manifest run; the base does not' \
  go.vet go.test 'image.service[libc=static]' 'image.service[libc=glibc]' devcontainer.dev terraform.staging \
  command.manifest
hash_after=$(jq -r .static out/manifest.json)
if [ "$hash_before" != "$hash_after" ]; then
  pass 'a Go file: the image has another digest'
else
  fail 'a Go file: the image has another digest' "expected another digest than $hash_before"
fi
expect_equal 'a Go file: the new digest is what runs on the machine' "$hash_after" "$(jq -r .deployed out/manifest.json)"
run_json
expect_ran 'after that: nothing'

# A comment: the images are built, come out the same, and nothing downstream hears of it.
sed -i 's|^// askHealth prints|// askHealth writes|' cmd/devboxd/main.go
run_json
expect_ran 'a comment in a Go file: go and the images run, nothing that uses their digests' \
  go.vet go.test 'image.service[libc=static]' 'image.service[libc=glibc]'

# A test is no part of the image.
sed -i 's|/nothing|/nothing-here|' internal/service/service_test.go
run_json
expect_ran 'a test file: only the go nodes run' go.vet go.test

sed -i 's/"t3.small"/"t3.medium"/' terraform/variables.tf
run_json
expect_ran 'the default of a Terraform variable: only terraform runs' terraform.staging
expect_equal 'the default of a Terraform variable: it is applied' t3.medium \
  "$(jq -r '.resources[].instances[].attributes.input.value.instance_type' \
    terraform/terraform.tfstate.d/staging/terraform.tfstate)"

echo 'notes that .dockerignore keeps out' >NOTES.md
run_json
expect_ran 'a new file that .dockerignore excludes: nothing runs'
echo more >>NOTES.md
run_json
expect_ran 'a changed file that .dockerignore excludes: nothing runs'

# The pipeline itself: order and spelling are not content.
sed -i 's/^# One Go service.*/# A service./; s/args = { GO_VERSION = \(.*\), VERSION = \(.*\) }/args = { VERSION = \2, GO_VERSION = \1 }/' \
  trilock.toml
run_json
expect_ran 'comments and the order of keys in the pipeline: nothing runs'

sed -i 's/"welcome"/"good day"/' .devcontainer/devcontainer.template.json
run_json
expect_ran 'the template: the devcontainer runs, and the manifest that holds its digest' devcontainer.dev command.manifest

# Back to what it was: results of before are used again.
cp "$root/samples/go-devbox/cmd/devboxd/main.go" cmd/devboxd/main.go
run_json
expect_equal 'a change taken back: the image has its old digest' "$hash_before" "$(jq -r .static out/manifest.json)"

#!/usr/bin/env bash
# From a fresh clone through samples/run: the images start and answer, the Terraform state holds the image's digest,
# and the reference implementation accepts the devcontainer.
. "$(dirname "$0")/lib.sh"
private_store

# A clone of the tree as it is, with what is not committed yet.
clone=$work/clone
mkdir "$clone"
(cd "$root" && git ls-files -co --exclude-standard -z | xargs -0 ls -d 2>/dev/null | tar -T - -cf -) | tar -C "$clone" -xf -
git -C "$clone" init --quiet
git -C "$clone" add --all
git -C "$clone" -c user.name=t -c user.email=t@example.com commit --quiet --message 'everything'

# The binary is the one under test; everything else is as a user would have it.
TRILOCK=$TRILOCK timeout 600 "$clone/samples/run" >"$work/out" 2>"$work/err"
code=$?
out=$(cat "$work/out")
expect_code 'samples/run: done' 0
[ "$code" = 0 ] || exit 0
summaries=$(grep -E '^[0-9]+ nodes: ' "$work/out" "$work/err" --no-filename)
expect_match 'samples/run: first everything runs' '^9 nodes: 9 ran, 0 unchanged, 0 failed in [0-9.]+ (s|min [0-9]+ s)$' \
  "$(sed -n 1p <<<"$summaries")"
expect_match 'samples/run: then nothing' '^9 nodes: 0 ran, 9 unchanged, 0 failed in [0-9.]+ (s|min [0-9]+ s)$' \
  "$(sed -n 2p <<<"$summaries")"
expect_equal 'samples/run: git sees no change in the clone' '' "$(git -C "$clone" status --porcelain)"

cd "$clone/samples/go-devbox" || exit
manifest=out/manifest.json
for libc in static glibc; do
  digest=$(jq -r ".$libc" $manifest)
  expect_match "$libc: the manifest holds a digest" '^sha256:[0-9a-f]{64}$' "$digest"
  expect_equal "$libc: the tag names the image of that digest" "${digest#sha256:}" \
    "$(buildah images --quiet --no-trunc "localhost/go-devbox:0.1.0-$libc" | sed 's/^sha256://')"
  container=$(buildah from "localhost/go-devbox:0.1.0-$libc")
  port=$(free_port)
  buildah run --isolation chroot "$container" -- /usr/bin/devboxd -listen "127.0.0.1:$port" >"$work/service.log" 2>&1 &
  service=$!
  expect_equal "$libc: the service in the image says what it is" \
    "{\"version\":\"0.1.0\",\"libc\":\"$libc\",\"go\":\"$(go env GOVERSION)\"}" "$(fetch "http://127.0.0.1:$port/version")"
  expect_equal "$libc: and that it is healthy" '{"healthy":true,"checks":{"service":"ok"}}' \
    "$(fetch "http://127.0.0.1:$port/healthz")"
  # By its exit code: buildah may lose what a process wrote just before it ended.
  buildah run --isolation chroot "$container" -- /usr/bin/devboxd -listen "127.0.0.1:$port" -check >/dev/null 2>&1
  expect_equal "$libc: its own health check agrees" 0 $?
  pkill -P "$service"
  stop_process "$service"
  linked=$(buildah run --isolation chroot "$container" -- /lib64/ld-linux-x86-64.so.2 --list /usr/bin/devboxd 2>&1)
  if [ $libc = glibc ]; then
    expect_contains 'glibc: the service is linked against libc.so.6' libc.so.6 "$linked"
  else
    expect_no_file 'static: there is no libc in the image' "$(buildah mount "$container")/lib64"
    buildah umount "$container" >/dev/null
  fi
  buildah rm "$container" >/dev/null
done

state=terraform/terraform.tfstate.d/staging/terraform.tfstate
expect_equal 'the Terraform state holds the digest of the static image' "$(jq -r .static $manifest)" \
  "$(jq -r '.resources[] | select(.type == "terraform_data") | .instances[].attributes.triggers_replace.value.image_hash' $state)"
expect_equal 'the manifest says what is deployed' "$(jq -r .static $manifest)" "$(jq -r .deployed $manifest)"
expect_equal 'the manifest names the devcontainer by its content' \
  "$(sha256sum .devcontainer/devcontainer.json | cut -d' ' -f1)" "$(jq -r .devcontainer $manifest | sed 's/^sha256://')"

# The reference implementation asks a docker engine even to read a file.
start_docker
cli=$root/build/node_modules/@devcontainers/cli/devcontainer.js
[ -f "$cli" ] || die "no $cli: tests/run installs it (npm install --prefix build @devcontainers/cli)"
read_configuration=$(TMPDIR=$work node "$cli" read-configuration --docker-path "$docker_client" --workspace-folder . \
  --include-features-configuration 2>"$work/err")
expect_equal 'the devcontainer CLI reads the configuration' 0 $?
found() { jq -r "$1" <<<"$read_configuration"; }
expect_contains 'the image is pinned to the digest of the glibc image' "$(jq -r .glibc $manifest | cut -d: -f2)" \
  "$(found .configuration.image)"
expect_equal 'the version of the pipeline is in the name' 'go-devbox 0.1.0' "$(found .configuration.name)"
expect_equal 'variables of the devcontainer language are left to it' /workspaces/go-devbox \
  "$(found .configuration.workspaceFolder)"
expect_equal 'extensions' 'golang.go hashicorp.terraform' \
  "$(found '.configuration.customizations.vscode.extensions | join(" ")')"
expect_equal 'settings' /usr/local/go "$(found '.configuration.customizations.vscode.settings["go.goroot"]')"
expect_equal 'the local feature is found, with its option' 'hello welcome' \
  "$(found '.featuresConfiguration.featureSets[].features[] | .id + " " + .value.greeting')"

#!/usr/bin/env bash
# With nothing changed nothing runs: not on a second run, not after `touch`, and in another folder only what cannot be
# had from the cache.
. "$(dirname "$0")/lib.sh"
private_store
copy_sample "$work/a"
cd "$work/a" || exit

nodes='command.manifest
command.toolchain
devcontainer.dev
go.test
go.vet
image.service[libc=glibc]
image.service[libc=static]
image.toolchain
terraform.staging'

run_json
expect_code 'first run: done' 0
expect_same 'first run: every node runs' "$(sed 's/$/ ran/' <<<"$nodes")" "$(outcomes)"
first_images=$(buildah images --quiet --no-trunc | sort)

run_json
expect_same 'second run: every node is unchanged' "$(sed 's/$/ unchanged/' <<<"$nodes")" "$(outcomes)"
expect_equal 'second run: the event that ends it counts 0 that ran' 0 \
  "$(jq 'select(.event == "run_finished") | .counts.ran' "$events")"

find . -path ./.trilock -prune -o -type f -print0 | xargs -0 touch
run_json
expect_same 'all files touched: every node is unchanged' "$(sed 's/$/ unchanged/' <<<"$nodes")" "$(outcomes)"

find . -path ./.trilock -prune -o -type f -print0 | xargs -0 touch -d '2001-01-01'
run_json
expect_same 'all files dated back: every node is unchanged' "$(sed 's/$/ unchanged/' <<<"$nodes")" "$(outcomes)"

TRILOCK_NOT_DECLARED=1 FOO=bar LANG=de_DE.UTF-8 run_json
expect_ran 'another environment that nobody declared: nothing runs'

# Another folder, the cache kept, the state gone. An apply is never taken from a cache: what it did is out in the world.
cp -a "$work/a" "$work/b"
rm -rf "$work/b/.trilock"
cd "$work/b" || exit
run_json
expect_ran 'copied, with its outputs: only the apply runs' terraform.staging
run_json
expect_ran 'copied, second run: nothing runs'

# The same without outputs: they come out of the cache, bit for bit.
copy_sample "$work/c"
cd "$work/c" || exit
cp -r "$work/a/terraform/terraform.tfstate.d" terraform/
run_json
expect_ran 'fresh clone, warm cache: only the apply runs' terraform.staging
expect_equal 'fresh clone, warm cache: the toolchain is restored' restored \
  "$(outcomes | awk '$1 == "command.toolchain" { print $2 }')"
for output in out .devcontainer/devcontainer.json .build; do
  expect_equal "fresh clone, warm cache: $output is the same" '' \
    "$(diff -r --no-dereference "$work/a/$output" "$work/c/$output" 2>&1)"
done
expect_equal 'no image was made after the first run' "$first_images" "$(buildah images --quiet --no-trunc | sort)"

# A lost output is put back.
rm -rf out/manifest.json .build
run_json
expect_ran 'outputs removed: nothing runs'
expect_file 'outputs removed: the file is back' out/manifest.json
expect_file 'outputs removed: the archive is back' .build/toolchain/rootfs.tar

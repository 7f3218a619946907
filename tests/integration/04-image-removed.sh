#!/usr/bin/env bash
# An image that was removed by hand is built again, has the same digest, and so nothing downstream runs.
. "$(dirname "$0")/lib.sh"
private_store
copy_sample "$work/a"
cd "$work/a" || exit

run_json
expect_code 'first run: done' 0
digest=$(value_of 'image.service[libc=static]' digest)
expect_match 'the digest of an image is a SHA-256' '^sha256:[0-9a-f]{64}$' "$digest"

buildah rmi --force "${digest#sha256:}" >/dev/null || fail 'remove the image by hand'
run_json
expect_ran 'one image removed: that one runs and nothing else' 'image.service[libc=static]'
expect_equal 'one image removed: its digest is the same again' "$digest" \
  "$(value_of 'image.service[libc=static]' digest)"
expect_equal 'one image removed: it is in the store again' 1 \
  "$(buildah images --quiet --no-trunc | grep -c "${digest#sha256:}")"
run_json
expect_ran 'after that: nothing'

buildah rmi --all --force >/dev/null
run_json
expect_ran 'all images removed: the three run and nothing else' image.toolchain 'image.service[libc=static]' \
  'image.service[libc=glibc]'

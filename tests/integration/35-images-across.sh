#!/usr/bin/env bash
# An image that one machine built is brought back on another, which has the same cache and an image store of its own:
# out of its archive, or from the registry. A machine is a store or an engine, a checkout, and a state directory.
. "$(dirname "$0")/lib.sh"
start_registry
export TRILOCK_CACHE_DIR=$work/shared

# `[image.base]` has two tags, `[image.app]` is built on it in two variants, whose labels are no file names.
checkout() { # directory, builder, more lines for [image.base]
  mkdir -p "$1/base"
  cd "$1" || exit
  cp /bin/busybox base/
  printf 'FROM scratch\nCOPY busybox /bin/busybox\nLABEL of=%s\n%s\nCMD ["/bin/busybox", "echo", "base"]\n' \
    "$2" "${4:-}" >base.Dockerfile
  printf 'FROM base:1\nARG PLACE\nENV PLACE=$PLACE\nRUN ["/bin/busybox", "touch", "/made"]\n' >app.Dockerfile
  cat >trilock.toml <<TOML
[cache]
images = true

[defaults.image]
builder = "$2"

[image.base]
dockerfile = "base.Dockerfile"
context = "base"
tags = ["base:1", "$registry/team/base:1"]
${3:-}

[image.app]
dockerfile = "app.Dockerfile"
context = "base"
args = { PLACE = "\${matrix.at}" }
matrix = { at = ["a/b", "c:d"] }

[command.list]
run = ["true", "\${image.base.digest}"]
needs = ["image.app"]
TOML
}

buildah_store() { # name
  mkdir -p "$work/$1"
  sed "s|$work/store/|$work/$1/|" "$work/store/storage.conf" >"$work/$1/storage.conf"
  export CONTAINERS_STORAGE_CONF=$work/$1/storage.conf
}

in_buildah() { # id
  buildah images --quiet --no-trunc --all | sort -u | grep -c "$1"
}

# Flips a byte in the middle of every archive of the cache.
damage_archives() {
  local blob size
  find "$TRILOCK_CACHE_DIR/cas" -type f -size +100k | while read -r blob; do
    size=$(stat -c %s "$blob")
    printf 'X' | dd of="$blob" bs=1 seek=$((size / 2)) conv=notrunc status=none
  done
}

# --- buildah, by archives that nobody declared ---

private_store
buildah_store store-a
checkout "$work/a" buildah
run_json
expect_code 'the first machine: done' 0
expect_equal 'the first machine: all ran' 4 "$(outcomes | grep -c ' ran$')"
base=$(value_of image.base digest)
app=$(value_of 'image.app[at=a/b]' digest)
run_json
expect_equal 'the first machine again: all unchanged' 4 "$(outcomes | grep -c ' unchanged$')"

buildah_store store-b
checkout "$work/b" buildah
trilock run --dry-run --json
expect_equal 'a forecast on the second machine: all would be restored' 4 \
  "$(jq -r 'select(.event == "node_finished") | .outcome' "$work/out" | grep -c '^restored$')"
expect_equal 'a forecast brings nothing back' 0 "$(buildah images --quiet --all | wc -l)"
run_json
expect_ran 'the second machine: nothing runs'
expect_equal 'the second machine: all restored' 4 "$(outcomes | grep -c ' restored$')"
expect_equal 'the second machine: the digest is the same' "$base" "$(value_of image.base digest)"
expect_equal 'the second machine: the images are in its store' '1 1' \
  "$(in_buildah "$base") $(in_buildah "$app")"
expect_equal 'the second machine: by both tags' "${base#sha256:} ${base#sha256:}" \
  "$(buildah inspect --type image --format '{{.FromImageID}}' base:1) $(
    buildah inspect --type image --format '{{.FromImageID}}' "$registry/team/base:1")"
run_json
expect_equal 'the second machine again: all unchanged' 4 "$(outcomes | grep -c ' unchanged$')"

sed -i 's|/made|/made-anew|' app.Dockerfile
run_json
expect_ran 'the second machine builds on what was brought back' 'image.app[at=a/b]' 'image.app[at=c:d]' command.list
sed -i 's|/made-anew|/made|' app.Dockerfile

buildah rmi --all --force >/dev/null
run_json
expect_ran 'all images removed: nothing runs'
expect_equal 'all images removed: they are there again' '1 1' "$(in_buildah "$base") $(in_buildah "$app")"

trilock clean
expect_contains 'clean removes the archives' 'removed .trilock/images/image.base.oci.tar' "$out"
run_json
expect_ran 'after clean: nothing runs'

damage_archives
buildah_store store-c
checkout "$work/c" buildah
run_json
expect_ran 'archives that are damaged in the cache: the images run' image.base 'image.app[at=a/b]' 'image.app[at=c:d]'
expect_equal 'archives that are damaged: the digest is the same again' "$base" "$(value_of image.base digest)"

# --- buildah, from the registry ---

pushed() { # directory, builder
  checkout "$1" "$2" 'push = true' "${3:-}"
  sed -i 's/^images = true/images = false/' trilock.toml
  sed -i '/^\[image.app\]/,$d' trilock.toml
  sed -i 's|"base:1", ||' trilock.toml
}

buildah_store store-a
pushed "$work/pa" buildah
run_json
expect_ran 'pushed: the first machine builds' image.base
buildah_store store-d
pushed "$work/pb" buildah
run_json
expect_ran 'pushed: the second machine pulls'
expect_equal 'pushed: restored' 'image.base restored' "$(outcomes)"
expect_equal 'pushed: the image is in its store, by its tag' "${base#sha256:}" \
  "$(buildah inspect --type image --format '{{.FromImageID}}' "$registry/team/base:1")"
expect_equal 'pushed: the reference is that of the first machine' \
  "$registry/team/base@$(value_of image.base manifest-digest)" "$(value_of image.base ref)"

rm -rf "$work/registry/docker"
stop_process "$registry_pid"
start_registry
buildah rmi --all --force >/dev/null
run_json
expect_ran 'the registry has lost it: the image is built and pushed again' image.base
expect_match 'the registry has lost it: why it ran' '^cannot be restored: `buildah pull` failed .*manifest unknown' \
  "$(reason_of image.base)"

# --- docker ---

start_docker engine-a
engine_a=$DOCKER_HOST
start_docker engine-b
engine_b=$DOCKER_HOST
health='HEALTHCHECK CMD ["/bin/busybox", "true"]'
docker_id() { # name
  "$docker_client" image inspect --format '{{.Id}}' "$1" 2>&1
}

export DOCKER_HOST=$engine_a
checkout "$work/da" docker 'archive = "out/base.oci.tar"' "$health"
run_json
expect_code 'docker, the first machine: done' 0
base=$(value_of image.base digest)
app=$(value_of 'image.app[at=c:d]' digest)
expect_equal 'docker: the archive holds the very image' "$base" \
  "$(skopeo inspect --raw oci-archive:out/base.oci.tar | jq -r .config.digest)"

export DOCKER_HOST=$engine_b
checkout "$work/db" docker 'archive = "out/base.oci.tar"' "$health"
run_json
expect_ran 'docker, the second machine: nothing runs'
expect_equal 'docker, the second machine: all restored' 4 "$(outcomes | grep -c ' restored$')"
expect_equal 'docker: the image is the same, by both tags and by its id' "$base $base $app" \
  "$(docker_id base:1) $(docker_id "$registry/team/base:1") $(docker_id "$app")"
expect_equal 'docker: the image runs' base "$("$docker_client" run --rm --network none base:1 2>&1)"
expect_equal 'docker: what OCI does not know of is there' '[CMD /bin/busybox true]' \
  "$("$docker_client" image inspect --format '{{.Config.Healthcheck.Test}}' base:1)"
sed -i 's|/made|/made-anew|' app.Dockerfile
run_json
expect_ran 'docker: the second machine builds on what was brought back' 'image.app[at=a/b]' 'image.app[at=c:d]' \
  command.list

export DOCKER_HOST=$engine_a
pushed "$work/dpa" docker "$health"
run_json
expect_ran 'docker, pushed: the first machine builds' image.base
export DOCKER_HOST=$engine_b
"$docker_client" image prune --all --force >/dev/null
pushed "$work/dpb" docker "$health"
run_json
expect_equal 'docker, pushed: restored' 'image.base restored' "$(outcomes)"
expect_equal 'docker, pushed: the image is in the engine, by its tag' "$(value_of image.base digest)" \
  "$(docker_id "$registry/team/base:1")"
stop_process "$registry_pid"
"$docker_client" image prune --all --force >/dev/null
run_json
expect_match 'docker, without the registry: it runs, and cannot push' 'docker push` failed' "$(reason_of image.base)"

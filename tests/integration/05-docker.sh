#!/usr/bin/env bash
# The same through docker with BuildKit: `builder = "docker"`, against a docker engine of this script's own.
. "$(dirname "$0")/lib.sh"
private_store # so that a result of buildah could be told from one of docker
start_docker
copy_sample "$work/a"
cd "$work/a" || exit
cat >>trilock.toml <<'TOML'

[defaults.image]
builder = "docker"
TOML

run_json
expect_code 'first run: done' 0
expect_equal 'first run: all nine ran' 9 "$(outcomes | grep -c ' ran$')"
digest=$(value_of 'image.service[libc=static]' digest)
expect_equal 'the digest is what docker calls the image' "$digest" \
  "$("$docker_client" image inspect --format '{{.Id}}' localhost/go-devbox:0.1.0-static 2>&1)"
expect_equal 'buildah had no part in it' '' "$(buildah images --quiet)"

run_json
expect_ran 'second run: nothing'

port=$(free_port)
"$docker_client" run --rm --detach --name service --network host localhost/go-devbox:0.1.0-static \
  /usr/bin/devboxd -listen "127.0.0.1:$port" >/dev/null
expect_contains 'the image starts and answers' '"libc":"static"' "$(fetch "http://127.0.0.1:$port/version")"
"$docker_client" rm --force service >/dev/null

"$docker_client" rmi --force "$digest" >/dev/null
run_json
expect_ran 'one image removed: that one runs and nothing else' 'image.service[libc=static]'
expect_equal 'one image removed: its digest is the same again' "$digest" \
  "$(value_of 'image.service[libc=static]' digest)"

"$docker_client" image prune --all --force >/dev/null
run_json
expect_ran 'all images removed: the three run and nothing else' image.toolchain 'image.service[libc=static]' \
  'image.service[libc=glibc]'

sed -i 's/"devboxd %s (%s) on %s"/"devboxd %s (%s) serves on %s"/' cmd/devboxd/main.go
run_json
expect_ran 'a Go file: the base does not run' go.vet go.test 'image.service[libc=static]' \
  'image.service[libc=glibc]' devcontainer.dev terraform.staging command.manifest

# Docker's engine before 23 stamps the time of day on what RUN makes. With its own cache gone as well the images have
# other digests, and what names them has to follow.
"$docker_client" image prune --all --force >/dev/null
"$docker_client" builder prune --all --force >/dev/null
run_json
expect_ran 'images and the cache of the builder removed: what names a digest runs too' image.toolchain \
  'image.service[libc=static]' 'image.service[libc=glibc]' devcontainer.dev terraform.staging command.manifest
run_json
expect_ran 'after that: nothing'

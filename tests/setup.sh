# Set-up shared by tests/run, samples/run and tests/bench/run: installs what is missing from Debian's packages and
# builds trilock. Sourced by bash; needs `root`, the absolute path of the repository. Says what it does on stderr.

say() {
  printf '== %s\n' "$*" >&2
}

give_up() { # message, advice
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  = help: %s\n' "$2" >&2
  exit 5
}

# What it takes to build trilock and to run the sample.
sample_packages=(
  g++ meson ninja-build pkg-config cmake
  libtbb-dev libxxhash-dev libsqlite3-dev libfmt-dev libtomlplusplus-dev libssl-dev libcurl4-openssl-dev libcli11-dev rapidjson-dev
  libprotobuf-dev protobuf-compiler
  doctest-dev
  git buildah runc netavark busybox-static golang-go
)
# What the tests take on top of it.
test_packages=(
  clang-19 libclang-rt-19-dev clang-format docker.io ca-certificates jq iproute2 procps strace time util-linux openssl tmux
  zsh fish graphviz xfsprogs bindfs bazel-bootstrap bazel-bootstrap-source default-jdk-headless nginx-light zstd
  skopeo docker-registry valgrind debootstrap
)
bench_packages=(strace)

is_installed() { # package
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    give_up "installing packages takes root" "run this as root, or install sudo"
  fi
}

# Installs those of the packages that are not there yet; without any missing, no package tool is started at all.
need_packages() { # package…
  local missing=() package
  command -v dpkg-query >/dev/null || give_up "this machine has no dpkg" "the set-up is written for Debian 12 and 13"
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing from Debian: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' sh "${missing[@]}" >&2 ||
    give_up "cannot install ${missing[*]}" "apt-get install ${missing[*]}"
}

need_terraform() {
  command -v terraform >/dev/null && return 0
  give_up "terraform is not in PATH, and Debian has no package of it" \
    "put the binary of https://developer.hashicorp.com/terraform/install (1.4 or later) into /usr/local/bin"
}

# The engines the tests compare with come from npm; any node will do that is there already.
need_node() {
  command -v node >/dev/null && command -v npm >/dev/null || need_packages nodejs npm
}

# Sets up a build directory once and compiles in it; meson follows later changes of the build files itself.
build_in() { # directory, targets as one word list, meson options…
  local directory=$1 targets=$2
  shift 2
  if [ ! -f "$directory/build.ninja" ]; then
    say "meson setup ${directory#"$root"/} $*"
    meson setup "$directory" "$root" "$@" >"$directory.log" 2>&1 || {
      cat "$directory.log" >&2
      return 1
    }
    mv "$directory.log" "$directory/setup.log"
  fi
  # shellcheck disable=SC2086
  ninja -C "$directory" $targets >"$directory/ninja.log" 2>&1 || {
    tail -n 60 "$directory/ninja.log" >&2
    return 1
  }
}

werror=false
[ "${CI:-}" != true ] || werror=true

# Builds unless $TRILOCK names a binary already; afterwards it does.
build_trilock() { # targets
  if [ -z "${TRILOCK:-}" ]; then
    say "building trilock in build/"
    build_in "$root/build" "${1:-}" --buildtype=plain -Doptimization=2 -Dwerror=$werror ||
      give_up "trilock does not build" "the compiler's output is in build/ninja.log"
    export TRILOCK=$root/build/engine/cli/trilock
  fi
}

#!/usr/bin/env bash
# Whether trilock builds and works on another release of Debian: `tests/debian.sh trixie` (Debian 13, a suite of
# tests/run), `tests/debian.sh forky` (testing, which moves; by hand). A root of that release is made by debootstrap in
# build/debian-RELEASE/, once; in it the files of this checkout are built with its g++, the unit suites run, and
# samples/run. As root; the network is needed for the packages alone.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
release=${1:?usage: tests/debian.sh RELEASE}
. "$root/tests/setup.sh"

place=$root/build/debian-$release
system=$place/root
passed=0 failed=0

check() { # what, command…
  local what=$1
  shift
  if "$@" >"$place/log" 2>&1; then
    echo "ok - $what"
    passed=$((passed + 1))
  else
    echo "not ok - $what"
    tail -n 40 "$place/log" | sed 's/^/    /'
    failed=$((failed + 1))
  fi
}

# The mirror that this machine takes its own packages from.
mirror() {
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Identifier: Packages' |
    awk '$1 == "Debian" && $2 !~ /security/ { print $2; exit }'
}

make_system() {
  local wanted script=
  wanted=$(IFS=,; echo "${sample_packages[*]},doctest-dev,strace,openssl,ca-certificates,iproute2,procps")
  [ "$(cat "$place/complete" 2>/dev/null)" != "$wanted" ] || return 0
  rm -rf --one-file-system "$place"
  mkdir -p "$system"
  # A debootstrap that is older than the release does not know its name.
  [ -e "/usr/share/debootstrap/scripts/$release" ] || script=/usr/share/debootstrap/scripts/sid
  debootstrap --variant=minbase --include="$wanted" "$release" "$system" "$(mirror)" ${script:+"$script"} || return 1
  cp "$(command -v terraform)" "$system/usr/local/bin/"
  # buildah raises limits to what an ordinary machine allows, and here may not.
  mkdir -p "$system/etc/containers"
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' "$(ulimit -Sn)" "$(ulimit -Hn)" \
    "$(ulimit -Su)" "$(ulimit -Hu)" | sed 's/unlimited/-1/g' >"$system/etc/containers/containers.conf"
  echo "$wanted" >"$place/complete"
}

copy_checkout() {
  rm -rf "$system/src"
  mkdir "$system/src"
  git -C "$root" ls-files -co --exclude-standard -z | (cd "$root" && xargs -0 ls -d 2>/dev/null) |
    tar -C "$root" -cf - -T - | tar -C "$system/src" -xf -
}

# A command in the system, with mounts and processes of its own that end with it. The root is pivoted into, which
# programs that pivot themselves need.
inside() { # command…
  unshare --mount --pid --fork --kill-child bash -ec '
    mount --make-rprivate /
    mount --rbind "$0" "$0"
    for directory in sys dev; do mount --rbind /$directory "$0/$directory"; done
    mount -t proc proc "$0/proc"
    mount -t tmpfs tmpfs "$0/run"
    mount -t tmpfs tmpfs "$0/tmp"
    mkdir -p "$0/old"
    cd "$0"
    pivot_root . old
    umount -l /old
    cd /src
    exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 CI="$CI" "$@"' "$system" "$@"
}
export CI=${CI:-}

unit_suite() { # floor
  inside "/b/tests/unit/$1/test_$1" --no-colors=true >"$place/unit" 2>&1
  local code=$? p f
  read -r p f < <(sed -nE 's/^\[doctest\] test cases: +[0-9]+ \| +([0-9]+) passed \| +([0-9]+) failed.*/\1 \2/p' "$place/unit")
  echo "$1: ${p:-0} test cases passed, ${f:-0} failed"
  passed=$((passed + ${p:-0}))
  failed=$((failed + ${f:-0}))
  [ $code = 0 ] && [ -n "${p:-}" ] && return
  [ "${f:-0}" != 0 ] || failed=$((failed + 1))
  { grep -n -A6 'ERROR' "$place/unit" || tail -n 20 "$place/unit"; } | head -n 60 | sed 's/^/    /'
}

[ "$(id -u)" = 0 ] || give_up "tests/debian.sh takes root" "run it as root"
need_packages debootstrap git tar
need_terraform
mkdir -p "$place"
check "a root of $release is made" make_system
check 'the files of this checkout are copied into it' copy_checkout
check "it builds with $(inside g++ --version 2>/dev/null | head -n 1)" \
  inside sh -c 'rm -rf /b && meson setup /b . --buildtype=plain -Doptimization=0 -Dwerror=true && ninja -C /b'
for floor in schemas cache rules engine; do unit_suite $floor; done
check 'samples/run: everything is made, and then nothing is left to do' inside sh -c '
  TRILOCK=/b/engine/cli/trilock samples/run >/tmp/log 2>&1; code=$?
  cat /tmp/log
  [ $code = 0 ] && grep -q "^9 nodes: 0 ran, 9 unchanged, 0 failed" /tmp/log'
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]

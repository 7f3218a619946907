#!/usr/bin/env bash
# The power fails while a workspace is built: its file system, in a file, is shut down without the last writes, and the
# machine starts anew, which it says by its boot id. The next run is right, whatever the file system has kept: an output
# that has the size and the times that it had, and not its bytes, is not unchanged. docs/design/0015-power-cuts.md.
# TRILOCK_TEST_SEED repeats the moments, as far as time can be repeated.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "mounting file systems takes root"
seed=${TRILOCK_TEST_SEED:-$((BASHPID % 32768))}
RANDOM=$seed
echo "seed $seed"
boots=0

# As after another start of the machine.
start_machine() {
  boots=$((boots + 1))
  printf '%08d-0000-4000-8000-000000000000\n' "$boots" >"$work/boot"
}

in_this_boot() { # command…
  unshare -m bash -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$work/boot" "$@"
}

run_trilock() {
  in_this_boot timeout 60 "$TRILOCK" run "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(<"$work/out") err=$(<"$work/err")
}

make_disk() { # file system
  mkdir -p "$work/$1"
  { truncate -s 400M "$work/$1.img" && "mkfs.$1" -q "$work/$1.img"; } >/dev/null 2>"$work/mkfs" ||
    die "cannot make a file system: $(cat "$work/mkfs")"
  mount -o loop "$work/$1.img" "$work/$1" || die "cannot mount a file through a loop device"
  mkdir -p "$work/$1/w/src"
  export XDG_CACHE_HOME=$work/$1/cache XDG_STATE_HOME=$work/$1/state
  cd "$work/$1/w" || exit
}

# With -f names, sizes and times that are in the log reach the disk, and bytes that were not synced do not. Without it the
# log is lost too.
cut_power() { # file system, flags
  cd / || exit
  xfs_io -x -c "shutdown $2" "$work/$1" || die "xfs_io cannot shut $1 down"
  [ -z "${pid:-}" ] || wait "$pid"
  pid=
  umount "$work/$1" && mount -o loop "$work/$1.img" "$work/$1" || die "cannot mount $1 again"
  cd "$work/$1/w" || exit
  start_machine
}

pipeline() {
  cat <<'TOML'
[command.whole]
# As linkers write: room for all of it first, the bytes afterwards.
script = '''
mkdir -p out
size=$(stat -c %s src/a)
fallocate -l $((size * 2)) out/whole
cat src/a src/a | dd of=out/whole conv=notrunc bs=4096 status=none
'''
inputs = ["src/a"]
outputs = ["out/whole"]

[command.parts]
script = '''
mkdir -p out/parts
for n in 1 2 3 4; do cat src/b out/whole >out/parts/$n.new && mv out/parts/$n.new out/parts/$n; done
ln -s parts/1 out/link
'''
inputs = ["src/b"]
needs = ["command.whole"]
outputs = ["out/parts", "out/link"]

[command.sum]
script = "sha256sum out/whole out/parts/* out/link >sum"
needs = ["command.whole", "command.parts"]
outputs = ["sum"]
TOML
}

right() {
  cmp -s <(cat src/a src/a) out/whole &&
    for n in 1 2 3 4; do cmp -s <(cat src/b src/a src/a) out/parts/$n || return 1; done &&
    [ "$(readlink out/link)" = parts/1 ] && [ "$(sha256sum out/whole out/parts/* out/link)" = "$(<sum)" ]
}

write_source() { # path: of 40 000 bytes, in the way that leaves a file's size where its bytes are lost
  fallocate -l 40000 "$1"
  head -c 30000 /dev/urandom | base64 -w 0 | dd of="$1" conv=notrunc bs=4000 count=10 iflag=fullblock status=none
}

start_machine
for file_system in xfs ext4; do
  make_disk "$file_system"
  pipeline >trilock.toml
  write_source src/a; write_source src/b
  sync -f .
  run_trilock
  expect_code "$file_system: a first run" 0
  before=$(sha256sum out/whole) stat=$(stat -c '%s %Y' out/whole)
  cut_power "$file_system" -f
  if [ "$(stat -c '%s %Y' out/whole)" = "$stat" ] && [ "$(sha256sum out/whole)" != "$before" ]; then
    pass "$file_system: an output has its size and its time, and not its bytes"
  else
    fail "$file_system: an output has its size and its time, and not its bytes" "$(stat out/whole)"
  fi
  run_trilock
  expect_code "$file_system: the run after that" 0
  if right; then pass "$file_system: makes it again"; else fail "$file_system: makes it again" "$out"; fi
  # Once: what was looked at is known, and so is what was on disk before.
  run_trilock
  expect_match "$file_system: and then there is nothing to do" '^3 nodes: 0 ran, 3 unchanged' "$out"

  wrong=0
  for round in 1 2 3 4 5 6; do
    [ $((round % 3)) = 0 ] || sync -f .
    sources=(a b)
    write_source "src/${sources[RANDOM % 2]}"
    in_this_boot "$TRILOCK" run >/dev/null 2>&1 &
    pid=$!
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    flags=('' -f -f)
    cut_power "$file_system" "${flags[RANDOM % 3]}"
    run_trilock
    first=$code$'\n'$out$err
    right || code="wrong outputs, $code"
    [ "$code" != 0 ] || { run_trilock && [[ $out == *'3 nodes: 0 ran, 3 unchanged'* ]] || code="something left to do"; }
    [ "$code" = 0 ] && continue
    wrong=$((wrong + 1))
    fail "$file_system, round $round: the next run is right" "$code: $first"
  done
  expect_equal "$file_system: power cuts at random moments, and each next run is right" 0 "$wrong"
  cd / && umount "$work/$file_system"
done

# Another start of the machine costs a look at what changed since the one before it, and no more.
mkdir -p "$work/w/src" && cd "$work/w" || exit
export XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state
pipeline >trilock.toml
write_source src/a; write_source src/b
run_trilock
start_machine
run_trilock
expect_match 'an orderly restart leaves nothing to do' '^3 nodes: 0 ran, 3 unchanged' "$out"
strace -f -qq -e trace=execve -o "$work/calls" unshare -m bash -c \
  'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$work/boot" "$TRILOCK" run >/dev/null
expect_equal 'and the run after it is a short one' 0 "$(grep -c trilock-engine "$work/calls")"

#!/usr/bin/env bash
# What a crash of the machine and a full disk leave of a cache directory: file systems in a file are shut down, without
# their last writes, in the middle of publishing.
. "$(dirname "$0")/lib.sh"
driver=$root/build/tests/support/cache_driver
[ -x "$driver" ] || die "no $driver: build it first"
[ "$(id -u)" = 0 ] || die "mounting file systems takes root"

# With -f names and sizes that are in the log reach the disk, and bytes that were not synced do not: that shows a rename
# that came before its sync. Without it, the log is lost too.
crash() { # file system, round, flags of the shutdown
  local name="$1, crash $2${3:+ with $3}" mount=$work/mount image=$work/$1.img kept=0 lost=0 action
  [ -f "$image" ] || { truncate -s 400M "$image" && "mkfs.$1" -q "$image"; } >/dev/null 2>"$work/mkfs" ||
    die "cannot make a file system: $(cat "$work/mkfs")"
  mkdir -p "$mount"
  mount -o loop "$image" "$mount" || die "cannot mount a file through a loop device"
  "$driver" flood "$mount/cache" "$2" >"$work/published" 2>"$work/stopped" &
  local pid=$!
  sleep "1.$((RANDOM % 10))"
  xfs_io -x -c "shutdown $3" "$mount" || die "xfs_io cannot shut $1 down"
  wait "$pid"
  expect_equal "$name: publishing ends with an error, not with a crash" 1 $?
  umount "$mount" && mount -o loop "$image" "$mount" || die "cannot mount $1 again"
  expect_match "$name: every result is whole, every blob has its digest" ' 0 faults$' "$("$driver" audit "$mount/cache")"
  while read -r action; do
    if [ -f "$mount/cache/ac/${action:0:2}/$action" ]; then kept=$((kept + 1)); else lost=$((lost + 1)); fi
  done <"$work/published"
  expect_equal "$name: what was reported as published is there" "0 lost" "$lost lost"
  [ "$kept" -ge 16 ] && pass "$name: $kept results before it" || fail "$name: too few to mean anything" "$kept"
  umount "$mount"
}

for file_system in xfs ext4; do
  crash $file_system 1 ''
  crash $file_system 2 -f
  crash $file_system 3 -f
done

# The order that the above rests on, seen from outside: bytes, blobs, their names, results, their names.
mkdir "$work/tree" && echo content >"$work/tree/file"
strace -f -qq -e trace=rename,renameat,fdatasync,fsync,syncfs -o "$work/calls" "$driver" publish "$work/order" node "$work/tree" \
  >/dev/null || die "strace cannot follow the driver"
expect_equal 'bytes are synced before blobs get their names, and those before results do' \
  'sync blob sync result sync' \
  "$(sed -nE 's/.* (fdatasync|fsync|syncfs)\(.*/sync/p; s/.* rename(at)?\(.*\/(ac|cas)\/.*/\2/p' "$work/calls" |
    sed 's/^cas$/blob/; s/^ac$/result/' | uniq | paste -sd' ')"

# A full disk: what was published before stays whole, and what did not fit is not there in part.
mkdir "$work/small"
mount -t tmpfs -o size=6m none "$work/small" || die "cannot mount a tmpfs"
"$driver" flood "$work/small/cache" 9 >"$work/published" 2>"$work/stopped"
expect_equal 'a full disk stops publishing with an error' 1 $?
expect_contains 'it says why' 'no space left on device' "$(cat "$work/stopped")"
expect_match 'what is there is whole' '^[1-9][0-9]* results, .* 0 faults$' "$("$driver" audit "$work/small/cache")"
expect_equal 'nothing is left in the making' '' "$(ls "$work/small/cache/tmp")"
expect_equal 'all that was reported is there' '' \
  "$(comm -23 <(sort <"$work/published") <(find "$work/small/cache/ac" -type f -printf '%f\n' | sort))"

# The index of a workspace does not go where locks and shared memory cannot be relied on.
mkdir "$work/real" "$work/fuse"
bindfs "$work/real" "$work/fuse" || die "bindfs cannot mount"
mkdir "$work/fuse/ws"
printf '[command.a]\nrun = ["touch", "a"]\noutputs = ["a"]\n' >"$work/fuse/ws/trilock.toml"
trilock run -C "$work/fuse/ws"
expect_code 'a workspace on FUSE: done' 0
expect_file 'its state database is elsewhere' "$(state_dir "$work/fuse/ws")/state.db"
expect_no_file 'and nothing of it there' "$work/fuse/ws/.trilock"
mkdir "$work/fuse/state"
TRILOCK_STATE_DIR=$work/fuse/state trilock run -C "$work/fuse/ws"
expect_code 'all of it on FUSE is refused' 5
expect_contains 'with the reason' 'cannot be kept on a file system of type fuse' "$err"
"$driver" publish "$work/fuse/cache" node "$work/fuse/ws" >/dev/null
expect_equal 'and a cache directory too' hit "$("$driver" fetch "$work/fuse/cache" node "$work/fetched")"
umount "$work/fuse"

#!/usr/bin/env bash
# Disks that are full or cannot be written: a clear error, nothing half-written, and once there is room the next run is
# right.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || die "mounting a small file system takes root"

small_disk() { # directory, size
  mkdir -p "$1"
  mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" || die "cannot mount a tmpfs at $1"
}

fill() { # directory: to the last byte
  head -c 100M /dev/zero >"$1/filler" 2>/dev/null
  head -c 100M /dev/zero >"$1/filler2" 2>/dev/null
}

make_room() { # directory
  rm -f "$1/filler" "$1/filler2"
}

# --- workspace, state and cache on one small disk ---
small_disk "$work/small" 4m
export XDG_CACHE_HOME=$work/small/cache
mkdir "$work/small/w" && cd "$work/small/w" || exit
cat >trilock.toml <<'TOML'
[command.big]
run = ["cp", "source", "out/big"]
inputs = ["source"]
outputs = ["out/big"]

[command.next]
script = "wc -c <out/big >out/size"
needs = ["command.big"]
outputs = ["out/size"]
TOML
head -c 200000 /dev/zero >source
trilock run
expect_code 'with room: done' 0
before=$(sha256sum out/big)
cp source "$work/source" && echo more >>source

fill "$work/small"
trilock run
expect_code 'full: 5' 5
expect_match 'full: says so' '(no|No) space left|no space left' "$err"
expect_equal 'full: the old output is there, whole' "$before" "$(sha256sum out/big)"
expect_equal 'full: nothing half-written beside it' 'big size' "$(ls out | paste -sd' ')"
expect_equal 'full: no temporary files' '' "$(find . "$work/small/cache" -name '.trilock-*' -o -name '*.tmp')"
expect_equal 'full: nothing in scratch' '' "$(ls "$(state_dir)/tmp" 2>/dev/null)"
trilock run --json
expect_match 'full: the last event has the code' '"event":"run_finished","exit_code":5' "$(tail -n 1 "$work/out")"

make_room "$work/small"
run_json
expect_ran 'with room again: what was left to do' command.big command.next
expect_equal 'with room again: the output is whole' "$(sha256sum <source)" "$(sha256sum <out/big)"
expect_equal 'with room again: and what follows' 200005 "$(cat out/size)"
run_json
expect_ran 'and then nothing'

# Every amount of room there may be: whatever fails, the result of the next run is right.
wrong=
bad_codes=
for kilobytes in $(seq 0 48 600); do
  echo "$kilobytes" >>source
  rm -rf "$XDG_CACHE_HOME"
  fill "$work/small"
  truncate -s "-$((kilobytes * 1024))" "$work/small/filler"
  trilock run
  # There was room for the outputs, or there was not.
  case $code in 0 | 5) ;; *) bad_codes+=" $kilobytes:$code" ;; esac
  [ "$code" = 0 ] || [ -n "$err" ] || bad_codes+=" $kilobytes:silent"
  make_room "$work/small"
  trilock run
  [ "$code" = 0 ] && cmp -s source out/big && [ "$(cat out/size)" = "$(wc -c <source)" ] || wrong+=" $kilobytes"
done
expect_equal 'any amount of room: done, or 5 with a reason' '' "$bad_codes"
expect_equal 'any amount of room: the next run is right' '' "$wrong"

# Restoring on a full disk.
cp source "$work/last" && cp "$work/source" source
trilock run >/dev/null
cp "$work/last" source
rm -f out/big
fill "$work/small"
trilock run
expect_code 'full while an output is put back: 5' 5
expect_match 'full while an output is put back: says so' 'no space left|No space left' "$err"
make_room "$work/small"
trilock run
expect_code 'full while an output was put back: then it works' 0
expect_equal 'full while an output was put back: the output is whole' "$(sha256sum <source)" "$(sha256sum <out/big)"

# --- only the cache is full, or cannot be written: builds go on ---
mkdir -p "$work/w" && cd "$work/w" || exit
cat >trilock.toml <<'TOML'
[command.copy]
run = ["cp", "source", "copy"]
inputs = ["source"]
outputs = ["copy"]
TOML
small_disk "$work/cache-disk" 256k
export XDG_CACHE_HOME=$work/cache-disk
head -c 500000 /dev/urandom >source
trilock run
expect_code 'a cache without room: done' 0
expect_match 'a cache without room: a warning' '^warning: not every result is kept in the cache directory .*no space left' "$err"
expect_equal 'a cache without room: no half a blob' '' "$(find "$XDG_CACHE_HOME" -type f)"
run_json
expect_ran 'a cache without room: nothing runs again'
mount -o remount,ro "$work/cache-disk"
echo more >>source
trilock run
expect_code 'a cache that is read-only: done' 0
expect_match 'a cache that is read-only: a warning' '^warning: not every result is kept in the cache directory .*read-only' "$err"
expect_equal 'a cache that is read-only: the output is right' "$(sha256sum <source)" "$(sha256sum <copy)"
export XDG_CACHE_HOME=$work/file
touch "$work/file"
echo more >>source
trilock run
expect_code 'a cache directory that is a file: done' 0
expect_match 'a cache directory that is a file: a warning' '^warning: not every result is kept in the cache directory .*not a directory' "$err"

# --- the state directory cannot be written ---
export XDG_CACHE_HOME=$work/cache
# Neither this state nor the cache knows of what is there: in no repository it would stop the node.
rm -rf .trilock copy
small_disk "$PWD/.trilock" 1m
trilock run
expect_code 'a state directory on another disk: done' 0
state=$(state_dir)
mount -o remount,ro .trilock
echo more >>source
trilock run
expect_code 'a read-only state directory: 5' 5
expect_match 'a read-only state directory: says which' "^error: cannot write to \`$state\`: read-only file system" "$err"
mount -o remount,rw .trilock
trilock run
expect_code 'a state directory that can be written again: done' 0
fill .trilock
echo more >>source
trilock run
expect_code 'a full state directory: 5' 5
expect_match 'a full state directory: says so' 'no space left|is full' "$err"
make_room .trilock
trilock run
expect_code 'then: done' 0
expect_equal 'then: the output is right' "$(sha256sum <source)" "$(sha256sum <copy)"
run_json
expect_ran 'then: nothing'

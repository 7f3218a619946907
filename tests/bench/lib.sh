# Shared by the benchmarks: a folder to work in, graphs, commands that take turns, rows of the table. Sourced by bash;
# needs `root`, the absolute path of the repository, and `runs`, how often each command takes its turn.
. "$root/tests/setup.sh"

tools=$root/build/tests/bench
work=$(mktemp -d "${TMPDIR:-/tmp}/trilock-bench.XXXXXX")
missed=0
watcher=

clear_up() {
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
  awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null; done
  chmod -R u+rwX "$work" && rm -rf "$work"
}
trap clear_up EXIT

build_tools() {
  build_trilock "engine/cli/trilock tests/bench/generate tests/bench/measure tests/bench/floor tests/bench/node"
  [ -x "$tools/measure" ] || build_in "$root/build" "tests/bench/generate tests/bench/measure tests/bench/floor tests/bench/node"
  # Not TRILOCK_CACHE_DIR: a directory that somebody named also keeps what describes an action, five files more a node.
  export XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state-home
  unset TRILOCK_CACHE_DIR TRILOCK_STATE_DIR
}

# Makes a folder as if nothing had run in it. By renaming: on ext4, making files soon after many were deleted is up to ten
# times slower, and that would be measured instead.
mkdir "$work/gone"
cat >"$work/afresh" <<END
#!/bin/sh
set -e
gone=$work/gone/\$\$
mkdir "\$gone"
case \$PWD in */trilock) state="$work/cache .trilock" ;; *) state=".ninja_log .ninja_deps .tup .turbo .moon/cache" ;; esac
for made in \$state out; do [ ! -e "\$made" ] || mv "\$made" "\$gone/"; done
(cd "\$gone/out" 2>/dev/null && find . -type d) | while read -r folder; do mkdir -p "out/\$folder"; done
case \$PWD in */tup) tup init >/dev/null ;; esac
END
chmod +x "$work/afresh"

# Waits until making files costs what it should. For six minutes ext4 steps around every inode that was freed, so that
# after many were deleted, the next ones take up to twenty times as long to make, wherever it comes upon such inodes.
settle_disk() {
  local turn each
  for turn in $(seq 10); do
    mkdir -p "$work/probe/$turn"
    each=$("$tools/floor" create "$work/probe/$turn" 10000)
    ! awk "BEGIN { exit !($each < 40) }" || continue
    say "making a file takes $each us of CPU: many were deleted a short while ago; waiting six minutes until that is forgotten"
    sleep 360
    return 0
  done
}

heading() {
  printf '%-42s %10s %10s %8s %8s\n' '' 'wall ms' 'CPU ms' 'peak MB' 'calls'
}

# The system calls of one run, of all its processes; `-` where nobody asked.
calls_of() { # directory, command…
  (cd "$1" && strace -f -qq -c -o "$work/calls" "${@:2}" >/dev/null 2>&1)
  awk '$NF == "total" { print $4 }' "$work/calls"
}

# Says whether a bound holds: `ninja:wall:0.25` is a part of a peer's figure, `self:peak:60` a figure of trilock's own.
judge() { # bound; reads the arrays of `compare`
  local peer what limit value
  IFS=: read -r peer what limit <<<"$1"
  if [ "$peer" = self ]; then
    case $what in wall) value=${wall[trilock]} ;; cpu) value=${cpu[trilock]} ;; peak) value=${peak[trilock]} ;; esac
  else
    [ -n "${wall[$peer]:-}" ] || { printf '  to reach: %s of %s'"'"'s %s, which is not there\n' "$limit" "$peer" "$what"; return; }
    case $what in wall) value=${of_wall[$peer]} ;; cpu) value=${of_cpu[$peer]} ;; esac
  fi
  local name="${peer}'s $what"
  if awk "BEGIN { exit !($value <= $limit) }"; then
    printf '  reached: %s of %s, %s at most\n' "$value" "$name" "$limit"
  else
    printf '  missed: %s of %s, %s at most\n' "$value" "$name" "$limit"
    missed=$((missed + 1))
  fi
}

# Lets trilock and the peers take turns and prints a row for each. A command is `name|directory|words`; the first one is
# trilock's. With `calls=yes` system calls are counted in one more run.
compare() { # what, bounds, options of measure, command…
  local what=$1 bounds=$2 options=$3 entry name directory words line bound
  local -A wall=() cpu=() peak=() of_wall=() of_cpu=()
  local arguments=()
  shift 3
  for entry in "$@"; do
    IFS='|' read -r name directory words <<<"$entry"
    # shellcheck disable=SC2206
    arguments+=(-- "$directory" $words)
  done
  # shellcheck disable=SC2086
  "$tools/measure" --runs "$runs" $options "${arguments[@]}" >"$work/figures" || give_up "\`$what\` was not measured"
  for entry in "$@"; do
    IFS='|' read -r name directory words <<<"$entry"
    read -r line
    read -r wall[$name] cpu[$name] peak[$name] of_wall[$name] of_cpu[$name] <<<"$line"
    local calls=-
    # shellcheck disable=SC2086
    [ "${calls_wanted:-no}" = no ] || calls=$(calls_of "$directory" $words)
    if [ "$entry" = "$1" ]; then
      printf '%-42s %10s %10s %8s %8s\n' "$what" "${wall[$name]}" "${cpu[$name]}" "${peak[$name]}" "$calls"
    else
      printf '  %-40s %10s %10s %8s %8s   trilock: %s of its wall, %s of its CPU\n' "$name" "${wall[$name]}" "${cpu[$name]}" \
        "${peak[$name]}" "$calls" "${of_wall[$name]}" "${of_cpu[$name]}"
    fi
  done <"$work/figures"
  for bound in $bounds; do judge "$bound"; done
}

# Assertions and surroundings for the integration scripts; sourced by bash. Every script works below `$work`, a
# directory of its own with its own cache, image store and docker engine, all of which are gone when it ends. Its last
# line is `N passed, N failed, N skipped`, and it fails when an assertion did.

set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TRILOCK=${TRILOCK:-$root/build/engine/cli/trilock}
passed=0
failed=0
skipped=0

# Nothing of the caller's surroundings may decide a result.
unset TF_CLI_CONFIG_FILE TF_WORKSPACE TF_DATA_DIR TF_CLI_ARGS GOFLAGS NO_COLOR DOCKER_HOST DOCKER_CONTEXT TRILOCK_STATE_DIR
while read -r name; do unset "$name"; done < <(compgen -e | grep -E '^(TRILOCK_VAR_|TF_VAR_)')

work=$(mktemp -d "${TMPDIR:-/tmp}/trilock-test.XXXXXX")
export XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state-home
started=()
bridges=()

finish() {
  local code=$? pid mount bridge
  trap - EXIT INT TERM
  for pid in "${started[@]}"; do
    stop_process "$pid"
  done
  for bridge in "${bridges[@]}"; do
    ip link delete "$bridge" 2>/dev/null
  done
  # Image stores leave overlay mounts behind when a builder was interrupted; innermost first.
  awk -v under="$work/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null; done
  if [ "${TRILOCK_TEST_KEEP:-}" = 1 ]; then
    echo "kept: $work"
  else
    chmod -R u+rwX "$work" 2>/dev/null
    rm -rf "$work"
  fi
  if [ "$code" != 0 ]; then
    echo "not ok - the script ended early, with code $code"
    failed=$((failed + 1))
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ] || exit 1
  exit 0
}
trap finish EXIT
trap 'exit 130' INT TERM

die() {
  echo "$*" >&2
  exit 2
}
[ -x "$TRILOCK" ] || die "no trilock at $TRILOCK: build it first, or name it in \$TRILOCK"

# --- assertions --------------------------------------------------------------------------------------------------

pass() { # what
  passed=$((passed + 1))
  echo "ok - $1"
}

fail() { # what, detail
  failed=$((failed + 1))
  echo "not ok - $1"
  [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/    /'
}

expect_equal() { # what, expected, found
  if [ "$2" = "$3" ]; then
    pass "$1"
  else
    fail "$1" "$(printf 'expected: %s\nfound:    %s' "$2" "$3")"
  fi
}

# For texts of several lines: says where they differ.
expect_same() { # what, expected, found
  if [ "$2" = "$3" ]; then
    pass "$1"
  else
    fail "$1" "$(diff -u --label expected --label found <(printf '%s\n' "$2") <(printf '%s\n' "$3"))"
  fi
}

expect_contains() { # what, part, text
  case $3 in
  *"$2"*) pass "$1" ;;
  *) fail "$1" "$(printf 'expected to contain: %s\nfound: %s' "$2" "$(printf '%s' "$3" | tail -n 30)")" ;;
  esac
}

expect_match() { # what, extended regular expression, text
  # No pipe: where grep has seen enough before all is written, `pipefail` makes a match of it that failed.
  if grep -Eq -- "$2" <<<"$3"; then
    pass "$1"
  else
    fail "$1" "$(printf 'expected a line to match: %s\nfound: %s' "$2" "$(printf '%s' "$3" | tail -n 30)")"
  fi
}

expect_file() { # what, path
  if [ -e "$2" ]; then pass "$1"; else fail "$1" "expected a file at $2, found none"; fi
}

expect_no_file() { # what, path
  if [ -e "$2" ]; then fail "$1" "expected nothing at $2, found $(ls -ld "$2")"; else pass "$1"; fi
}

# --- running trilock ---------------------------------------------------------------------------------------------

# Runs `trilock ARGS`; afterwards `code`, `out` (standard output) and `err` are set.
trilock() {
  timeout "${trilock_limit:-600}" "$TRILOCK" "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(cat "$work/out")
  err=$(cat "$work/err")
}

# Where a workspace keeps what can be done without; a place where nothing is before its first run. It looks the id up by
# the path that stands beside it, not by the link that trilock uses.
state_dir() { # directory (default: the current one)
  local base=${TRILOCK_STATE_DIR:-$XDG_STATE_HOME/trilock} path note text
  path=$(realpath "${1:-.}")
  for note in "$base"/*/workspace; do
    [ "$(tail -n +3 "$note" 2>/dev/null)" = "$path" ] || continue
    text=$(basename "$(dirname "$note")")
    case $(find "$base/by-path" -lname "$text.*" -printf '%l') in
      */work) echo "$base/$text/work" ;;
      *) echo "$path/.trilock/$text" ;;
    esac
    return
  done
  echo "$path/.trilock/none"
}

# `trilock run --json ARGS`; afterwards also `events`, a file with one event a line.
run_json() {
  trilock run --json "$@"
  events=$work/out
}

# "label outcome" for every node of the last run_json, sorted.
outcomes() {
  jq -r 'select(.event == "node_finished") | .label + " " + .outcome' "$events" | LC_ALL=C sort
}

reason_of() { # label
  jq -r --arg node "$1" 'select(.event == "node_finished" and .label == $node) | .reason' "$events"
}

value_of() { # label, value
  jq -r --arg node "$1" --arg value "$2" \
    'select(.event == "node_finished" and .label == $node) | .values[$value] // empty' "$events"
}

# The nodes that really did something in the last run_json, as one sorted line.
that_ran() {
  outcomes | awk '$2 != "unchanged" && $2 != "restored" { print $1 ($2 == "ran" ? "" : "(" $2 ")") }' | paste -sd' '
}

expect_code() { # what, code
  if [ "$code" = "$2" ]; then
    pass "$1"
  else
    fail "$1" "$(printf 'expected: exit code %s\nfound:    %s\n%s\n%s' "$2" "$code" "$(tail -n 20 "$work/err")" \
      "$(tail -n 20 "$work/out")")"
  fi
}

# Asserts that the last run_json ended well and that exactly these nodes ran; all others unchanged or restored.
expect_ran() { # what, labels…
  local what=$1 wanted found
  shift
  wanted=$(printf '%s\n' "$@" | LC_ALL=C sort | paste -sd' ')
  found=$(that_ran)
  if [ "$code" != 0 ]; then
    fail "$what" "$(printf 'expected: exit code 0\nfound:    %s\n%s\n%s' "$code" "$(tail -n 30 "$work/err")" \
      "$(jq -r 'select(.outcome == "failed") | .label + ": " + .reason' "$events" 2>/dev/null)")"
  elif [ "$wanted" = "$found" ]; then
    pass "$what"
  else
    fail "$what" "$(printf 'expected to run: %s\nran:             %s\nreasons:\n%s' "${wanted:-nothing}" \
      "${found:-nothing}" "$(jq -r 'select(.event == "node_finished" and .outcome != "unchanged") |
        "  " + .label + " " + .outcome + ": " + .reason' "$events")")"
  fi
}

# A copy of a program that any user may start: the checkout may lie where only its owner gets in. Prints its path.
for_others() { # program
  chmod a+x "$work" && mkdir -p "$work/bin" && install -m 755 "$1" "$work/bin/" || die "cannot copy $1"
  echo "$work/bin/$(basename "$1")"
}

# --- surroundings ------------------------------------------------------------------------------------------------

# The sample as a fresh clone has it: files that git knows or would add, and no others.
copy_sample() { # directory
  mkdir -p "$1"
  (cd "$root/samples/go-devbox" && git ls-files -co --exclude-standard -z | tar --null -T - -cf -) | tar -C "$1" -xf -
}

# An image store of this script's own, below $work.
private_store() {
  local driver=overlay
  mkdir -p "$work/store"
  export CONTAINERS_STORAGE_CONF=$work/store/storage.conf
  write_store_conf "$driver"
  if ! buildah info >/dev/null 2>&1; then
    driver=vfs
    write_store_conf "$driver"
  fi
  buildah info >/dev/null || die "buildah cannot use a store of its own below $work"
}

write_store_conf() { # driver
  cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "$1"
graphroot = "$work/store/graph"
runroot = "$work/store/run"
CONF
}

stop_process() { # pid
  kill "$1" 2>/dev/null || return 0
  local tenths
  for tenths in $(seq 100); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$1" 2>/dev/null
}

# Waits until the command succeeds, at most that many seconds.
wait_for() { # seconds, command…
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# Debian's client: another one in PATH may lack BuildKit.
docker_client=/usr/bin/docker

# A docker engine of this script's own, on a socket below $work and with a bridge of its own; sets DOCKER_HOST. Another
# call with another name makes another engine, with images of its own.
start_docker() { # name
  local name=${1:-docker} number=${#bridges[@]}
  local bridge=trilock$$$number
  [ "$(id -u)" = 0 ] || die "the docker engine takes root"
  mkdir -p "$work/$name"
  ip link add "$bridge" type bridge && ip address add "192.168.$((253 - number)).1/24" dev "$bridge" &&
    ip link set "$bridge" up || die "cannot make a network bridge for the docker engine"
  bridges+=("$bridge")
  dockerd --data-root "$work/$name/data" --exec-root "$work/$name/exec" --pidfile "$work/$name/pid" \
    --host "unix://$work/$name/socket" --bridge "$bridge" --iptables=false --ip6tables=false --ip-masq=false \
    >"$work/$name/log" 2>&1 &
  started+=($!)
  export DOCKER_HOST=unix://$work/$name/socket
  wait_for 60 "$docker_client" info || die "dockerd does not start: $(tail -n 20 "$work/$name/log")"
}

# A registry of this script's own; sets `registry`, its address, and `registry_pid`. Its images are below $work/registry.
start_registry() {
  registry=127.0.0.1:${registry_port:=$(free_port)}
  mkdir -p "$work/registry"
  cat >"$work/registry.yml" <<YML
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: $registry }
YML
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  registry_pid=$!
  started+=("$registry_pid")
  wait_for 20 busybox wget -q -O /dev/null "http://$registry/v2/" || die "the registry does not start"
  export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >"$CONTAINERS_REGISTRIES_CONF"
}

free_port() {
  local port
  for port in $(shuf -i 20000-32000 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

# What a URL on this machine answers, once it answers.
fetch() { # url
  wait_for 20 busybox wget -q -O "$work/answer" "$1" || return 1
  cat "$work/answer"
}

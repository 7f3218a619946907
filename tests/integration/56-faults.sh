#!/usr/bin/env bash
# What the system refuses: descriptors, threads, memory, room for files, a standard output. A run then ends with 5 and a
# message, or does its work all the same; it never aborts, never hangs, and the next run is right. At the end a sample of
# tests/faults: every eleventh system call fails.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/w" && cd "$work/w" || exit
cat >trilock.toml <<'TOML'
[command.a]
script = "cat src >a; for n in $(seq 300); do echo line $n; done"
inputs = ["src"]
outputs = ["a"]

[command.b]
script = "cat a a >b"
needs = ["command.a"]
outputs = ["b"]

[command.c]
script = "readlink /proc/$PPID/fd/0 /proc/$PPID/fd/1 /proc/$PPID/fd/2 >c"
outputs = ["c"]
cache = false
TOML
echo 1 >src
fresh() { rm -rf .trilock "$XDG_CACHE_HOME" "${XDG_STATE_HOME:-$work/none}" a b c; }
export XDG_STATE_HOME=$work/state

# Under a limit, given as an argument of `ulimit`. Adds what is wrong to `wrong`.
under() { # what, limit…
  local what=$1
  shift
  timeout -k 1 20 bash -c 'ulimit "${@:2}" 2>/dev/null || exit 5; exec "$1" run' limit "$TRILOCK" "$@" \
    >"$work/out" 2>"$work/err"
  code=$?
  case $code in
  0) [ "$(cat a b 2>/dev/null | paste -sd' ')" = '1 1 1' ] || wrong+="$what: ends with 0, outputs are wrong"$'\n' ;;
  1 | 5) [ -s "$work/err" ] || wrong+="$what: ends with $code and says nothing"$'\n' ;;
  *) wrong+="$what: ends with $code, $(tail -n 1 "$work/err" | cut -c 1-120)"$'\n' ;;
  esac
}

right_afterwards() { # what
  trilock run
  if [ "$code" = 0 ] && [ "$(cat a b | paste -sd' ')" = '1 1 1' ]; then
    pass "$1: the next run is right"
  else
    fail "$1: the next run is right" "$err"
  fi
}

# --- descriptors ---
wrong=
for n in 3 4 5 6 7 8 9 10 11 12 13 14 16 20 24; do
  fresh
  under "a new workspace, $n descriptors" -n "$n"
done
for n in 4 6 7 8 9 10 11 12 13 14 16 20; do
  rm -f b
  under "one that ran before, $n descriptors" -n "$n"
done
expect_equal 'few descriptors: 5 and a message, or right' '' "$wrong"
right_afterwards 'few descriptors'

# --- memory, and room for files ---
wrong=
for kilobytes in 4000 8000 16000 24000 32000 40000 48000 56000 64000 80000 100000 120000 150000 200000 300000; do
  fresh
  under "$kilobytes KB of memory" -v "$kilobytes"
done
for blocks in 1 4 16 64; do
  fresh
  under "files of $blocks blocks" -f "$blocks"
done
expect_equal 'little memory, small files: 5 and a message, or right' '' "$wrong"
right_afterwards 'little memory'

# --- threads; the limit of processes does not hold for root ---
as=()
user=$TRILOCK
if [ "$(id -u)" = 0 ]; then
  mkdir "$work/copy" "$work/theirs"
  cp "$(dirname "$TRILOCK")"/trilock "$(dirname "$TRILOCK")"/trilock-engine "$work/copy/" 2>/dev/null
  user=$work/copy/trilock
  cp trilock.toml src "$work/theirs/"
  chmod 711 "$work" && chmod -R a+rX "$work/copy" && chown -R 54321:54321 "$work/theirs"
  as=(setpriv --reuid 54321 --regid 54321 --clear-groups)
  cd "$work/theirs" || exit
fi
if "${as[@]}" "$user" --version >/dev/null 2>&1; then
  wrong=
  for n in 1 2 3 4 5 6 8 12; do
    rm -rf .trilock theirs a b c
    "${as[@]}" env HOME="$PWD/theirs" XDG_CACHE_HOME="$PWD/theirs" XDG_STATE_HOME="$PWD/theirs" \
      timeout -k 1 20 bash -c 'ulimit -u "$1" && exec "$2" run -j 6' limit "$n" "$user" >"$work/out" 2>"$work/err"
    code=$?
    case $code in
    0 | 1) ;;
    5) [ -s "$work/err" ] || wrong+="$n processes: says nothing"$'\n' ;;
    *) wrong+="$n processes: ends with $code, $(tail -n 1 "$work/err" | cut -c 1-120)"$'\n' ;;
    esac
  done
  expect_equal 'refused threads: 5 and a message, or fewer of them' '' "$wrong"
else
  fail 'refused threads' "trilock cannot be run as another user below $work"
fi
cd "$work/w" || exit

# --- a standard output that is lost ---
fresh
trilock run
for command in list graph 'graph --json' 'graph --format mermaid' 'query command.a' 'why command.a' 'why --json command.a' \
  check 'check --json' schema 'completion bash' '__complete trilock ru' 'cache stats' 'cache path' --help --version \
  'run --dry-run' run 'run --json' 'run --force' clean; do
  # shellcheck disable=SC2086
  trilock $command
  [ "$code" = 0 ] || { fail "$command: ends well" "$err"; continue; }
  [ "$command" != clean ] || trilock run
  # shellcheck disable=SC2086
  timeout 20 "$TRILOCK" $command >/dev/full 2>"$work/err"
  code=$?
  if [ -s "$work/out" ]; then
    expect_equal "$command: 5 when its output is lost" 5 "$code"
    expect_contains "$command: says so" 'cannot write to standard output: No space left on device' "$(<"$work/err")"
  fi
done
trilock run
GITHUB_ACTIONS=true "$TRILOCK" run >/dev/full 2>"$work/err"
expect_equal 'in GitHub Actions too' 5 $?
trilock nonsense >/dev/full
expect_code 'a wrong command stays one' 2
"$TRILOCK" run --force >/dev/null 2>/dev/full
expect_equal 'lost messages are no error' 0 $?
# More than is kept back before it is written; in a folder that does not hold the state of this test.
mkdir "$work/many"
{ for n in $(seq 3000); do printf '[command.long-name-of-a-node-%s]\nscript = "true"\n' "$n"; done; } >"$work/many/trilock.toml"
"$TRILOCK" list --file "$work/many/trilock.toml" >/dev/full 2>"$work/err"
expect_equal 'a long list: 5' 5 $?
expect_equal 'and one message' 1 "$(wc -l <"$work/err")"

# --- a reader that goes away ---
"$TRILOCK" list --file "$work/many/trilock.toml" 2>"$work/err" | true
expect_match 'who only prints ends with its reader, by the signal' '^(0|141) 0$' "${PIPESTATUS[*]}"
expect_equal 'and says nothing' '' "$(<"$work/err")"
(trap '' PIPE && "$TRILOCK" list --file "$work/many/trilock.toml" 2>"$work/err"; echo $? >"$work/code") | true
expect_match 'nor where the signal is ignored' '^0$' "$(<"$work/code")"
expect_equal 'without a word' '' "$(<"$work/err")"
rm -f a b
"$TRILOCK" run 2>"$work/err" | true
expect_equal 'a run goes on' '0 0' "${PIPESTATUS[*]}"
expect_equal 'and makes its outputs' '1 1 1' "$(cat a b | paste -sd' ')"

# --- no standard input, output, error ---
for closed in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
  fresh
  eval "timeout 20 \"\$TRILOCK\" run $closed" </dev/null >"$work/out" 2>"$work/err"
  code=$?
  case " $closed" in
  *' >&-'*) expect_code "run $closed: its output is lost" 5 ;;
  *) expect_code "run $closed: done" 0 ;;
  esac
  # Where trilock was started without one there is /dev/null, and no file of its own.
  expect_equal "run $closed: no file of trilock's is in their place" '' \
    "$(grep -vE "^(/dev/null|$work/(out|err)|pipe:.*)$" c)"
  expect_equal "run $closed: outputs are right" '1 1 1' "$(cat a b | paste -sd' ')"
  trilock run
  expect_match "run $closed: and nothing is left to do" '^3 nodes: 1 ran, 2 unchanged' "$(tail -n 1 <<<"$out")"
done

# --- no locks, as on a broken file server: SQLite tries for seconds, and the run gives up on it once ---
fresh
begin=$SECONDS
"$root/build/tests/support/fault_tracer" --how from --kind lock --nth 60 --limit 60 "$TRILOCK" run >"$work/out" 2>"$work/err"
code=$?
expect_code 'no locks: 5' 5
[ $((SECONDS - begin)) -lt 40 ] && pass 'no locks: after some seconds' || fail 'no locks: after some seconds'
right_afterwards 'no locks'

# --- a sample of all system calls ---
"$root/tests/faults" --sample "${TRILOCK_TEST_FAULTS:-11}" >"$work/faults" 2>&1
code=$?
grep -E 'calls hit' "$work/faults"
expect_equal 'every eleventh call: no run aborts, hangs, or leaves the next one wrong' '' "$(grep '^not ok' "$work/faults")"
expect_code 'and all of the sample was run' 0

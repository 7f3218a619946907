#!/usr/bin/env bash
# Two runs in one workspace: the second waits and says for whom, or fails at once when told to.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/w" && cd "$work/w" || exit
cat >trilock.toml <<'TOML'
[command.slow]
script = "touch started; until test -e go; do sleep 0.05; done; date +%s%N >out"
outputs = ["out"]
cache = false

[command.other]
script = "date +%s%N >other"
outputs = ["other"]
TOML
"$TRILOCK" run command.slow >"$work/first.out" 2>&1 &
first=$!
wait_for 20 test -e started

trilock run --no-wait command.other
expect_code '--no-wait: 5' 5
expect_match '--no-wait: says who and since when' \
  "^error: this workspace is in use by process $first, which has been running \`trilock run command.slow\` since [0-9]{2}:[0-9]{2}:[0-9]{2}$" \
  "$err"
expect_no_file '--no-wait: nothing ran' other
run_json --no-wait command.other
expect_json() { # what, filter
  if jq -se "$2" "$events" >/dev/null; then pass "$1"; else fail "$1" "$(cat "$events")"; fi
}
expect_json '--no-wait --json: still ends with run_finished' '.[-1].event == "run_finished" and .[-1].exit_code == 5'

"$TRILOCK" run command.other >"$work/second.out" 2>"$work/second.err" &
second=$!
wait_for 20 grep -q waiting "$work/second.err"
expect_match 'the second run says for whom it waits' \
  "^waiting for process $first, which has been running \`trilock run command.slow\` since " "$(cat "$work/second.err")"
sleep 0.3
expect_equal 'once' 1 "$(wc -l <"$work/second.err")"
expect_no_file 'and does nothing meanwhile' other

"$TRILOCK" run command.other >"$work/third.out" 2>"$work/third.err" &
third=$!
wait_for 20 grep -q waiting "$work/third.err"
kill -INT "$third"
wait "$third"
expect_equal 'a run that waits can be interrupted: 130' 130 $?

trilock run --dry-run command.other
expect_code 'a dry run waits for nobody' 0

trilock clean
expect_code 'clean takes nothing from under a run: 5' 5
expect_match 'and says from whom' "^error: this workspace is in use by process $first" "$err"

touch go
wait "$first"
expect_equal 'the first run ends well' 0 $?
wait "$second"
expect_equal 'the second run ends well' 0 $?
if [ "$(cat out)" -lt "$(cat other)" ]; then
  pass 'the second ran after the first'
else
  fail 'the second ran after the first' "$(cat out other)"
fi

# A lock is no file: what a killed run leaves does not keep anyone out.
rm -f go started
"$TRILOCK" run command.slow >"$work/first.out" 2>&1 &
first=$!
wait_for 20 test -e started
kill -KILL "$first"
wait "$first" 2>/dev/null
trilock run --no-wait command.other
expect_code 'after a kill nobody is waited for' 0
expect_equal 'and nobody is named' '' "$(grep 'in use' "$work/err")"

# Ten at once: one after the other, all right.
rm -f other "$(state_dir)"/state.db*
pids=()
for _ in 1 2 3 4 5 6 7 8 9 10; do
  "$TRILOCK" run command.other >/dev/null 2>"$work/many.err" &
  pids+=($!)
done
codes=
for pid in "${pids[@]}"; do
  wait "$pid"
  codes+=$?
done
expect_equal 'ten runs at once: all end well' 0000000000 "$codes"

#!/usr/bin/env bash
# What a run prints: whose output, in which order, as text and as events; the environment that processes see; secrets.
. "$(dirname "$0")/lib.sh"
unset GITHUB_ACTIONS GITHUB_WORKSPACE GITHUB_STEP_SUMMARY CLICOLOR_FORCE FORCE_COLOR

# --- modes of output ---
mkdir "$work/modes"
cd "$work/modes" || exit
cat >trilock.toml <<'TOML'
[command.good]
script = 'echo from good; echo careful >&2; echo done >out'
outputs = ["out"]

[command.bad]
script = 'printf "one\ntwo\n"; echo three >&2; exit 7'

[command.behind]
run = ["true"]
after = ["command.bad"]
TOML

# The lines of the output of command.good and of command.bad that the last run printed, as one line.
printed() {
  grep -hoxE '  \| (from good|careful|one|two|three)' "$work/out" "$work/err" | cut -c5- | paste -sd, | sed 's/,/, /g'
}
trilock run --keep-going --output new
expect_code 'new: a node failed' 1
expect_equal 'new: output of what ran and of what failed' 'from good, careful, one, two, three' "$(printed)"
expect_equal 'failures go to standard error' 'error: command.bad: `script` failed with exit code 7' "$(head -n 1 "$work/err")"
expect_contains 'a failure names what was run' "  \$ sh -euc 'printf" "$err"
expect_match 'the summary line' '^3 nodes: 1 ran, 0 unchanged, 1 failed, 1 skipped in [0-9.]+ s$' "$out"
for case in 'full/from good, careful, one, two, three' 'new/one, two, three' 'errors/one, two, three' 'none/'; do
  trilock run --keep-going --output "${case%%/*}"
  expect_equal "${case%%/*}: when nothing changed" "${case#*/}" "$(printed)"
done
expect_contains 'none: still says what failed' 'error: command.bad: `script` failed with exit code 7' "$err"
trilock run --keep-going
expect_equal 'by itself: errors' 'one, two, three' "$(printed)"
rm out
trilock run --keep-going --output full
expect_match 'a restored node' '^\[./3\] restored command.good' "$out"
expect_contains 'a restored node: its recorded output' 'from good, careful' "$(printed)"
trilock run --keep-going --output full
expect_contains 'the output of a restored node is still recorded' 'from good, careful' "$(printed)"
trilock run --output some
expect_code 'an unknown mode is a usage error' 2
trilock run --dry-run --force
expect_match 'a dry run says so' '^\[./3\] would run command.good: forced$' "$out"

# --- events ---
expect_events() { # what, jq condition on the array of events
  local found
  if found=$(jq -s -e "$2" "$work/out" 2>&1); then pass "$1"; else fail "$1" "$found $(head -c 2000 "$work/out")"; fi
}
replayed='[.[] | select(.event == "node_output" and .label == "command.good")] | map([.stream, .text])'
trilock run --json --keep-going --output full
expect_events 'json full: recorded output as events, before the node is finished' "($replayed) ==
  [[\"stdout\", \"from good\\n\"], [\"stderr\", \"careful\\n\"]] and
  ([.[] | select(.label == \"command.good\").event] == [\"node_started\", \"node_output\", \"node_output\", \"node_finished\"])"
trilock run --json --keep-going
expect_events 'json: no recorded output unless asked for' "($replayed) == []"
trilock run --json --keep-going --output none
expect_events 'json none: no output' '[.[] | select(.event == "node_output")] == []'
trilock run --json --keep-going --output errors
expect_events 'json errors: of the failed node alone' '[.[] | select(.event == "node_output") | .label] | unique == ["command.bad"]'
trilock run --json --frobnicate
expect_code 'json: a wrong command line' 2
last='.[-1].event == "run_finished" and .[-1].exit_code == 2 and .[-2].event == "diagnostic" and .[-2].severity == "error"'
expect_events 'json: a wrong command line ends with run_finished' "$last"
trilock run --json command.nobody
expect_events 'json: an unknown label ends with run_finished' "$last"
(cd / && "$TRILOCK" run --json >"$work/out" 2>/dev/null)
expect_events 'json: no pipeline ends with run_finished' "$last"

mkdir "$work/bytes"
cd "$work/bytes" || exit
cat >trilock.toml <<'TOML'
[command.bytes]
script = '''
printf 'gr\303'; sleep 0.3; printf '\274n\n'
printf 'bad \377\376 byte\n'
printf 'cut \342\202'
'''
[command.sleep]
run = ["sleep", "100"]
after = ["command.bytes"]
TOML
timeout 60 "$TRILOCK" run --json >"$work/out" 2>"$work/err" &
pid=$!
wait_for 30 grep -q '"node_started","label":"command.sleep"' "$work/out"
kill -INT $pid
wait $pid
expect_equal 'interrupted: exit code' 130 $?
expect_events 'interrupted: the last event says so' '.[-1].event == "run_finished" and .[-1].exit_code == 130 and
  .[-1].counts.cancelled == 1'
expect_equal 'events are valid UTF-8' '' "$(iconv -f UTF-8 -t UTF-8 "$work/out" 2>&1 >/dev/null)"
expect_events 'a character in two reads stays whole, what is none is replaced' '[.[] |
  select(.event == "node_output").text] | join("") == "grün\nbad \ufffd\ufffd byte\ncut \ufffd\ufffd"'

# --- the environment ---
mkdir "$work/env"
cd "$work/env" || exit
cat >trilock.toml <<'TOML'
[command.bare]
run = ["env"]

[command.more]
run = ["env"]
env = { MINE = "declared" }
pass-env = ["PASSED", "NOT_SET"]
secret-env = ["SECRET"]
TOML
# What `env` prints of its environment, sorted, as one line.
seen() { # label
  jq -rs --arg node "$1" '[.[] | select(.event == "node_output" and .label == $node).text] | join("") | rtrimstr("\n")' "$work/out" |
    LC_ALL=C sort | paste -sd' '
}
dirty=(env -i "PATH=$PATH" HOME=/h TMPDIR=/tmp TERM=xterm LANG=de_DE.UTF-8 LC_ALL=C PWD=/ USER=me SHELL=/bin/zsh GOFLAGS=-x
  CI=true PASSED=through SECRET=hunter2 LD_LIBRARY_PATH=/nowhere "XDG_CACHE_HOME=$XDG_CACHE_HOME" "XDG_STATE_HOME=$XDG_STATE_HOME")
"${dirty[@]}" "$TRILOCK" run --json --force >"$work/out"
base="HOME=/h LANG=C.UTF-8"
expect_equal 'a process sees the documented list and nothing else' "$base PATH=$PATH TMPDIR=/tmp" "$(seen command.bare)"
expect_equal 'and what its node names' "$base MINE=declared PASSED=through PATH=$PATH SECRET=*** TMPDIR=/tmp" \
  "$(seen command.more)"
env -i "XDG_CACHE_HOME=$XDG_CACHE_HOME" "XDG_STATE_HOME=$XDG_STATE_HOME" "$TRILOCK" run --json --force >"$work/out"
expect_equal 'what is not set stays away, PATH has a default' \
  'LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$(seen command.bare)"

# --- colors ---
cat >trilock.toml <<'TOML'
[command.red]
script = 'printf "\033[31mred\033[0m\n"'
cache = false
TOML
escapes() { # environment…
  env "$@" "$TRILOCK" run --output new | grep -c $'\033'
}
expect_equal 'no colors where there is no terminal' 0 "$(escapes TERM=xterm)"
expect_equal 'FORCE_COLOR: colors all the same' 2 "$(escapes FORCE_COLOR=1)"
expect_equal 'CLICOLOR_FORCE: colors all the same' 2 "$(escapes CLICOLOR_FORCE=1)"
expect_equal 'NO_COLOR wins' 0 "$(escapes FORCE_COLOR=1 NO_COLOR=1)"

# --- secrets ---
mkdir "$work/secrets"
cd "$work/secrets" || exit
cat >trilock.toml <<'TOML'
[command.leak]
script = '''
printf 'plain %s\n' "$TOKEN"
printf '%.5s' "$TOKEN"; sleep 0.3; printf '%s\n' "$${TOKEN#?????}"
printf '%s' "$TOKEN" | base64
printf 'user:%s' "$TOKEN" | base64
jq -rn '$ENV.TOKEN | @uri, tojson'
printf '%s\n' "$KEY"
echo "$KEY" | grep MIIE >&2
'''
secret-env = ["TOKEN", "KEY"]

[command.argument]
run = ["sh", "-c", "echo $0; exit 3", "${env.TOKEN}"]
after = ["command.leak"]

[command.file]
run = ["cat", "leaked"]
after = ["command.leak"]
TOML
export TOKEN='s3cr"t/wörd' KEY=$'-----BEGIN KEY-----\nMIIEowIBAAKCAQ\n-----END KEY-----'
printf 'elsewhere %s\n' "$TOKEN" >leaked
forms() {
  printf '%s\n' "$TOKEN" "$(printf %s "$TOKEN" | base64)" "$(printf 'user:%s' "$TOKEN" | base64 | cut -c9-20)" \
    MIIEowIBAAKCAQ 'BEGIN KEY'
  jq -rn '$ENV.TOKEN | @uri, (tojson | .[1:-1])'
}
forms >"$work/forms"
expect_equal 'seven forms of secrets are looked for' 7 "$(wc -l <"$work/forms")"
: >"$work/all"
summary=$work/summary.md
for args in '--output new' '--output full' '--json --output full' '--dry-run' '-v'; do
  # shellcheck disable=SC2086
  trilock run --keep-going $args
  cat "$work/out" "$work/err" >>"$work/all"
done
GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=$summary trilock run --keep-going --force
cat "$work/out" "$work/err" "$summary" >>"$work/all"
for label in command.leak command.argument command.file; do
  trilock why "$label"
  cat "$work/out" "$work/err" >>"$work/all"
  trilock why --json "$label"
  cat "$work/out" "$work/err" >>"$work/all"
done
TOKEN=another-secret trilock why command.argument
cat "$work/out" "$work/err" >>"$work/all"
cp trilock.toml kept.toml
printf '\n[command.lost]\nrun = ["true"]\nneeds = ["command.${env.TOKEN}"]\nsecret-env = ["TOKEN"]\n' >>trilock.toml
trilock check
cat "$work/out" "$work/err" >>"$work/all"
expect_contains 'a diagnostic is shown without it' 'error: unknown node `command.***`' "$err"
mv kept.toml trilock.toml
expect_contains 'the output is there' 'plain ***' "$(cat "$work/all")"
expect_contains 'what another node writes is redacted too' 'elsewhere ***' "$(cat "$work/all")"
expect_contains 'a failing command line is shown without it' "\$ sh -c 'echo \$0; exit 3' '***'" "$(cat "$work/all")"
expect_equal 'no form of a secret is printed' '' "$(grep -aFf "$work/forms" "$work/all")"
expect_equal 'no form of a secret is recorded' '' "$(grep -raFlf "$work/forms" .trilock "$XDG_CACHE_HOME")"

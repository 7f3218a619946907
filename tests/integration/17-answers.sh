#!/usr/bin/env bash
# Answers to questions: query, graph, why, what a dry run says, and JSON from every command, errors included.
. "$(dirname "$0")/lib.sh"
command -v dot >/dev/null || die "graphviz's dot is not in PATH: apt-get install graphviz"
mkdir "$work/a" "$work/bin"
cd "$work/a" || exit
printf '#!/bin/sh\nexec cat "$@"\n' >"$work/bin/copy"
chmod +x "$work/bin/copy"
export PATH=$work/bin:$PATH
cat >trilock.toml <<'TOML'
[pipeline]
name = "answers"
version = 1

[command.gen]
description = "makes a text"
script = 'copy src/*.txt >out/gen.txt; echo "$MODE" >>out/gen.txt; mkdir -p out/tree; echo t >out/tree/t'
inputs = ["src/*.txt"]
outputs = ["out/gen.txt", "out/tree"]
env = { MODE = "fast" }
pass-env = ["PASSED", "NOT_SET"]
secret-env = ["TOKEN"]

[command.use]
run = ["copy", "out/gen.txt"]
needs = ["command.gen"]
matrix = { v = ['say "hi"', "a&b;<x>", "ü→日本", "back\\slash", "#quot;"] }

[command.end]
run = ["true"]
after = ["command.use"]

[command.alone]
run = ["true"]
TOML
mkdir src
echo one >src/one.txt
echo two >src/two.txt
export PASSED=yes TOKEN=very-secret-value

expect_json() { # what, jq condition
  local found
  if found=$(jq -s -e "$2" "$work/out" 2>&1); then
    pass "$1"
  else
    fail "$1" "$(printf 'expected to hold: %s\nfound: %s\n%s' "$2" "$found" "$(head -c 1500 "$work/out")")"
  fi
}

# --- query ---
expect_query() { # what, expression, labels in one line
  trilock query "$2"
  expect_equal "query: $1" "0 $3" "$code $(paste -sd' ' <<<"$out")"
}
expect_query 'deps' 'deps(command.use[v=#quot;])' 'command.gen command.use[v=#quot;]'
expect_query 'rdeps, and a difference' 'rdeps(command.gen) - command.use' 'command.gen command.end'
expect_query 'a path' 'path(command.end, command.gen)' 'command.end command.use[v=say "hi"] command.gen'
expect_query 'a label in quotes' "'command.use[v=a&b;<x>]' + command.alone" 'command.use[v=a&b;<x>] command.alone'
expect_query 'all that nobody depends on' '* - deps(command.end)' 'command.alone'
trilock query 'path(command.alone, command.gen)'
expect_equal 'query: no path is an empty answer' '0 ' "$code $out"
expect_contains 'query: and a note' 'neither of the two depends on the other' "$err"
trilock query --json 'deps(command.gen)'
expect_json 'query --json' '.[0] == {version: 1, query: "deps(command.gen)", nodes: [{label: "command.gen", rule: "command",
  description: "makes a text"}]}'
trilock query --json 'deps(command.gne)'
expect_code 'query --json: a mistake is 2' 2
expect_json 'query --json: a mistake with its place' '.[0].diagnostics[0] | .message == "no node is called `command.gne`" and
  .line == 1 and .column == 6 and .help == "did you mean `command.gen`?"'
trilock query
expect_code 'query: without an expression 2' 2

# --- graph: graphviz reads back the labels that were meant ---
trilock list --json
labels=$(jq -r '.nodes[].label' "$work/out" | LC_ALL=C sort)
trilock graph
expect_same 'graph dot: graphviz finds every label' "$labels" \
  "$(printf '%s\n' "$out" | dot -Tsvg | sed -nE 's/.*<text[^>]*>(.*\[.*\]|command\.(gen|end|alone))<\/text>.*/\1/p' |
    sed -e 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#45;/-/g; s/&amp;/\&/g' | LC_ALL=C sort)"
expect_equal 'graph dot: graphviz finds every edge' 10 "$(printf '%s\n' "$out" | dot -Tplain | grep -c '^edge')"
expect_contains 'graph dot: a matrix stands in a frame' 'label="command.use"' "$out"
trilock graph --format svg
expect_code 'graph svg: done' 0
expect_match 'graph svg: a picture' '^<svg width' "$out"
(PATH=/nowhere && exec "$TRILOCK" graph --format svg) >"$work/out" 2>"$work/err"
expect_equal 'graph svg: without graphviz 5' 5 $?
expect_contains 'graph svg: without graphviz, advice' 'apt-get install graphviz' "$(cat "$work/err")"
trilock graph --format mermaid
expect_contains 'graph mermaid: quotes' '["command.use[v=say #quot;hi#quot;]"]' "$out"
expect_contains 'graph mermaid: what would be an entity' '["command.use[v=#35;quot;]"]' "$out"
expect_contains 'graph mermaid: unicode' '["command.use[v=ü→日本]"]' "$out"
expect_contains 'graph mermaid: a frame' 'subgraph t0["command.use"]' "$out"
expect_contains 'graph mermaid: order only' '-.->' "$out"

# --- a dry run ---
trilock run --dry-run
expect_code 'dry run: done' 0
expect_contains 'dry run: what and why' 'would run command.gen: no earlier result' "$out"
expect_no_file 'dry run: ran nothing' out
expect_no_file 'dry run: wrote nothing' .trilock
trilock run
expect_code 'run' 0
trilock run -n
expect_match 'dry run: nothing to do' '^8 nodes: 0 would run, 8 unchanged, 0 failed' "$out"
rm -r out
trilock run -n
expect_contains 'dry run: restored' 'would restore command.gen: `out/gen.txt` is missing' "$out"
expect_no_file 'dry run: restored nothing' out
trilock run -n --json
expect_json 'dry run --json: events' '(map(select(.label == "command.gen"))[0].outcome == "restored") and
  .[-1].event == "run_finished" and .[-1].counts.restored == 1 and (map(.event) | index("node_started")) == null'
trilock run
expect_code 'run: restores' 0

# --- why: what changed, by name ---
expect_why() { # what, text that is listed
  trilock why command.gen
  expect_contains "why: $1" "
  $2" "$out"
}
trilock why command.gen
expect_contains 'why: unchanged' 'command.gen: unchanged since its last successful run' "$out"
for line in 'base     PATH = ' 'base     HOME = ' 'base     LANG = C.UTF-8' 'declared MODE = fast' 'passed   PASSED = yes' \
  'passed   NOT_SET (not set)' 'secret   TOKEN'; do
  expect_contains "why: the class of a variable: $line" "
  $line" "$out"
done
expect_equal 'why: no secret' '' "$(grep very-secret <<<"$out")"
trilock why --json command.gen
expect_equal 'why --json: no secret' '' "$(grep very-secret <<<"$out")"
expect_json 'why --json: its shape' '.[0] | (keys == ["changes", "fields", "key", "label", "reason", "version"]) and
  (.fields | map(keys == ["name", "value"]) | all) and .changes == [] and .version == 1 and
  ([.fields[].name] | contains(["env MODE", "secret TOKEN", "input src/one.txt", "output out/gen.txt"]))'
echo more >>src/one.txt
expect_why 'an input' 'input src/one.txt: content changed'
trilock why --json command.gen
expect_json 'why --json: an input' '.[0].changes | length == 1 and (.[0] | keys) == ["field", "now", "was"] and
  .[0].field == "input src/one.txt" and .[0].was != .[0].now'
echo one >src/one.txt
chmod 755 src/one.txt
expect_why 'a mode' 'input src/one.txt: mode 644 -> 755'
chmod 644 src/one.txt
echo three >src/three.txt
expect_why 'an input that is new' 'input src/three.txt: added'
rm src/three.txt src/two.txt
expect_why 'an input that is gone' 'input src/two.txt: removed'
echo two >src/two.txt
sed -i 's/MODE = "fast"/MODE = "slow"/' trilock.toml
expect_why 'a variable' 'env MODE: "fast" -> "slow"'
sed -i 's/MODE = "slow"/MODE = "fast"/' trilock.toml
PASSED=no expect_why 'a variable that is passed on' 'env PASSED: "yes" -> "no"'
TOKEN=other trilock why command.gen
expect_contains 'why: another secret is no change' 'unchanged since' "$out"
rm out/gen.txt
expect_why 'an output that is gone' 'output out/gen.txt: missing'
trilock why --json command.gen
expect_json 'why --json: an output that is gone' '.[0].changes | map({field, now}) == [{field: "output out/gen.txt", now: null}]'
trilock run
echo x >>out/tree/t && touch out/tree/new
expect_why 'an output that is different' 'output out/tree/t: content changed'
expect_why 'what is in the place of outputs' 'output out/tree/new: not made by its last run'
trilock run --overwrite
mkdir "$work/other" && sed 's/exec/exec /' "$work/bin/copy" >"$work/other/copy" && chmod +x "$work/other/copy"
PATH=$work/other:$PATH trilock why 'command.use[v=#quot;]'
expect_match 'why: a tool' '^  tool copy: ' "$out"
expect_contains 'why: where a value comes from' 'from command.gen = ' "$out"

# --- on a terminal: colours, and no line wider than it ---
on_terminal() { # columns, arguments
  local columns=$1
  shift
  script -qec "stty cols $columns; $* " /dev/null </dev/null | tr -d '\r'
}
page=$(TERM=xterm on_terminal 40 "$TRILOCK" why command.gen)
expect_contains 'why on a terminal: colours' $'\e[1mcommand.gen\e[0m' "$page"
expect_equal 'why on a terminal of 40 columns: no field is wider' '' \
  "$(sed 's/\x1b\[[0-9;]*m//g' <<<"$page" | tail -n +2 | grep '^  ' | LC_ALL=C.UTF-8 grep -E '^.{41}')"
expect_equal 'why: NO_COLOR' '' "$(NO_COLOR=1 TERM=xterm on_terminal 80 "$TRILOCK" why command.gen | grep $'\e\\[')"

# --- JSON of every command that gives results, and of every way to fail before one ---
for command in why graph query affected list check clean run; do
  operand=
  case $command in
  why | query) operand=command.gen ;;
  affected) operand=--since=HEAD ;;
  esac
  trilock $command --json $operand --no-such-flag
  expect_equal "$command --json: an unknown flag" "2 unknown option \`--no-such-flag\`" \
    "$code $(jq -rs 'map(.diagnostics[0].message // (select(.event == "diagnostic") | .message))[0]' "$work/out")"
  (cd / && timeout 60 "$TRILOCK" $command --json $operand) >"$work/out" 2>"$work/err"
  expect_equal "$command --json: no pipeline" 2 $?
  expect_json "$command --json: no pipeline, as JSON" '[.[] | (.diagnostics // [select(.event == "diagnostic")])[]] |
    length == 1 and (.[0].message | contains("trilock.toml")) and .[0].severity == "error" and (.[0].help | type) == "string"'
done
trilock clean --json command.gen
expect_json 'clean --json' '.[0].version == 1 and (.[0].removed | sort) ==
  ["out/gen.txt", "out/tree", "out/tree/t"]'
sed -i 's/^\[command.alone\]/[comand.alone]/' trilock.toml
for command in list 'query *' 'why command.gen' graph clean; do
  set -f
  # shellcheck disable=SC2086
  trilock $command --json
  set +f
  expect_equal "${command%% *} --json of a bad pipeline: 2" 2 "$code"
  expect_json "${command%% *} --json of a bad pipeline: its diagnostics" '.[0].version == 1 and
    (.[0].diagnostics[0] | .file == "trilock.toml" and .line == 23)'
done

#!/usr/bin/env bash
# Every command of the tool on one small pipeline: what it prints, its JSON, its exit code.
. "$(dirname "$0")/lib.sh"
mkdir "$work/a"
cd "$work/a" || exit
cat >trilock.toml <<'TOML'
[pipeline]
name = "commands"
version = 1

[vars]
who = "world"

[command.greet]
description = "writes a greeting"
script = 'echo "hello $WHO" >out/greeting.txt'
outputs = ["out/greeting.txt"]
env = { WHO = "${var.who}" }

[command.count]
description = "counts words"
script = 'wc -w <"$FILE" >out/count.$FORM; echo counted; echo careful >&2'
env = { FILE = "${command.greet.out}", FORM = "${matrix.form}" }
outputs = ["out/count.${matrix.form}"]
matrix = { form = ["long", "short"] }

[command.last]
run = ["true"]
after = ["command.count"]
TOML

# Asserts that the JSON file, read as one array, fulfils a jq condition.
expect_json() { # what, jq condition, file
  local found
  if found=$(jq -s -e "$2" "$3" 2>&1); then
    pass "$1"
  else
    fail "$1" "$(printf 'expected to hold: %s\nfound: %s\n%s' "$2" "$found" "$(head -c 1500 "$3")")"
  fi
}

# --- check, list, graph: nothing runs ---
trilock check
expect_code 'check: a good pipeline' 0
expect_no_file 'check: runs nothing' out
trilock check --json
expect_json 'check --json: no diagnostics' 'length == 1 and .[0] == {version: 1, diagnostics: []}' "$work/out"

trilock list
expect_code 'list: done' 0
for label in command.greet 'command.count[form=long]' 'command.count[form=short]' command.last; do
  expect_contains "list: names $label" "$label" "$out"
done
expect_contains 'list: has descriptions' 'writes a greeting' "$out"
trilock list --json
expect_json 'list --json: all nodes' \
  '.[0].version == 1 and ([.[0].nodes[].label] | sort) == ["command.count[form=long]", "command.count[form=short]",
   "command.greet", "command.last"]' "$work/out"

trilock graph --format json
expect_json 'graph json: nodes and edges' '.[0].version == 1 and (.[0].nodes | length) == 4 and (.[0].edges | length) == 4' \
  "$work/out"
trilock graph --format dot
expect_match 'graph dot: begins as a digraph' '^digraph ' "$out"
expect_equal 'graph dot: four edges' 4 "$(grep -c -- '->' <<<"$out")"
expect_equal 'graph dot: braces are closed' 1 "$(grep -c '^}$' <<<"$out")"
trilock graph --format mermaid
expect_match 'graph mermaid: begins as a flowchart' '^(flowchart|graph) ' "$out"
expect_equal 'graph mermaid: four edges' 4 "$(grep -cE -- '-->|-\.->' <<<"$out")"
trilock graph --format json command.greet
expect_json 'graph of one label: what it needs alone' '[.[0].nodes[].label] == ["command.greet"]' "$work/out"
trilock graph --format png
expect_code 'graph: an unknown format is a usage error' 2

# --- run ---
run_json
expect_code 'run --json: done' 0
expect_json 'run --json: the first event starts the run' '.[0].event == "run_started" and (.[0].run | type) == "number"
  and .[0].nodes == 4' "$events"
expect_json 'run --json: the last event ends it' '.[-1].event == "run_finished" and .[-1].exit_code == 0
  and (.[-1].duration_ms | type) == "number"' "$events"
expect_json 'run --json: counts have one entry per outcome' \
  '(.[-1].counts | keys) == ["cancelled", "failed", "ran", "restored", "skipped", "unchanged", "waiting"]
   and .[-1].counts.ran == 4 and ([.[-1].counts[]] | add) == 4' "$events"
expect_json 'run --json: each node starts before it finishes, once' \
  '[.[] | select(.event == "node_finished").label] as $labels | [.[] | .event + " " + (.label // "")] as $order |
   ($labels | length) == 4 and ($labels | unique | length) == 4 and all($labels[]; . as $l |
   ($order | index("node_started " + $l)) as $start | $start != null and $start < ($order | index("node_finished " + $l)))' "$events"
expect_json 'run --json: node_finished has its fields' '[.[] | select(.event == "node_finished")] | all(
  (.label | type) == "string" and .outcome == "ran" and (.key | test("^[0-9a-f]{32}$")) and (.reason | type) == "string"
  and (.duration_ms | type) == "number" and (.values | type) == "object")' "$events"
expect_json 'run --json: output comes with its stream' '[.[] | select(.event == "node_output" and
  .label == "command.count[form=long]")] as $o | ([$o[] | select(.stream == "stdout").text] | join("")) == "counted\n" and
  ([$o[] | select(.stream == "stderr").text] | join("")) == "careful\n"' "$events"
expect_json 'run --json: only known events' '[.[].event] | unique - ["run_started", "node_started", "node_output",
  "node_finished", "diagnostic", "run_finished"] == []' "$events"
expect_equal 'run: the greeting is there' 'hello world' "$(cat out/greeting.txt)"

trilock run
expect_code 'run again: done' 0
expect_match 'run again: the summary line' '^4 nodes: 0 ran, 4 unchanged, 0 failed in [0-9.]+ (s|min [0-9]+ s)$' "$out$err"
trilock run command.count
expect_match 'run of a table: its nodes and what they need' '^3 nodes: ' "$out$err"
trilock run 'command.c*'
expect_match 'run of a glob' '^3 nodes: ' "$out$err"
run_json --force command.greet
expect_ran 'run --force: runs although nothing changed' command.greet
run_json
expect_ran 'and what came out the same leaves the others alone'
run_json --var who=you
expect_ran '--var: what uses it runs, and what reads its output' command.greet \
  'command.count[form=long]' 'command.count[form=short]'
TRILOCK_VAR_who=world run_json
expect_ran 'TRILOCK_VAR_: back again, from the cache'
expect_equal 'TRILOCK_VAR_: the greeting is restored' 'hello world' "$(cat out/greeting.txt)"

# --- why ---
trilock why command.greet
expect_code 'why: done' 0
expect_contains 'why: names the variable' 'WHO' "$out"
trilock why --json command.greet
expect_json 'why --json: its shape' '.[0].version == 1 and .[0].label == "command.greet" and
  (.[0].key | test("^[0-9a-f]{32}$")) and ([.[0].fields[] | keys == ["name", "value"]] | all) and .[0].changes == [] and
  (.[0].reason | type) == "string"' "$work/out"
trilock why --json --var who=you command.greet
expect_json 'why --json: what changed, by name' '[.[0].changes[] | select((.field | contains("WHO")) and .was == "world"
  and .now == "you")] | length == 1' "$work/out"
trilock why command.nobody
expect_code 'why: an unknown label is a usage error' 2

# --- clean ---
echo mine >out/mine.txt
trilock clean
expect_code 'clean: done' 0
expect_no_file 'clean: outputs are gone' out/greeting.txt
expect_file 'clean: what nobody declared stays' out/mine.txt
expect_file 'clean: sources stay' trilock.toml
run_json
expect_ran 'after clean: the outputs come out of the cache'
expect_equal 'after clean: the greeting is there' 'hello world' "$(cat out/greeting.txt)"

# --- exit codes ---
trilock
expect_contains 'no command: help' 'usage: trilock COMMAND' "$out"
trilock --version
expect_match '--version' '^trilock [0-9]+\.[0-9]+\.[0-9]+$' "$out"
cat >>trilock.toml <<'TOML'

[command.broken]
script = 'echo about to fail; exit 7'

[command.dependent]
run = ["true"]
needs = ["command.broken"]
TOML
run_json
expect_code 'a node that fails: 1' 1
expect_json 'a node that fails: is failed, and its dependant skipped because of it' \
  '[.[] | select(.event == "node_finished")] | (map(select(.label == "command.broken").outcome) == ["failed"]) and
   (map(select(.label == "command.dependent").outcome) == ["skipped"]) and
   (map(select(.label == "command.dependent").reason)[0] | contains("command.broken"))' "$events"
trilock run
expect_contains 'a node that fails: its output is shown' 'about to fail' "$out$err"
sed -i 's/^\[command.broken\]/[comand.broken]/' trilock.toml
trilock run
expect_code 'a bad pipeline: 2' 2
trilock check
expect_code 'check of a bad pipeline: 2' 2
trilock check --json
expect_code 'check --json of a bad pipeline: 2' 2
expect_json 'check --json: diagnostics with their place' '.[0].version == 1 and (.[0].diagnostics | length) > 0 and
  (.[0].diagnostics[0] | .severity == "error" and .file == "trilock.toml" and (.line | type) == "number" and
   (.column | type) == "number" and (.message | type) == "string")' "$work/out"
trilock run --json
expect_json 'run --json of a bad pipeline: the diagnostic is an event' \
  '[.[] | select(.event == "diagnostic")] | length > 0' "$work/out"
trilock frobnicate
expect_code 'an unknown command: 2' 2
cat >trilock.toml <<'TOML'
[pipeline]
name = "commands"
version = 1

[command.lint]
run = ["a-tool-that-nobody-has"]
TOML
trilock run
expect_code 'a missing tool: 5' 5
cd / && trilock run
expect_code 'no pipeline: 2' 2

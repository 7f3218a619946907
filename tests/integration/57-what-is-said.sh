#!/usr/bin/env bash
# What decides, counts, and what is said, is so: programs that a node starts by itself, what `why` and a dry run say of
# nodes behind others that would run, and nodes that weigh more than there is room for.
. "$(dirname "$0")/lib.sh"
base_path=$PATH
mkdir -p "$work/bin" "$work/first" "$work/ws"
export PATH=$work/bin:$base_path

program() { # path, what it says
  printf '#!/bin/sh\necho %s\n' "$2" >"$1"
  chmod +x "$1"
}
last_line() {
  tail -n 1 <<<"$out"
}

# --- programs that are declared ---
cd "$work/ws" || exit
program "$work/bin/mytool" 1
cat >trilock.toml <<'TOML'
[vars]
tool = "mytool"
[defaults]
programs = ["${var.tool}"]
[command.a]
script = "mytool >out-${matrix.x}"
matrix = { x = ["1", "2"] }
outputs = ["out-${matrix.x}"]
[command.none]
script = "echo none >none"
programs = []
outputs = ["none"]
TOML
trilock run
expect_code 'a default for every node, with a variable in it' 0
trilock run
expect_match 'nothing to do' '^3 nodes: 0 ran, 3 unchanged' "$(last_line)"
program "$work/bin/mytool" 2
trilock why --json 'command.a[x=1]'
expect_equal 'why names the program' 'program mytool' "$(jq -r '[.changes[].field] | join(" ")' "$work/out")"
expect_equal 'why gives the reason' 'would run: program mytool: content changed' "$(jq -r .reason "$work/out")"
run_json
expect_ran 'another program: the nodes that declare it run' 'command.a[x=1]' 'command.a[x=2]'
expect_equal 'with the new one' '2 2' "$(cat out-1 out-2 | paste -sd' ')"
touch "$work/bin/mytool"
run_json
expect_ran 'the same program, touched: nothing runs'

trilock run
program "$work/first/mytool" 3
PATH=$work/first:$PATH
trilock run
expect_match 'one that comes first in another PATH' '^3 nodes: 2 ran' "$(last_line)"
trilock run
rm "$work/first/mytool"
trilock run
expect_match 'and is gone again: what it was is restored' '^3 nodes: 0 ran, 2 restored' "$(last_line)"
trilock run
program "$work/first/mytool" 4
trilock run
expect_match 'a new one in a folder of the same PATH is noticed when there is nothing else to do' '^3 nodes: 2 ran' \
  "$(last_line)"
PATH=$work/bin:$base_path
rm "$work/first/mytool"

program "$work/first/real" 5
ln -sf ../first/real "$work/bin/mytool"
trilock run
trilock run
program "$work/first/other" 6
ln -sf ../first/other "$work/bin/mytool"
trilock run
expect_match 'a symlink that leads to another one' '^3 nodes: 2 ran' "$(last_line)"
rm "$work/bin/mytool"
printf '#!/usr/bin/env speak\n' >"$work/bin/mytool"
chmod +x "$work/bin/mytool"
printf '#!/bin/sh\necho one\n' >"$work/bin/speak"
chmod +x "$work/bin/speak"
trilock run
printf '#!/bin/sh\necho two\n' >"$work/bin/speak"
trilock run
expect_match 'the interpreter of one counts' 'program speak of mytool: content changed' "$out"
expect_equal 'with the new interpreter' two "$(cat out-1)"

# Another checkout with the same program finds the results; one with another program does not.
rm "$work/bin/speak"
program "$work/bin/mytool" 7
trilock run
mkdir "$work/second"
cp trilock.toml "$work/second"
cd "$work/second" || exit
run_json
expect_equal 'another checkout, the same program: restored' 3 "$(outcomes | grep -c ' restored$')"
rm -rf .trilock out-*
program "$work/bin/mytool" 8
run_json
expect_equal 'another checkout, another program: run' 'command.a[x=1] command.a[x=2]' "$(that_ran)"

# --- a PATH of its own, a program of the workspace, a missing one ---
mkdir -p "$work/ws2/tools" "$work/ws2/own"
cd "$work/ws2" || exit
program own/mytool 1
program tools/gen 1
cat >trilock.toml <<TOML
[command.path]
script = "mytool >path"
programs = ["mytool"]
env = { PATH = "$work/ws2/own:/usr/bin:/bin" }
outputs = ["path"]
[command.gen]
script = "./gen >../made"
dir = "tools"
programs = ["./gen"]
outputs = ["../made"]
TOML
trilock run
expect_code 'programs in a PATH of its own and in the workspace' 0
program own/mytool 2
program tools/gen 2
run_json
expect_ran 'both count' command.gen command.path
expect_equal 'both are the new ones' '2 2' "$(cat path made | paste -sd' ')"
printf '[command.a]\nscript = "true"\nprograms = ["no-such-program"]\n' >trilock.toml
trilock run
expect_code 'a missing program is one of the surroundings' 5
expect_contains 'and named' 'error: command.a: `no-such-program` is not in PATH' "$err"
trilock check --json
expect_code 'check goes on without it' 0
expect_equal 'and warns' 'warning `no-such-program` is not in PATH 3' \
  "$(jq -r '.diagnostics[] | "\(.severity) \(.message) \(.line)"' "$work/out")"

# --- programs that nobody declared ---
program "$work/bin/sed" x
cat >trilock.toml <<'TOML'
[command.a]
script = """
X=1 mytool | sort >out   # perl
while read -r line; do perl -e "$line"; done <<END
no words of a document: jq
END
f() { jq .; }
f; "$TOOL" x; ./tools/gen
"""
outputs = ["out"]
[command.b]
run = ["bash", "-euo", "pipefail", "-c", "cat x; perl -e 1"]
[command.c]
run = ["mytool"]
[command.d]
script = "perl -e 1; sed p"
programs = ["perl"]
[command.e]
script = "perl -e 1"
programs = []
[command.f]
script = "perl -e ${matrix.x}"
matrix = { x = ["1", "2"] }
TOML
trilock check --json
expect_code 'check names them and is content' 0
expect_same 'each node with what does not count, at its script' '2 `script` starts `mytool`, `perl`, `jq` and `./tools/gen`, which do not count
12 `bash` starts `perl`, which does not count
16 `script` starts `sed`, which does not count
22 `script` starts `perl`, which does not count' \
  "$(jq -r '.diagnostics[] | select(.severity == "note") | "\(.line) \(.message)"' "$work/out")"
expect_equal 'with the key to add' 'declare `programs = ["perl", "sed"]`, or `programs = []` when they decide nothing' \
  "$(jq -r '.diagnostics[] | select(.line == 16) | .help' "$work/out")"
trilock check
expect_match 'as text' '^note: `script` starts `mytool`' "$err"
trilock run --dry-run
expect_equal 'a run says nothing of it' '' "$err"
rm "$work/bin/sed"

# --- why, and what a dry run counts ---
export XDG_CACHE_HOME=$work/cache3
mkdir "$work/ws3"
cd "$work/ws3" || exit
cat >trilock.toml <<'TOML'
[command.gen]
script = "grep -v '^#' in >lines"
inputs = ["in"]
outputs = ["lines"]
[command.use]
script = "cat ${command.gen.out} more >used"
inputs = ["more"]
outputs = ["used"]
[command.end]
script = "cat used >ended"
needs = ["command.use"]
outputs = ["ended"]
[command.later]
script = "cat more >late"
inputs = ["more"]
after = ["command.gen"]
outputs = ["late"]
TOML
printf 'text\n# one\n' >in
echo more >more
trilock run --dry-run --exit-code
expect_code 'a first run would run something' 1
expect_match 'all of it' '^4 nodes: 4 would run, 0 unchanged, 0 failed' "$(last_line)"
trilock run
expect_match 'and so it does' '^4 nodes: 4 ran, ' "$(last_line)"
trilock run --dry-run --exit-code
expect_code 'nothing to do: code 0' 0
expect_match 'nothing to do: counts' '^4 nodes: 0 would run, 4 unchanged, 0 failed' "$(last_line)"
trilock why command.end
expect_equal 'why of a node with nothing before it changed' \
  'command.end: unchanged since its last successful run' "$(head -n 1 <<<"$out")"

printf 'text\n# two\n' >in
trilock why --json command.use
expect_equal 'why knows of the node before it' \
  'may run: command.gen, to which it refers, would run: input in: content changed' "$(jq -r .reason "$work/out")"
expect_equal 'and what it gave is not known' 'from command.gen string null' \
  "$(jq -r '.changes[] | "\(.field) \(.was | type) \(.now)"' "$work/out")"
trilock why command.end
expect_equal 'also from afar' \
  'command.end: may run: command.use, which it needs, may run, since command.gen would run: input in: content changed' \
  "$(head -n 1 <<<"$out")"
trilock why --json command.later
expect_equal 'order only: it stays' 'unchanged since its last successful run' "$(jq -r .reason "$work/out")"

trilock run --dry-run --json --exit-code
expect_code 'something would run' 1
expect_equal 'what may run is counted apart' '1 2 1' \
  "$(jq -r 'select(.event == "run_finished").counts | "\(.ran) \(.may_run) \(.unchanged)"' "$work/out")"
expect_equal 'and has no key' 'command.use null if command.gen comes out different' \
  "$(jq -r 'select(.outcome == "may_run" and .label == "command.use") | "\(.label) \(.key) \(.reason)"' "$work/out")"
trilock run --dry-run
expect_match 'as text' '^4 nodes: 1 would run, 2 may run, 1 unchanged, 0 failed' "$(last_line)"
expect_contains 'with a line for each' 'may run command.end: if command.use comes out different' "$out"
trilock run
expect_match 'the run runs what would run' '^4 nodes: 1 ran, 3 unchanged' "$(last_line)"

printf 'text\n# three\n' >in
echo other >more
trilock run --dry-run
expect_match 'what has changed by itself would run' '^4 nodes: 3 would run, 1 may run, 0 unchanged' "$(last_line)"
trilock run
expect_match 'and does' '^4 nodes: 4 ran' "$(last_line)"

# What the cache has is restored, and what comes behind is decided with that.
printf 'text\n# one\n' >in
echo more >more
trilock run --dry-run --exit-code
expect_code 'what would be restored runs nothing' 0
expect_match 'it is counted as that' '^4 nodes: 0 would run, 4 would be restored, 0 unchanged' "$(last_line)"
trilock run
expect_match 'and is restored' '^4 nodes: 0 ran, 4 restored' "$(last_line)"
rm lines
trilock run --dry-run
expect_match 'a lost output too' '^4 nodes: 0 would run, 1 would be restored, 3 unchanged' "$(last_line)"
trilock run --exit-code
expect_code '--exit-code is for dry runs' 2

# --- more weight than there is ---
mkdir "$work/ws4"
cd "$work/ws4" || exit
cat >trilock.toml <<'TOML'
[pools]
q = 1
[defaults]
weight = 5
pool = "q"
[command.heavy]
script = "echo in >>log; sleep 0.1; echo out >>log"
matrix = { x = ["1", "2", "3"] }
cache = false
[command.light]
script = "echo in >>log; sleep 0.1; echo out >>log"
weight = 1
cache = false
TOML
for jobs in 1 8; do
  rm -f log
  trilock_limit=60 trilock run -j $jobs
  expect_code "weight 5 in a pool of one slot, $jobs jobs" 0
  expect_equal 'one at a time' 'in out in out in out in out' "$(paste -sd' ' log)"
done
sed -i '/pool/d;/^q/d' trilock.toml
rm -f log
trilock_limit=60 trilock run -j 2
expect_code 'weight 5 with two jobs' 0
expect_match 'each alone' '^(in out ?){4}$' "$(paste -sd' ' log)"

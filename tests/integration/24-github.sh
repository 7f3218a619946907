#!/usr/bin/env bash
# GitHub Actions: groups, annotations, the step summary, and that no output of a process is obeyed as a command.
. "$(dirname "$0")/lib.sh"
export GITHUB_ACTIONS=true GITHUB_WORKSPACE=$work/repository GITHUB_STEP_SUMMARY=$work/summary.md
mkdir -p "$GITHUB_WORKSPACE/svc/internal/x" "$GITHUB_WORKSPACE/svc/src"
cd "$GITHUB_WORKSPACE/svc" || exit

# What the runner would make of a log: the commands that it obeys, as actions/runner reads them (ActionCommand.cs and
# ActionCommandManager.cs): `::name …::` after blanks, `##[name]` anywhere, neither between a stop and its token.
obeyed() {
  awk '
    stopped != "" { if ($0 == "::" stopped "::") stopped = ""; next }
    { line = $0; sub(/^[ \t]+/, "", line) }
    line ~ /^::stop-commands::/ { stopped = substr(line, 18); next }
    line ~ /^::[a-zA-Z-]+( [^:]*)?::/ || line ~ /##\[[a-zA-Z-]+[^\]]*\]/ { print line }'
}

# --- groups, and commands in what processes write ---
cat >trilock.toml <<'TOML'
[command.evil]
script = '''
echo '::error::obeyed'; echo '  ::add-mask::e'; echo 'x ##[error]obeyed'; echo '::stop-commands::mine'; echo '::mine::'
echo '::endgroup::'; printf '\033[0m::warning::obeyed\n'; printf 'a\r::warning::obeyed\n'; printf '\t::group::obeyed'
'''

[command.talk]
script = 'for i in 1 2 3 4 5; do echo "talk $N"; sleep 0.05; done'
env = { N = "${matrix.n}" }
matrix = { n = ["1", "2", "3"] }

[command.silent]
run = ["true"]
TOML
trilock run -j 4
expect_code 'groups: done' 0
cp "$work/out" "$work/log"
expect_same 'only the groups are obeyed, each ended before the next begins' \
  "$(for label in command.evil 'command.talk[n=1]' 'command.talk[n=2]' 'command.talk[n=3]'; do
    printf '::group::%s\n::endgroup::\n' "$label"
  done)" "$(obeyed <"$work/log" | paste - - | LC_ALL=C sort | tr '\t' '\n')"
expect_same 'a group holds the output of its node alone' "$(printf 'talk %s\n' 2 2 2 2 2)" \
  "$(sed -n '/^::group::command.talk\[n=2\]$/,/^::endgroup::$/{/^::/!p}' "$work/log")"
expect_contains 'the output is shown all the same' $'\n::error::obeyed\n' "$(cat "$work/log")"
expect_equal 'nothing goes to standard error' '' "$err"
token=$(sed -n 's/^::stop-commands::\(trilock-.*\)/\1/p' "$work/log")
expect_match 'the token is random' '^trilock-[0-9a-f]{32}$' "$token"
trilock run --force command.evil
expect_equal 'and another one each time' 0 "$(grep -cF "$token" "$work/out")"
trilock run
expect_equal 'with nothing to do: the summary line alone' 1 "$(wc -l <"$work/out")"
trilock run --json
expect_equal 'with --json: nothing but JSON' 0 "$(grep -vc '^{' "$work/out")"

# --- annotations ---
cat >trilock.toml <<'TOML'
[command.fine]
run = ["true"]

[comand.typo]
run = ["true"]
TOML
trilock run
expect_code 'a wrong pipeline' 2
expect_match 'its diagnostic is annotated at its line, relative to the repository' \
  '^::error file=svc/trilock.toml,line=4,col=[0-9]+,title=trilock::unknown ' "$out"
trilock check
expect_match 'by check too' '^::error file=svc/trilock.toml,line=4,' "$out"

cat >go.mod <<'MOD'
module example.com/m

go 1.18
MOD
printf 'package m\n\nimport "fmt"\n\nfunc F() {\n\tfmt.Printf("%%d\\n", "x")\n}\n' >main.go
printf 'package x\n\nimport "testing"\n\nfunc TestX(t *testing.T) {\n\tt.Errorf("got 1, want 2")\n}\n' >internal/x/x_test.go
printf 'int main(void) {\n  return nowhere;\n}\n' >src/main.c
cat >trilock.toml <<'TOML'
[go.vet]
kind = "vet"

[go.test]
kind = "test"
packages = ["./internal/..."]

[command.compile]
run = ["g++", "-x", "c++", "-fsyntax-only", "src/main.c"]
inputs = ["src/main.c"]

[command.bad]
script = "echo 'main.go:7:0: about a: b, 100%'; exit 3"

[command.behind]
run = ["true"]
after = ["command.bad"]
TOML
: >"$GITHUB_STEP_SUMMARY"
trilock run --keep-going
expect_code 'annotations: nodes failed' 1
annotations=$(obeyed <"$work/out" | grep '^::error')
for expected in 'file=svc/trilock.toml,line=1,col=1,title=go.vet::`go vet` failed with exit code ' \
  'file=svc/trilock.toml,line=12,col=1,title=command.bad::`script` failed with exit code 3' \
  'file=svc/main.go,line=7,title=command.bad::about a: b, 100%25' \
  'file=svc/internal/x/x_test.go,line=6,title=go.test::got 1, want 2'; do
  expect_contains "annotation: $expected" "::error $expected" "$annotations"
done
expect_match 'annotation: what go vet says of a line' \
  '^::error file=svc/main.go,line=6,col=[0-9]+,title=go.vet::fmt.Printf format %25d ' "$annotations"
expect_match 'annotation: what the compiler says of a line' \
  "^::error file=svc/src/main.c,line=2,col=10,title=command.compile::.nowhere. was not declared in this scope" "$annotations"

# --- the step summary ---
summary=$(cat "$GITHUB_STEP_SUMMARY")
expect_match 'summary: the counts' '^5 nodes: 0 ran, 0 unchanged, 4 failed, 1 skipped in [0-9.]+ s$' "$summary"
expect_equal 'summary: failures come first' 'failed failed failed failed skipped' \
  "$(sed -nE 's/^\| ([a-z]+) \| `.*/\1/p' "$GITHUB_STEP_SUMMARY" | paste -sd' ')"
expect_match 'summary: a row' '^\| failed \| `command.bad` \| [0-9.]+ s \| \\`script\\` failed with exit code 3 \|$' "$summary"
trilock run --keep-going
expect_equal 'summary: it is appended to what is there' 2 "$(grep -c '^### trilock run$' "$GITHUB_STEP_SUMMARY")"
head -c 1048000 /dev/zero | tr '\0' 'x' >"$GITHUB_STEP_SUMMARY"
trilock run --keep-going
size=$(stat -c %s "$GITHUB_STEP_SUMMARY")
expect_equal 'summary: never more than 1 MiB' 1 "$((size <= 1048576))"

# --- as many annotations as are shown ---
cat >trilock.toml <<'TOML'
[command.bad]
script = 'for i in $(seq 1 30); do echo "main.go:$i: wrong"; done; exit 1'
matrix = { n = ["1", "2", "3"] }
TOML
trilock run --keep-going
annotations=$(obeyed <"$work/out" | grep '^::error')
expect_equal 'ten annotations at most' 10 "$(wc -l <<<"$annotations")"
expect_equal 'each failed node has one of them' 3 "$(grep -c 'failed with exit code 1' <<<"$annotations")"

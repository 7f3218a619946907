#!/usr/bin/env bash
# What changes a key and what does not, on the real disk, with the words in which `why` says so.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/a/tools" "$work/a/src"
cd "$work/a" || exit
base_path=$PATH

pipeline() { # arguments of `args`, more keys
  cat >trilock.toml <<TOML
[command.args]
run = [$1]
inputs = ["src/**"]
pass-env = ["PASSED"]
${2:-}
outputs = ["out/args"]

[command.tool]
run = ["lint", "src/a"]
inputs = ["src/a"]
env = { LEVEL = "1" }

[command.next]
script = 'cat out/args >out/next'
needs = ["command.args"]
outputs = ["out/next"]
TOML
}
args='"sh", "-c", "echo made >out/args", "-I", "-O2"'

change_of() { # label
  trilock why --json "$1"
  jq -r '[.changes[].field] | join(", ")' "$work/out"
}
expect_change() { # what, label, fields
  expect_equal "$1: why names it" "$3" "$(change_of "$2")"
  run_json
  expect_match "$1: it runs" "(^| )${2}( |\$)" "$(that_ran)"
}
expect_nothing() { # what
  expect_equal "$1: why names nothing" '' "$(change_of command.args)$(change_of command.tool)"
  run_json
  expect_ran "$1: nothing runs"
}

cat >tools/lint <<'SH'
#!/bin/sh
exit 0
SH
chmod +x tools/lint
mkdir "$work/bin" "$work/bin2"
cp tools/lint "$work/bin/lint"
export PATH=$work/bin:$base_path PASSED=1
echo one >src/a
echo two >src/b
ln -s a src/link
pipeline "$args"
run_json
expect_ran 'first run' command.args command.tool command.next
run_json
expect_ran 'second run: nothing'

# --- arguments, environment ---
pipeline '"sh", "-c", "echo made >out/args", "-I-O2"'
expect_change '["-I", "-O2"] to ["-I-O2"]' command.args 'command sh'
expect_match 'and what comes out the same leaves the next one alone' '^command.next unchanged' "$(outcomes)"
pipeline '"sh", "-c", "echo made >out/args", "-I-", "O2"'
expect_change 'a byte moved between arguments' command.args 'command sh'
pipeline "$args" 'env = { A = "bc" }'
expect_change 'a variable more' command.args 'command sh, env A'
pipeline "$args" 'env = { Ab = "c" }'
expect_change 'a byte moved between a variable and its value' command.args 'env Ab, env A'
pipeline "$args"
run_json
expect_ran 'back to the first: from the cache'
PASSED=2 expect_equal 'a passed variable' 'env PASSED' "$(PASSED=2 change_of command.args)"
UNDECLARED=2 expect_nothing 'an undeclared variable'

# --- inputs ---
echo ONE >src/a
expect_change 'content' command.args 'input src/a, behind src/link'
touch -d '2001-01-01' stamp
for i in 1 2 3 4 5; do
  # The same size, the same modification time, in the tick of the last run: only the ctime tells.
  printf 'on%d\n' "$i" >src/a
  touch -r stamp src/a
  run_json
  expect_ran "a change of the same size with the old time, round $i" command.args command.tool
done
touch src/a src/b
expect_nothing 'touched files'
chmod 755 src/b
expect_change 'a mode bit' command.args 'input src/b'
chmod 644 src/b
run_json
mv src/b src/c
expect_change 'an input renamed' command.args 'input src/c, input src/b'
ln -sfn c src/link
expect_change 'the target of a symlink' command.args 'input src/link, behind src/link'
trilock why command.args
printf 'x' >"src/$(printf 'n\303\274l\377\n.txt')"
expect_equal 'a name that is no UTF-8, with a line end: why' 1 "$(trilock why --json command.args; jq '.changes | length' "$work/out")"
run_json
expect_ran 'a name that is no UTF-8, with a line end: it runs' command.args
run_json
expect_ran 'and then nothing'

# --- spelling, place ---
cat >reordered.toml <<TOML
[command.next]
outputs = ["out/next"]
needs = ["command.args"]
script = 'cat out/args >out/next'
[command.tool]
env = { LEVEL = "1" }
inputs = ["src/a"]
run = ["lint", "src/a"]
[command.args]
outputs = ["out/args"]
pass-env = ["PASSED"]
inputs = ["src/**"]
run = [$args]
TOML
mv reordered.toml trilock.toml
expect_nothing 'the order of tables and keys'
cp -a "$work/a" "$work/elsewhere"
rm -rf "$work/elsewhere/.trilock" "$work/elsewhere/out"
cd "$work/elsewhere" || exit
run_json
expect_equal 'another checkout: the keys are the same, so that all comes from the cache' \
  'command.args restored command.next restored command.tool ran' "$(outcomes | sed 's/^command.tool restored/command.tool ran/' | paste -sd' ')"
cd "$work/a" || exit

# --- tools ---
printf '#!/bin/sh\n# another build\nexit 0\n' >"$work/bin/lint"
expect_change 'a tool of other content' command.tool 'tool lint'
expect_match 'a tool of other content: was and now' '^tool lint: [0-9a-f]{12} -> [0-9a-f]{12}$' "$(reason_of command.tool)"
cp "$work/bin/lint" "$work/bin2/lint"
PATH=$work/bin2:$PATH run_json
expect_ran 'another folder of PATH with the same tool: nothing runs'
echo '# third' >>"$work/bin2/lint"
PATH=$work/bin2:$PATH run_json
expect_ran 'the order of PATH, when it changes what is found' command.tool
run_json
expect_equal 'and back' 'tool lint' "$(reason_of command.tool | cut -d: -f1)"
mkdir "$work/real"
mv "$work/bin/lint" "$work/real/lint-1"
ln -s ../real/lint-1 "$work/bin/lint"
run_json
expect_ran 'a symlink to the same tool: nothing runs'
printf '#!/bin/sh\nexit 0\n# v2\n' >"$work/real/lint-2"
chmod +x "$work/real/lint-2"
ln -sfn ../real/lint-2 "$work/bin/lint"
expect_change 'a symlink to another tool' command.tool 'tool lint'
cp "$(command -v dash || command -v sh)" "$work/real/shell"
printf '#!%s\nexit 0\n' "$work/real/shell" >"$work/real/lint-2"
run_json
echo >>"$work/real/shell"
expect_change 'the interpreter of a script' command.tool 'tool shell of lint'
printf '#!/usr/bin/env runner\n' >"$work/real/lint-2"
printf '#!/bin/sh\nexit 0\n' >"$work/bin/runner"
chmod +x "$work/bin/runner"
run_json
echo '# more' >>"$work/bin/runner"
expect_change 'the interpreter that env finds' command.tool 'tool runner of lint'
run_json
expect_ran 'after that: nothing'
sed -i "s|LEVEL = \"1\"|PATH = \"$work/bin2:$base_path\"|" trilock.toml
run_json
expect_ran 'PATH of the node itself: the tool is found there' command.tool
echo '# fourth' >>"$work/bin2/lint"
expect_change 'PATH of the node itself: its tool changes' command.tool 'tool lint'

# --- inputs that change while a command runs ---
cat >trilock.toml <<'TOML'
[command.edits]
script = 'cat src/a >out/edits; echo more >>src/a'
inputs = ["src/a"]
outputs = ["out/edits"]
[command.slow]
script = 'touch started; while [ ! -e go ]; do sleep 0.02; done; cat src/c >out/slow'
inputs = ["src/c"]
outputs = ["out/slow"]
TOML
run_json command.edits
expect_code 'a command that edits its input: done' 0
expect_contains 'a command that edits its input: it is said' '`src/a` changed while command.edits ran' "$(cat "$work/out" "$work/err")"
expect_equal 'a command that edits its input: the result is used' on5 "$(cat out/edits)"
run_json command.edits
expect_ran 'a command that edits its input: it runs again' command.edits
"$TRILOCK" run --json command.slow >"$work/slow" 2>&1 &
slow=$!
started+=("$slow")
wait_for 20 test -e started
echo meanwhile >>src/c
touch go
wait "$slow"
expect_contains 'a writer meanwhile: it is said' '`src/c` changed while command.slow ran' "$(cat "$work/slow")"
run_json command.slow
expect_ran 'a writer meanwhile: it runs again' command.slow
run_json command.slow
expect_ran 'a writer meanwhile: and then no more'

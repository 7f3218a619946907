#!/usr/bin/env bash
# A second run is answered by the front alone, from a snapshot; and whatever changes, the engine sees it.
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/ws/src" "$work/ws/more" "$work/bin" "$work/bin2"
cd "$work/ws" || exit
export PATH=$work/bin2:$work/bin:$PATH GREETING=hello
cat >trilock.toml <<'END'
include = ["more/*.toml"]
[pipeline]
name = "short"
version = 1
[vars]
word = "one"
build = { file = "VERSION" }
shell = { env = "TRILOCK_TEST_SHELL", default = "none" }
[command.all]
script = "cat src/*.txt >out/all"
inputs = ["src/*.txt"]
outputs = ["out/all"]
[command.tree]
script = "mkdir -p out/tree/sub && cp src/a.txt out/tree/sub/a && ln -s sub/a out/tree/link"
inputs = ["src/a.txt"]
outputs = ["out/tree"]
[command.word]
run = ["greet", "${var.word}", "${var.build}", "${var.shell}"]
pass-env = ["GREETING"]
[command.link]
script = "cat src/link >/dev/null"
inputs = ["src/link"]
[command.after]
run = ["cp", "out/all", "out/after"]
needs = ["command.all"]
outputs = ["out/after"]
END
printf '[command.extra]\nrun = ["true"]\n' >more/extra.toml
printf '#!/bin/sh\necho "$GREETING $*"\n' >"$work/bin/greet"
chmod +x "$work/bin/greet"
echo 1 >VERSION
echo a >src/a.txt
echo b >src/b.txt
ln -s a.txt src/link
printf 'word = "three"\n' >"$work/vars.toml"

# `trilock run ARGS` under strace: also sets `path`, short or full.
traced() {
  strace -f -qq -o "$work/trace" -e trace='!sched_yield' "$TRILOCK" run "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(cat "$work/out")
  if [ "$(grep -cE ' execve(at)?\(' "$work/trace")" = 1 ]; then path=short; else path=full; fi
}

# What a run did: labels that did not come out unchanged.
did() {
  sed -nE 's/^\[[0-9]+\/[0-9]+\] [a-z]+ ([^ :]+).*/\1/p' "$work/out" | LC_ALL=C sort | paste -sd' '
}

without_time() {
  sed -E 's/ in [0-9.]+ s$//' <<<"$1"
}

# Runs until a run is short; nothing changes meanwhile, so the second one has to be, or the one after it.
settle() { # arguments of run…
  local i
  for i in 1 2 3; do
    traced "$@"
    [ "$path" = full ] || return 0
  done
  fail "settled before the next change" "$(cat "$work/out" "$work/err")"
}

# A change, which the next run must see and the one after it must not.
change() { # what, labels that have to do something, command…
  local what=$1 wanted=$2
  shift 2
  settle
  "$@"
  traced
  if [ "$path $code" = 'full 0' ] && [ "$(did)" = "$wanted" ]; then
    pass "$what"
  else
    fail "$what" "$(printf 'expected: full 0 %s\nfound:    %s\n' "$wanted" "$path $code $(did)"; cat "$work/err")"
  fi
}

# --- a second run ---

trilock run
expect_code 'first run' 0
traced
expect_equal 'second run: short' 'short 0' "$path $code"
expect_equal 'second run: says what the engine says' \
  "$(without_time "$(TRILOCK_SHORT_PATH=0 "$TRILOCK" run)")" "$(without_time "$out")"
settle
expect_equal 'short: no database, no library, no other process' '' \
  "$(grep -E 'open(at)?\(.*(state\.db|\.so|trilock\.toml)|clone|fork' "$work/trace")"
expect_equal 'short: nothing is written but the line' 1 \
  "$(grep -cE 'write|O_(WRONLY|RDWR|CREAT)|unlink|rename|mkdir|ftruncate' "$work/trace")"
before=$(find .trilock "$XDG_STATE_HOME" -printf '%p %i %T@ %C@\n' | sort)
traced
expect_same 'short: the state directory is as it was' "$before" "$(find .trilock "$XDG_STATE_HOME" -printf '%p %i %T@ %C@\n' | sort)"
"$TRILOCK" run >/dev/full 2>"$work/err"
expect_equal 'short: a full disk behind standard output is 5, as without' 5 $?
expect_contains 'short: and said' 'cannot write to standard output' "$(<"$work/err")"
(sleep 0.3; :) | true
"$TRILOCK" run | true
expect_equal 'short: a reader that is gone is no error' 0 "${PIPESTATUS[0]}"
on_terminal() { script -qec "$TRILOCK run" /dev/null | sed -E 's/ in [0-9.]+ s//' | od -c; }
expect_same 'short: on a terminal the same bytes' "$(TERM=xterm TRILOCK_SHORT_PATH=0 on_terminal)" \
  "$(settle; TERM=xterm on_terminal)"

# --- every kind of change ---

change 'content of an input' 'command.after command.all' eval 'echo c >src/b.txt'
change 'content of the same size, the time set back' 'command.after command.all' \
  eval 'cp -p src/b.txt ../b; echo d >src/b.txt; touch -r ../b src/b.txt'
change 'mode of an input, to which a symlink leads too' 'command.all command.link command.tree' chmod 600 src/a.txt
change 'an input gone' 'command.after command.all' rm src/b.txt
change 'a new file that a glob selects' 'command.after command.all' eval 'echo n >src/n.txt'
change 'a new file that no glob selects' '' eval 'echo n >src/n.md'
change 'a symlink with another target' 'command.link' ln -sfn n.txt src/link
change 'what a symlink leads to' 'command.after command.all command.link' eval 'echo m >src/n.txt'
change 'a directory replaced by one that looks the same' '' eval 'cp -a src src2; rm -rf src; mv src2 src'
change 'touched' '' touch src/a.txt
change 'the pipeline, a comment' '' eval 'echo "# more" >>trilock.toml'
change 'the pipeline, a node' 'command.word' sed -i 's/word = "one"/word = "two"/' trilock.toml
change 'an included file' 'command.extra' sed -i 's/"true"/"true", "x"/' more/extra.toml
change 'a new file that is included' 'command.new' eval 'printf "[command.new]\nrun = [\"true\"]\n" >more/new.toml'
change 'a file that a variable is read from' 'command.word' eval 'echo 2 >VERSION'
change 'a tool' 'command.word' eval 'echo "# other" >>"$work/bin/greet"'
change 'another tool earlier in PATH' 'command.word' eval 'sed 1q "$work/bin/greet" >"$work/bin2/greet"; chmod +x "$work/bin2/greet"'
change 'it is no longer executable' 'command.word' chmod -x "$work/bin2/greet"
change 'a variable that is passed' 'command.word' export GREETING=hi
change 'a variable that is passed, taken away' 'command.word' unset GREETING
change 'a variable of the pipeline that was not set' 'command.word' export TRILOCK_TEST_SHELL=sh
change 'a variable by TRILOCK_VAR_' 'command.word' export TRILOCK_VAR_word=four
change 'PATH, the same programs in it' '' export PATH="$work/bin:$PATH"
change 'an output gone' 'command.all' rm out/all
change 'an output that is empty now' 'command.after' eval ': >out/after'
change 'a file too many in an output directory' 'command.tree' touch out/tree/sub/more
change 'a directory of an output gone' 'command.tree' rm -rf out/tree/sub
change 'a symlink of an output gone' 'command.tree' rm out/tree/link
change 'the state database gone' 'command.after command.all command.extra command.link command.new command.tree command.word' \
  rm "$(state_dir)/state.db"
change 'the state database written to by somebody else' '' touch "$(state_dir)/state.db"
change 'outputs cleaned' 'command.after command.all command.tree' eval '"$TRILOCK" clean >/dev/null'
change 'a journal of a killed run' '' eval 'cp "$(state_dir)/lock" "$(state_dir)/journal"; rm -f "$(state_dir)/snapshot"'
change 'the snapshot gone' '' rm "$(state_dir)/snapshot"

settle
TRILOCK_NOT_ASKED_FOR=1 traced
expect_equal 'a variable that nobody asked for' short "$path"
unset TRILOCK_VAR_word TRILOCK_TEST_SHELL

# --- what is the same run ---

settle
traced command.all
expect_equal 'other labels are another run' full "$path"
traced command.all
expect_equal 'labels: the second one is short' "short 0 1 node: 0 ran, 1 unchanged, 0 failed" \
  "$path $code $(without_time "$out")"
settle --var word=nine
expect_contains 'by --var: all unchanged' '0 ran' "$out"
traced --var word=ten
expect_equal 'another value by --var' 'full command.word' "$path $(did)"
settle --var-file "$work/vars.toml"
printf 'word = "six"\n' >"$work/vars.toml"
traced --var-file "$work/vars.toml"
expect_equal 'content of a --var-file' 'full command.word' "$path $(did)"
for i in 1 2 3; do traced --var-file <(printf 'word = "six"\n'); done
expect_equal 'a --var-file that is a pipe is read every time' full "$path"
settle
for arguments in '--json' '-v' '--output full' '--force' '--dry-run' '--no-such-flag'; do
  traced $arguments
  traced $arguments
  expect_equal "with $arguments it is a run of the engine" full "$path"
done
settle
(cd src && traced && expect_equal 'from a folder below' short "$path") | tail -n 1
traced -C "$work/ws/src"
traced -C "$work/ws/src"
expect_equal 'with -C' short "$path"
settle
GITHUB_ACTIONS=true traced
expect_equal 'in GitHub Actions it is a run of the engine' full "$path"
TRILOCK_SHORT_PATH=0 traced
expect_equal 'TRILOCK_SHORT_PATH=0' full "$path"
expect_no_file 'TRILOCK_SHORT_PATH=0: no snapshot is left' "$(state_dir)/snapshot"
settle
TRILOCK_STATE_DIR=$work/state traced
TRILOCK_STATE_DIR=$work/state traced
expect_equal 'TRILOCK_STATE_DIR: a snapshot of its own' short "$path"
expect_file 'TRILOCK_STATE_DIR: the id lies there' "$(echo "$work"/state/*/workspace)"
expect_file 'TRILOCK_STATE_DIR: and what has that name in the workspace' "$(TRILOCK_STATE_DIR=$work/state state_dir)/snapshot"
mkdir -p "$work/other" && cp -a . "$work/other/" && cd "$work/other" || exit
traced
expect_equal 'a copy of the workspace is another one' full "$path"
cd "$work/ws" || exit
settle
printf '[pipeline]\nname = "inner"\nversion = 1\n[command.inner]\nrun = ["true"]\n' >src/trilock.toml
(cd src && traced && expect_equal 'a nearer pipeline' 'full command.inner' "$path $(did)") | tail -n 1
rm -rf src/trilock.toml src/.trilock

# --- runs that leave no snapshot ---

never_short() { # what, text to add to the pipeline
  cp trilock.toml "$work/kept.toml"
  printf '%s\n' "$2" >>trilock.toml
  for i in 1 2 3; do traced; done
  expect_equal "$1" full "$path"
  cp "$work/kept.toml" trilock.toml
}
never_short 'a node that is never cached' $'[command.never]\nrun = ["true"]\ncache = false'
never_short 'a node that fails' $'[command.bad]\nrun = ["false"]'
never_short 'a node that is skipped' $'[command.skipped]\nrun = ["true"]\nwhen = "a == b"'
git init -q . && git -c user.name=t -c user.email=t@t commit -q --allow-empty -m one
never_short 'a fact of git' $'[command.git]\nrun = ["true", "${git.commit}"]'
rm -rf .git

# --- programs ---

mkdir -p "$work/install/bin" "$work/install/libexec" "$work/lone"
cp "$TRILOCK" "$work/install/bin/trilock"
cp "$(dirname "$TRILOCK")/trilock-engine" "$work/install/libexec/trilock-engine"
cp "$TRILOCK" "$work/lone/trilock"
built=$TRILOCK
TRILOCK=$work/install/bin/trilock
settle
expect_equal 'installed: short' short "$path"
TRILOCK=$built
traced
expect_equal 'another installation has to look itself' full "$path"
TRILOCK=$work/install/bin/trilock
settle
cp "$(dirname "$built")/trilock-engine" "$work/install/libexec/new" &&
  mv "$work/install/libexec/new" "$work/install/libexec/trilock-engine"
traced
expect_equal 'after an update the engine looks' full "$path"
TRILOCK=$work/lone/trilock
traced
expect_equal 'the front copied by itself has its engine with it' "0 $(without_time "$("$built" run)")" \
  "$code $(without_time "$out")"
expect_equal 'the front copied by itself: other commands' "$("$built" list)" "$("$TRILOCK" list)"
"$TRILOCK" --help | cmp -s - <("$built" --help)
expect_equal 'the front copied by itself: --help' 0 $?
printf '#!/bin/sh\necho stolen\n' >"$work/lone/trilock-engine"
chmod +x "$work/lone/trilock-engine"
if [ "$(id -u)" = 0 ]; then
  chown 65534 "$work/lone/trilock-engine"
  expect_equal 'an engine of somebody else is not started' "$("$built" --version)" "$("$TRILOCK" --version)"
fi
TRILOCK=$built

# --- damage ---

settle
cp "$(state_dir)/snapshot" "$work/snapshot"
size=$(stat -c %s "$work/snapshot")
seen=0
for place in $(seq 0 $((size / 100 + 1)) $((size - 1))); do
  byte=$(od -An -tu1 -j "$place" -N 1 "$work/snapshot")
  { head -c "$place" "$work/snapshot"; printf "\\x$(printf %x $((byte ^ 4)))"; tail -c +$((place + 2)) "$work/snapshot"; } >"$(state_dir)/snapshot"
  strace -qq -f -e trace=execve -o "$work/trace" "$TRILOCK" run >"$work/out" 2>&1
  [ "$(grep -c execve "$work/trace")" = 2 ] && grep -q ' 0 ran,' "$work/out" || break
  seen=$((seen + 1))
done
expect_equal 'a snapshot with a byte changed is not believed' "$(seq 0 $((size / 100 + 1)) $((size - 1)) | wc -l)" "$seen"
for bytes in 0 1 103 104 $((size / 2)) $((size - 1)); do
  settle
  head -c "$bytes" "$work/snapshot" >"$work/cut"
  mv "$work/cut" "$(state_dir)/snapshot"
  traced
  expect_equal "a snapshot of $bytes bytes is not believed" 'full 0' "$path $code"
done
settle
rm "$(state_dir)/snapshot"
mkfifo "$(state_dir)/snapshot"
traced
expect_equal 'a fifo in its place is not waited for' 'full 0' "$path $code"

# --- at once ---

# Edits right behind the end of a run, in the tick of the clock in which it looked.
missed=0
for i in $(seq 200); do
  echo "$i" >src/a.txt
  "$TRILOCK" run >/dev/null || missed=$((missed + 1000))
  echo "$((i + 200))" >src/a.txt
  "$TRILOCK" run >/dev/null
  cmp -s src/a.txt out/tree/sub/a || missed=$((missed + 1))
done
expect_equal 'an edit right behind a run is never missed' 0 "$missed"

# While a run is under way there is no answer from before it.
cat >>trilock.toml <<'END'
[command.slow]
script = "echo started >started; while [ ! -e go ]; do sleep 0.05; done"
inputs = ["slow.txt"]
END
echo 1 >slow.txt
touch go
settle
rm go started
"$TRILOCK" run --force command.slow >"$work/slow.out" 2>&1 &
slow=$!
started+=("$slow")
wait_for 20 test -e started
timeout 2 "$TRILOCK" run >"$work/out" 2>"$work/err"
expect_equal 'while another run is under way it waits' '124 waiting' "$? $(cut -d' ' -f1 "$work/err")"
touch go
wait "$slow"
settle
expect_equal 'and is short again afterwards' short "$path"

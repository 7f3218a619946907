#!/usr/bin/env bash
# trilock is killed at 200 random moments; each next run gives what a clean build gives, and has nothing to complain of.
# TRILOCK_TEST_SEED repeats the moments and edits of a run, as far as time can be repeated.
. "$(dirname "$0")/lib.sh"
rounds=${TRILOCK_TEST_ROUNDS:-200}
seed=${TRILOCK_TEST_SEED:-$((BASHPID % 32768))}
RANDOM=$seed
echo "seed $seed"
mkdir -p "$work/w/src" && cd "$work/w" || exit

# Nodes with several outputs, directories, symlinks, a daemon, a pool; each with enough steps to be caught in between.
cat >trilock.toml <<'TOML'
[pools]
one = 1

[command.split]
script = '''
mkdir -p out/parts
for word in $(cat src/a src/b); do echo "$word" >out/parts/$word; done
ln -s parts/one out/link
wc -w <src/a >out/count
'''
inputs = ["src/a", "src/b"]
outputs = ["out/parts", "out/link", "out/count"]

[command.upper]
script = '''
mkdir -p out/upper
for part in out/parts/*; do tr a-z A-Z <$part >out/upper/$(basename $part); chmod 600 out/upper/$(basename $part); done
'''
needs = ["command.split"]
outputs = ["out/upper"]

[command.sum]
script = "cat out/upper/* >out/sum; cat src/c >>out/sum"
needs = ["command.upper"]
inputs = ["src/c"]
outputs = ["out/sum"]

[command.side]
script = '''
(setsid sh -c 'while :; do echo noise >>noise; sleep 0.001; done' >/dev/null 2>&1 &)
sleep 0.01
cp src/c out/side-${matrix.n}
'''
matrix = { n = ["1", "2", "3"] }
pool = "one"
inputs = ["src/c"]
outputs = ["out/side-${matrix.n}"]

[command.last]
script = "cat out/sum out/side-* out/count >last"
needs = ["command.sum", "command.side", "command.split"]
outputs = ["last"]
TOML

# What the sources should give, without trilock.
wanted() {
  local word
  (cat src/a src/b | tr -s ' \n' '\n' | LC_ALL=C sort -u | tr a-z A-Z
   cat src/c) >"$work/sum"
  cat "$work/sum" src/c src/c src/c
  wc -w <src/a
}

edit() {
  local words=(one two three four five six)
  case $((RANDOM % 4)) in
  0) echo "one ${words[RANDOM % 6]} ${words[RANDOM % 6]}" >src/a ;;
  1) echo "${words[RANDOM % 6]} ${words[RANDOM % 6]}" >src/b ;;
  2) echo "text $((RANDOM % 50))" >src/c ;;
  3) rm -rf "$(shuf -n 1 -e out/parts out/link out/upper out/sum last out "$(state_dir)/state.db" --random-source=<(yes $RANDOM))" ;;
  esac
}

echo 'one two three' >src/a
echo 'four' >src/b
echo 'text' >src/c
wrong=0
noisy=0
caught=0
for round in $(seq "$rounds"); do
  edit
  [ $((RANDOM % 2)) = 0 ] && edit
  "$TRILOCK" run -j3 >/dev/null 2>&1 &
  pid=$!
  # A run takes 40 ms or so; a kill now and then comes before it has begun or after its end.
  sleep "0.0$((RANDOM % 7))$((RANDOM % 10))"
  kill -KILL "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  [ $? = 137 ] && caught=$((caught + 1))
  [ $((RANDOM % 3)) = 0 ] && edit
  trilock run -j3
  if [ "$code" != 0 ] || [ "$(cat last)" != "$(wanted)" ] ||
    [ "$(ls out/parts | paste -sd' ')" != "$(cat src/a src/b | tr -s ' \n' '\n' | LC_ALL=C sort -u | paste -sd' ')" ] ||
    [ "$(readlink out/link)" != parts/one ]; then
    wrong=$((wrong + 1))
    fail "round $round: the outputs are those of a clean build" "$(printf 'exit code %s\n%s\n%s' "$code" "$err" \
      "$(diff <(wanted) last 2>&1; ls -R out)")"
  fi
  # All that it may speak of is what it ended, brought back and moved away, and of what the killed run had half made.
  said='processes that it left have been ended|outputs that it had set aside are back|outputs that it had begun were moved'
  made='^warning: command\.[a-z0-9=[]+]?: no run made .* which (is|are) now '
  if grep -qvE "^warning: an earlier run was killed; ($said)|$made|^\$" "$work/err"; then
    noisy=$((noisy + 1))
    fail "round $round: nothing to complain of" "$err"
  fi
  [ $((wrong + noisy)) -lt 5 ] || break
done
expect_equal "$rounds rounds: all outputs are those of a clean build" 0 "$wrong"
expect_equal "$rounds rounds: no error was printed" 0 "$noisy"
if [ "$caught" -ge $((rounds / 6)) ]; then
  pass "enough runs were caught in the middle"
else
  fail "enough runs were caught in the middle" "$caught of $rounds"
fi
trilock run
expect_match 'in the end nothing is left to do' '^7 nodes: 0 ran, 7 unchanged' "$out"
expect_equal 'no scratch directory is left' '' "$(ls "$(state_dir)/tmp" 2>/dev/null)"
expect_no_file 'no journal is left' "$(state_dir)/journal"
noise=$(wc -c <noise)
sleep 0.1
expect_equal 'no daemon is left' "$noise" "$(wc -c <noise)"

# A clean build of the same sources, byte for byte and mode for mode.
mkdir -p "$work/clean" && cp -r trilock.toml src "$work/clean/"
listing() {
  (cd "$1" && find out last -printf '%p %y %m %l\n' | LC_ALL=C sort && find out last -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum)
}
(cd "$work/clean" && XDG_CACHE_HOME=$work/other-cache "$TRILOCK" run >/dev/null 2>&1)
expect_same 'a clean build gives the same' "$(listing "$work/clean")" "$(listing "$work/w")"

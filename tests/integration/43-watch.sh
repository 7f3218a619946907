#!/usr/bin/env bash
# `trilock watch` runs again as files change, and answers `trilock run` while nothing has; whatever happens to it, a run
# gives no wrong answer.
. "$(dirname "$0")/lib.sh"
# Files are written by other names of theirs, and places are mounted over.
[ "$(id -u)" = 0 ] || die "this script takes root"

mkdir -p "$work/ws/"{src/deep,out,more} && cd "$work/ws" || exit
cat >trilock.toml <<'END'
include = ["more/*.toml"]
[pipeline]
name = "watched"
version = 1
[command.all]
script = "cat src/*.txt src/deep/* link/x >out/all"
inputs = ["src/*.txt", "src/deep", "link/x"]
outputs = ["out/all"]
[command.copy]
run = ["cp", "out/all", "out/copy"]
needs = ["command.all"]
outputs = ["out/copy"]
END
printf '[command.one]\nrun = ["true"]\n' >more/one.toml
echo a >src/a.txt
echo b >src/b.txt
echo d >src/deep/d
mkdir elsewhere elsewhere2
echo x >elsewhere/x
echo y >elsewhere2/x
ln -s elsewhere link
log=$work/log

wanted() {
  cat src/*.txt src/deep/* link/x
}

rests() { # how often a watcher has come to rest
  grep -cx 'watching for changes' "$log"
}

watch() { # arguments of watch…: and waits until its first run is over
  : >"$log"
  "$TRILOCK" watch "$@" >"$log" 2>"$log.err" &
  watcher=$!
  started+=("$watcher")
  wait_for 20 grep -qx 'watching for changes' "$log" || fail "watch $* comes to rest" "$(cat "$log" "$log.err")"
}

end_watch() { # signal
  kill "-${1:-TERM}" "$watcher"
  wait "$watcher"
  code=$?
}

has_more_rests_than() {
  [ "$(rests)" -gt "$1" ]
}

# Waits until the watcher has run once more and is at rest; `said` is what it said since.
after() { # number of rests before
  wait_for 15 has_more_rests_than "$1"
  said=$(awk -v skip="$1" 'n >= skip; $0 == "watching for changes" { n++ }' "$log")
}

# An edit, after which the watcher makes the outputs right by itself.
reruns() { # what, pattern of the first line that it says, command…
  local what=$1 line=$2 before
  shift 2
  before=$(rests)
  "$@"
  after "$before"
  # shellcheck disable=SC2053
  if [ "$(wanted)" = "$(cat out/copy)" ] && [[ $(head -n 1 <<<"$said") == $line ]]; then
    pass "$what"
  else
    fail "$what" "$(printf 'expected: %s\n' "$line"; echo "$said"; diff <(wanted) out/copy; cat "$log.err")"
  fi
}

# `trilock run`, under strace; sets `how`: watcher (it answered), stats, or engine.
traced() {
  strace -f -qq -o "$work/trace" -e trace='!sched_yield' "$TRILOCK" run "$@" >"$work/out" 2>"$work/err"
  code=$?
  out=$(cat "$work/out")
  if [ "$(grep -cE ' execve(at)?\(' "$work/trace")" != 1 ]; then
    how=engine
  elif grep -q 'statx(' "$work/trace"; then
    how=stats
  else
    how=watcher
  fi
}

# Runs until the watcher answers.
rest() {
  local i
  for i in $(seq 50); do
    traced
    [ $how != watcher ] || return 0
    sleep 0.1
  done
  fail 'the watcher answers' "$(tail -n 20 "$log" "$log.err")"
}

without_time() {
  sed -E 's/ in [0-9.]+ s$//' <<<"$1"
}

# --- runs again ---

watch
expect_equal 'the first run' '3 nodes: 3 ran, 0 unchanged, 0 failed' "$(without_time "$(grep nodes: "$log")")"
reruns 'an edit' 'src/a.txt changed' eval 'echo a2 >src/a.txt'
reruns 'an editor that saves by renaming' 'src/a.txt changed' eval 'echo a3 >src/.new && mv src/.new src/a.txt'
reruns 'a new file that a glob selects' 'src changed' eval 'echo n >src/n.txt'
reruns 'a file that is gone' 'src/n.txt changed' rm src/n.txt
reruns 'a folder moved away, another in its place' 'src/deep/d changed' \
  eval 'mv src/deep deep2; mkdir src/deep; echo e >src/deep/e'
reruns 'in the folder that is new' 'src/deep/e changed' eval 'echo f >src/deep/e'
reruns 'a folder above moved away and back, a file edited meanwhile' '*src/b.txt*' \
  eval 'mv src s; echo b2 >s/b.txt; mv s src'
reruns 'a symlink in the way leads elsewhere' '*link*' ln -sfn elsewhere2 link
reruns 'behind the symlink' 'link/x changed' eval 'echo y2 >elsewhere2/x'
reruns 'a mode' 'src/a.txt changed' chmod 755 src/a.txt
reruns 'another name for a file' 'src/b.txt changed' ln src/b.txt "$work/other-name"
reruns 'a write by that name' 'src/b.txt changed' eval 'echo b3 >"$work/other-name"'
before=$(rests)
for i in 1 2 3 4 5 6 7 8; do
  echo "$i" >src/a.txt
  echo "$i" >src/b.txt
  sleep 0.01
done
after "$before"
expect_equal 'edits close to each other: one run' '2 files changed: src/a.txt, src/b.txt 1' \
  "$(head -n 1 <<<"$said") $(grep -c nodes: <<<"$said")"
[ "$(grep -c nodes: <<<"$said")" = 1 ] || echo "$said"
reruns 'the pipeline' 'trilock.toml changed' sed -i 's/^name = .*/name = "w2"/' trilock.toml
before=$(rests)
printf '[command.extra]\nrun = ["cp", "src/a.txt", "out/extra"]\ninputs = ["src/a.txt"]\noutputs = ["out/extra"]\n' >more/extra.toml
after "$before"
expect_same 'a new file of the pipeline' "$(cat src/a.txt)" "$(cat out/extra)"
reruns 'an output that is gone' 'out/copy changed' rm out/copy
sleep 0.3
lines=$(wc -l <"$log")
echo x >unrelated
sleep 1
expect_equal 'what nobody looks at, and what runs write, starts no run' "$lines" "$(wc -l <"$log")"

# --- answers ---

traced
expect_equal 'a run asks the watcher and looks at no file itself' 'watcher 0' "$how $code"
expect_equal 'and says what the engine says' "$(without_time "$(TRILOCK_SHORT_PATH=0 "$TRILOCK" run)")" "$(without_time "$out")"
rest
expect_equal 'the watcher takes up what another run has left' watcher "$how"
(cd src && traced && expect_equal 'from a folder below' watcher "$how") | tail -n 1
traced command.all
expect_equal 'other labels are another run' engine "$how"
rest
expect_equal 'after which the watcher runs once more, and answers again' watcher "$how"
expect_equal 'the socket is for this user alone' '600 socket' "$(stat -c '%a %F' "$(state_dir)/watch.sock")"
# Somebody else, who could open it and knows what to ask.
question=$(strace -qq -e trace=sendto -e signal=none -xx -s 200 "$TRILOCK" run 2>&1 >/dev/null | sed -nE 's/^sendto\([0-9]+, "([^"]*)".*/\1/p')
socket=$(state_dir)/watch.sock
chmod o+x "$work" .trilock "$(state_dir)" && chmod 666 "$socket"
# shellcheck disable=SC2016
ask='socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0); connect($s, pack_sockaddr_un($ARGV[1])) or die;
  (my $q = $ARGV[0]) =~ s/\\x(..)/chr hex $1/ge; send($s, $q, 0); print sysread($s, my $bytes, 100) ? "answered" : "refused"'
expect_equal 'whoever is this user is answered' answered "$(perl -MSocket -e "$ask" "$question" "$socket")"
expect_equal 'whoever is not is not' refused "$(setpriv --reuid 65534 --regid 65534 --clear-groups perl -MSocket -e "$ask" "$question" "$socket")"
chmod o-x "$work" .trilock "$(state_dir)" && chmod 600 "$socket"

stale=0
answered=0
for i in $(seq 60); do
  case $((RANDOM % 6)) in
  0) echo "$i $RANDOM" >src/a.txt ;;
  1) echo "$i" >src/new && mv src/new src/b.txt ;;
  2) echo "$i" >"src/deep/$((i % 3))" ;;
  3) mv src/deep deep3 && cp -r deep3 src/deep && rm -r deep3 ;;
  4) ln -sfn "$([ $((i % 2)) = 0 ] && echo elsewhere || echo elsewhere2)" link ;;
  5) echo "$i" >"src/$((i % 4)).txt" ;;
  esac
  "$TRILOCK" run >"$work/out" 2>&1 || stale=$((stale + 1000))
  [ "$(wanted)" = "$(cat out/copy)" ] || stale=$((stale + 1))
  [ $((i % 4)) != 0 ] || { sleep 0.1; traced; [ $how != watcher ] || answered=$((answered + 1)); }
done
expect_equal 'a run right behind an edit is never stale' 0 "$stale"
expect_equal 'and between edits the watcher has answered' 1 $((answered > 5))

# --- what no event speaks of ---

rest
mkdir "$work/over" && echo over >"$work/over/a.txt"
mount --bind "$work/over" src/deep
"$TRILOCK" run >/dev/null
expect_same 'a mount' "$(wanted)" "$(cat out/copy)"
umount src/deep
"$TRILOCK" run >/dev/null
expect_same 'its end' "$(wanted)" "$(cat out/copy)"
rest
# shellcheck disable=SC2016
unshare -m --propagation private sh -c 'mount --bind "$1" src/deep && exec "$2" run' sh "$work/over" "$TRILOCK" >"$work/out" 2>&1
expect_match 'in another mount namespace there are other files' ' [1-9] (ran|restored),' "$(cat "$work/out")"
"$TRILOCK" run >/dev/null
rest

# --- a watcher in trouble ---

kill -STOP "$watcher"
start=$(date +%s%N)
traced
expect_equal 'a watcher that is stopped: the run looks itself' stats "$how"
expect_equal 'soon' 1 $((($(date +%s%N) - start) / 1000000 < 1500))
echo stopped >src/a.txt
"$TRILOCK" run >/dev/null
expect_same 'and sees what has changed' "$(wanted)" "$(cat out/copy)"
# More than the queue of events holds.
perl -e 'for (1 .. $ARGV[0]) { utime undef, undef, "src/a.txt"; utime undef, undef, "src/b.txt" }' \
  "$(cat /proc/sys/fs/inotify/max_queued_events)"
echo lost >src/deep/lost
mv src/deep/lost src/deep/found
kill -CONT "$watcher"
"$TRILOCK" run >/dev/null
expect_same 'lost events: a run at once' "$(wanted)" "$(cat out/copy)"
rest
reruns 'lost events: the watcher is well again' 'src/deep/found changed' eval 'echo again >src/deep/found'

kill -KILL "$watcher"
wait "$watcher" 2>/dev/null
expect_file 'a watcher that is killed leaves its socket' "$(state_dir)/watch.sock"
traced
expect_equal 'nobody answers there, the run looks itself' 'stats 0' "$how $code"
echo killed >src/a.txt
"$TRILOCK" run >/dev/null
expect_same 'and sees what has changed' "$(wanted)" "$(cat out/copy)"
watch
rest
expect_equal 'the next watcher takes its place' watcher "$how"
trilock watch
expect_code 'a second watcher: 5' 5
expect_match 'and says who watches' \
  "^error: this workspace is watched already, by process $watcher, which has been running \`trilock watch\` since [0-9:]{8}$" "$err"
trilock watch --json
expect_equal 'with --json it says so in events too' 'diagnostic run_finished' "$(jq -r .event <<<"$out" | paste -sd' ')"
rest
cp "$(state_dir)/snapshot" "$work/kept"
mv "$(state_dir)/snapshot" "$(state_dir)/old" && cp "$work/kept" "$(state_dir)/snapshot"
kill -STOP "$watcher" # not to take it up before it is asked
(sleep 0.03; kill -CONT "$watcher") &
"$TRILOCK" run >/dev/null
expect_same 'a snapshot that it has not read' "$(wanted)" "$(cat out/copy)"
rest
before=$(rests)
rm -rf .trilock
after "$before"
rest
expect_equal 'the state directory removed: it is made anew, and the socket' watcher "$how"
end_watch INT
expect_equal '^C: 130' 130 "$code"
expect_no_file '^C: the socket is gone' "$(state_dir)/watch.sock"
traced
expect_equal 'without a watcher' stats "$how"

# --- runs that leave no snapshot ---

cat >more/bad.toml <<'END'
[command.bad]
script = "cp src/bad out/bad; date +%N >>out/scratch; grep -q good src/bad"
inputs = ["src/bad"]
outputs = ["out/bad"]
END
echo bad >src/bad
watch --keep-going
expect_contains 'a node that fails' 'error: command.bad: `script` failed with exit code 1' "$(cat "$log.err")"
sleep 0.8
expect_equal 'is not run again and again' 1 "$(grep -c 'command.bad: `script` failed' "$log.err")"
traced
expect_equal 'and a run that could fail is the engine'"'"'s' engine "$how"
before=$(rests)
echo good >src/bad
after "$before"
expect_contains 'but when its input changes' '1 ran' "$said"
cat >more/slow.toml <<'END'
[command.slow]
script = "cat src/slow >out/slow; echo >started; while [ ! -e go ]; do sleep 0.02; done; grep -q good out/slow"
inputs = ["src/slow"]
outputs = ["out/slow"]
END
rm -f started
before=$(rests)
echo bad >src/slow
wait_for 10 test -e started
echo good >src/slow
touch go
after "$before"
expect_contains 'an edit while a run is on that fails: another run' 'src/slow' "$said"
expect_equal 'of what is there then' good "$(cat out/slow)"
rm -f more/slow.toml started go
sleep 0.3
before=$(rests)
echo '[[' >>more/bad.toml
after "$before"
expect_contains 'a pipeline that is wrong' 'error: invalid TOML' "$(cat "$log.err")"
before=$(rests)
sed -i '$d' more/bad.toml
echo 'cache = false' >>more/bad.toml
after "$before"
expect_contains 'and right again' 'never cached' "$said"
sleep 0.8
expect_equal 'a node that is never cached is not run for ever' 1 "$(grep -c 'ran command.bad .*never cached' "$log")"
cat >more/slow.toml <<'END'
[command.slow]
script = "echo $$$$ >started; sleep 30"
END
wait_for 10 test -s started
start=$SECONDS
end_watch INT
expect_equal '^C while a run is on: 130' 130 "$code"
expect_equal 'at once' 1 $((SECONDS - start < 5))
kill -0 "$(cat started)" 2>/dev/null
expect_equal 'and nothing of it is left' 1 $?
watch_with_run_on() {
  rm -f started
  "$TRILOCK" watch >"$log" 2>"$log.err" &
  watcher=$!
  wait_for 10 test -s started
}
watch_with_run_on
kill -KILL "$watcher"
wait "$watcher" 2>/dev/null
gone() { ! kill -0 "$(cat started)" 2>/dev/null; }
wait_for 5 gone
expect_equal 'a watcher that is killed takes its run with it' 0 $?
rm -f more/slow.toml more/bad.toml

# --- forms ---

: >"$log"
"$TRILOCK" watch --json >"$log" 2>"$log.err" &
watcher=$!
started+=("$watcher")
finished() { [ "$(grep -c run_finished "$log")" = "$1" ]; }
wait_for 10 finished 1
sleep 0.3
echo json >src/a.txt
wait_for 10 finished 2
end_watch TERM
expect_equal '--json: the events of each run and nothing else' 'run_started run_finished run_started run_finished' \
  "$(jq -r 'select(.event | startswith("run_")).event' "$log" | paste -sd' ')"
expect_equal 'TERM: 130' 130 "$code"

mkdir -p "$work/none" && cd "$work/none" || exit
trilock watch
expect_code 'without a pipeline: 2' 2
expect_contains 'as other commands say it' 'error: no `trilock.toml`' "$err"
trilock watch --dry-run
expect_code 'flags that make no sense: 2' 2

long=$work/$(printf 'l%.0s' $(seq 100))/ws
mkdir -p "$(dirname "$long")" && cp -r "$work/ws" "$long" && cd "$long" && rm -rf .trilock || exit
watch
rest
expect_equal 'a path that no socket address has room for' watcher "$how"
end_watch

# --- too few watches ---

cd "$work/ws" || exit
: >"$log"
# shellcheck disable=SC2016
unshare -U -r sh -c 'echo 12 >/proc/sys/user/max_inotify_watches && exec "$1" watch' sh "$TRILOCK" >"$log" 2>"$log.err" &
watcher=$!
started+=("$watcher")
wait_for 20 grep -qx 'watching for changes' "$log"
expect_contains 'too few watches: it says so, and what helps' 'sysctl fs.inotify.max_user_watches=' "$(cat "$log.err")"
expect_equal 'once' 1 "$(grep -c '^warning' "$log.err")"
reruns 'it looks now and then' 'src/deep/found changed' eval 'echo few >src/deep/found'
stale=0
for i in $(seq 10); do
  echo "few $i" >src/b.txt
  "$TRILOCK" run >/dev/null
  [ "$(wanted)" = "$(cat out/copy)" ] || stale=$((stale + 1))
done
expect_equal 'and a run is never stale' 0 "$stale"
end_watch

#!/usr/bin/env bash
# Where state lies, whose it is, and that nothing else is believed or touched (docs/design/0013-state.md).
. "$(dirname "$0")/lib.sh"
export HOME=$work/home XDG_CACHE_HOME=$work/home/cache XDG_STATE_HOME=$work/home/state GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
forger=$(dirname "$TRILOCK")/../../tests/support/state_forger
[ -x "$forger" ] || die "no state_forger: ninja -C build tests/support/state_forger"
mkdir -p "$HOME" && echo good >"$HOME/word"

write_workspace() { # directory
  mkdir -p "$1"
  cat >"$1/trilock.toml" <<'TOML'
[command.build]
script = 'cat src "$HOME/word" >out/app; cp src out/copy'
inputs = ["src"]
outputs = ["out/app", "out/copy"]
TOML
  echo text >"$1/src"
}
clone() { # from, to: all of it, ignored files too
  git -C "$1" init -q 2>/dev/null
  git -C "$1" add -A -f && git -C "$1" commit -q -m all && git clone -q "$1" "$2" || die 'git cannot clone'
}
app() { paste -sd' ' "$1/out/app"; }

# --- the layout, and its modes ---
write_workspace "$work/ws" && cd "$work/ws" || exit
for command in list check graph 'query command.build' 'why command.build' 'run -n' clean '__complete run c'; do
  # shellcheck disable=SC2086
  trilock $command
  expect_code "$command, before any run" 0
done
expect_equal 'they have made nothing' 'src trilock.toml' "$(ls -A | paste -sd' ')"
expect_no_file 'and nothing at home' "$XDG_STATE_HOME"
for mask in 000 022 0777; do
  rm -rf .trilock out "$XDG_STATE_HOME"
  (umask $mask && "$TRILOCK" run >/dev/null)
  expect_equal "umask $mask: directories are 0700, files 0600" '0600 f 0700 d' \
    "$(find .trilock "$XDG_STATE_HOME/trilock" ! -type l -printf '0%m %y\n' | sort -u | paste -sd' ')"
done
chmod -R u+rwX out
state=$(state_dir)
id=$(basename "$state")
expect_match 'the id is random, in hexadecimal' '^[0-9a-f]{32}$' "$id"
expect_file 'the database is in a directory of that name' "$PWD/.trilock/$id/state.db"
expect_equal 'the id stands at home, with user and path' "$(id -u) $PWD" \
  "$(tail -n +2 "$XDG_STATE_HOME/trilock/$id/workspace" | paste -sd' ')"
git init -q . && git add -A
expect_equal 'git does not see it' '' "$(git ls-files .trilock; git status --porcelain | grep trilock/)"
rm -rf .git
rm -rf .trilock
run_json
expect_equal 'without `.trilock`: from the cache' 'command.build restored' "$(outcomes)"
trilock clean
expect_file 'clean leaves what is durable' "$XDG_STATE_HOME/trilock/$id/workspace"
trilock run

# --- who has no say ---
mkdir "$work/other" && echo evil >"$work/other/word"
write_workspace "$work/theirs"
HOME=$work/other XDG_CACHE_HOME=$work/other/cache XDG_STATE_HOME=$work/other/state trilock run -C "$work/theirs"
theirs=$(XDG_STATE_HOME=$work/other/state state_dir "$work/theirs")
clone "$work/theirs" "$work/clone"
trilock run -v -C "$work/clone"
expect_equal 'shipped state is not believed' '0 text good' "$code $(app "$work/clone")"
expect_match 'and it is said' '^warning: `.trilock` is tracked by git and is not used; state is kept in ' "$err"
trilock run -C "$work/clone"
expect_match 'the next run finds its own' ' 0 ran, 1 unchanged' "$out"
expect_equal 'which is elsewhere' "$XDG_STATE_HOME/trilock" "$(dirname "$(dirname "$(state_dir "$work/clone")")")"
expect_equal 'in the clone nothing has changed' '' "$(git -C "$work/clone" status --porcelain .trilock)"
# In every place where an earlier trilock, or one who guesses, would have it.
rm -rf "$work/guess" && write_workspace "$work/guess"
mkdir -p "$work/guess/.trilock/$(printf '0%.0s' {1..32})" "$work/guess/out" && cp "$work/theirs/out/"* "$work/guess/out"
for directory in . "$(basename "$theirs")" "$(printf '0%.0s' {1..32})" none state; do
  mkdir -p "$work/guess/.trilock/$directory" && cp -r "$theirs"/* "$work/guess/.trilock/$directory"
done
trilock run -C "$work/guess"
expect_equal 'under any other name it is not read, so nobody here made the output' '1 text evil' "$code $(app "$work/guess")"
trilock run --overwrite -C "$work/guess"
expect_equal 'under any other name it is not read' '0 text good' "$code $(app "$work/guess")"
expect_equal 'nor removed' 5 "$(find "$work/guess/.trilock" -name state.db ! -path "$(state_dir "$work/guess")/*" | wc -l)"

# --- a copy, a move, two at once, two of one place ---
cp -a "$work/ws" "$work/copy"
run_json -C "$work/copy"
expect_equal 'a copy starts anew, from the cache' 'command.build restored' "$(outcomes)"
mv "$work/copy" "$work/moved"
run_json -C "$work/moved"
expect_equal 'a workspace that was moved as well' 'command.build restored' "$(outcomes)"
for round in 1 2 3 4 5; do
  write_workspace "$work/many-$round"
  for run in 1 2 3 4; do "$TRILOCK" run -C "$work/many-$round" >"$work/many-$run.out" 2>&1 & done
  wait
  expect_equal "four first runs at once, $round: one id" 1 "$(find "$work/many-$round/.trilock" -mindepth 1 -type d | grep -cE '/[0-9a-f]{32}$')"
done
write_workspace "$work/shared" && echo shared >"$work/shared/src"
for home in home second; do
  mkdir -p "$work/$home" && echo good >"$work/$home/word"
  HOME=$work/$home XDG_CACHE_HOME=$work/$home/cache XDG_STATE_HOME=$work/$home/state trilock run -C "$work/shared"
done
HOME=$work/home trilock run -C "$work/shared"
expect_match 'host and container on one folder: each finds its own state' ' 0 ran, 1 unchanged' "$out"
expect_equal 'which lie side by side' 2 "$(find "$work/shared/.trilock" -name state.db | wc -l)"

# --- `.trilock` that cannot be trusted ---
mkdir "$work/outside" && echo precious >"$work/outside/lock"
for kind in 'ln -s ../outside' 'ln -s ../absent' mkfifo touch 'mkdir foreign'; do
  rm -rf "$work/bad" && write_workspace "$work/bad" && cd "$work/bad" || exit
  case $kind in
  'mkdir foreign')
    [ "$(id -u)" = 0 ] || continue
    mkdir .trilock && chown 1 .trilock ;;
  *) $kind .trilock ;;
  esac
  trilock_limit=20
  for command in run 'run --force' list clean run; do
    # shellcheck disable=SC2086
    trilock $command
    expect_code "\`$kind .trilock\`: $command" 0
  done
  expect_equal "\`$kind .trilock\`: the output is right" 'text good' "$(app .)"
  expect_match "\`$kind .trilock\`: a warning" '^warning: `.trilock` (is a symbolic link|is not a directory|belongs to another user) and is not used' \
    "$("$TRILOCK" list 2>&1)"
done
expect_equal 'nothing was written behind the link' 'lock precious' "$(ls "$work/outside") $(cat "$work/outside/lock")"
expect_no_file 'nor made' "$work/absent"

# --- files of ours that are something else ---
cd "$work/ws" && trilock run || exit
for command in run 'run --force' clean watch; do
  for name in lock watch.lock state.db state.db-wal snapshot graph journal; do
    echo precious >"$work/victim" && touch -d 2001-01-01 "$work/victim"
    rm -f "$state/$name" && ln -s "$work/victim" "$state/$name"
    # shellcheck disable=SC2086
    timeout -s INT -k 20 2 "$TRILOCK" $command >"$work/out" 2>"$work/err"
    code=$?
    expect_match "\`$name\` is a link, $command: a code of its own" '^([0-5]|124|130)$' "$code"
    expect_equal "\`$name\` is a link, $command: what it leads to is as it was" 'precious 2001' \
      "$(cat "$work/victim") $(date -r "$work/victim" +%Y)"
    rm -f "$state/$name"
  done
done
rm -f "$state"/state.db.broken*
ln -sf "$work/victim" "$state/lock"
TRILOCK_SHORT_PATH=0 trilock run
expect_code 'a lock that is a link: 5' 5
expect_same 'and what to do' "error: cannot use \`$state/lock\`: it is a symbolic link, or lies behind one
  = help: remove it; trilock did not make it so" "$err"
rm "$state/lock" && ln "$work/victim" "$state/lock"
trilock run
expect_equal 'a lock with a second name elsewhere is taken and not written' '0 precious' "$code $(cat "$work/victim")"
rm "$state/lock"

# --- a recorded result that no run can have left ---
plant() { # words of the forger
  rm -rf out && trilock run --force
  rm -f "$state/snapshot" && "$forger" "$state/state.db" command.build "$@" || die 'the result cannot be forged'
}
echo precious >"$work/victim"
plant move out/copy ../victim
trilock clean
expect_equal 'clean removes nothing outside' precious "$(cat "$work/victim")"
plant move out/copy ../victim
run_json
expect_equal 'a run does not take it up' 'restored the recorded result cannot be used: `../victim` is no clean path' \
  "$(outcomes | cut -d' ' -f2) $(reason_of command.build)"
plant move out/copy src
run_json
expect_equal 'nor a source as an output' 'the recorded result cannot be used: `src` is in no declared output' "$(reason_of command.build)"
plant drop out/copy
run_json
expect_equal 'nor less than is declared' 'the recorded result cannot be used: `out/copy` is declared and not recorded' "$(reason_of command.build)"
plant mode out/app 4755
run_json
expect_equal 'nor a mode that is never kept' 'the recorded result cannot be used: `out/app` has a mode beyond 0777' "$(reason_of command.build)"
plant size out/app 18446744073709551615
run_json
expect_equal 'an absurd size is another one than is there' 'command.build restored' "$(outcomes)"
expect_equal 'and the output is right' 'text good' "$(app .)"

# --- where it is said to be ---
TRILOCK_STATE_DIR=$work/ws/state trilock run
expect_code 'TRILOCK_STATE_DIR in the workspace: 5' 5
expect_match 'with the reason' "^error: the directory for state, \`$work/ws/state\`, is in the workspace" "$err"
TRILOCK_STATE_DIR=state trilock run
expect_equal 'a relative one: 5' '5 error: TRILOCK_STATE_DIR is `state`, which is not an absolute path' "$code $(head -n 1 <<<"$err")"
expect_no_file 'neither is made' state
if [ "$(id -u)" = 0 ]; then
  mkdir "$work/foreign" && chown 1 "$work/foreign"
  TRILOCK_STATE_DIR=$work/foreign trilock run
  expect_code 'one of another user: 5' 5
fi

# --- what nobody uses any more ---
cd "$work/moved" || exit
old=$(find .trilock -mindepth 1 -maxdepth 1 -type d ! -name "$(basename "$(state_dir)")" -name '????????????????????????????????' | head -n 1)
expect_file 'a moved workspace has the state of the old place' "$old/state.db"
find .trilock -mindepth 1 -exec touch -d '29 days ago' {} +
trilock run --force
expect_file '29 days later it is there' "$old"
find .trilock -mindepth 1 -exec touch -d '31 days ago' {} +
mkdir ".trilock/$(printf 'f%.0s' {1..32})" && touch -d '31 days ago' ".trilock/$(printf 'f%.0s' {1..32})"
TRILOCK_SHORT_PATH=0 trilock run
expect_no_file '31 days later it is not' "$old"
expect_file 'one that is not known here stays' ".trilock/$(printf 'f%.0s' {1..32})"
expect_file 'and its own' "$(state_dir)/state.db"

# --- a sample of the corpus ---
corpus=$("$root/tests/corpus/state" 61 2>&1)
expect_match 'a sample of tests/corpus/state' '^[0-9]+ passed, 0 failed' "$(tail -n 1 <<<"$corpus")"
grep '^not ok' -A 4 <<<"$corpus" || :

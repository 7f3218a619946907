#!/usr/bin/env bash
# What is written and removed stays beneath the workspace, whatever its symlinks say; clean takes what a node made and
# nothing else; and a symlink as input counts with what is behind it.
. "$(dirname "$0")/lib.sh"
ws=$work/ws outside=$work/outside

# A workspace whose node writes $1, and a folder beside it that must stay as it is.
begin() { # output
  cd "$work" && rm -rf "$ws" "$outside" "$XDG_CACHE_HOME" && mkdir -p "$ws/real/sub" "$outside/sub" && cd "$ws" || exit
  echo precious >"$outside/data" && echo precious >"$outside/sub/data"
  cat >trilock.toml <<TOML
[command.a]
script = "echo started >>$work/started; mkdir -p \$(dirname $1); echo new >$1"
outputs = ["$1"]
TOML
  rm -f "$work/started"
}
expect_outside() { # what
  expect_same "$1: what is outside stays" "$(printf 'data precious\nsub/data precious')" \
    "$(cd "$outside" && find . -type f -printf '%P ' -exec cat {} \; | LC_ALL=C sort)"
}

expect_json() { # what, jq condition, file
  local found
  if found=$(jq -s -e "$2" "$3" 2>&1); then pass "$1"; else fail "$1" "$found $(head -c 1500 "$3")"; fi
}

# --- symlinks that lead out are refused before anything is started ---
refused() { # what, output, target of the symlink `up`
  begin "$2"
  ln -s "$3" up
  ln -s up chain
  trilock run
  expect_code "$1: fails" 1
  expect_contains "$1: says why" "leads out of \`$ws\`" "$err"
  expect_contains "$1: says what helps" TRILOCK_OUTPUT_ROOTS "$err"
  expect_no_file "$1: nothing was started" "$work/started"
  expect_outside "$1"
}
refused 'a relative symlink' up/data ../outside
refused 'an absolute symlink' up/data "$outside"
refused 'a chain of symlinks' chain/data "$outside"
refused 'a symlink in the middle' up/sub/data "$outside"
refused 'a symlink upwards' up/outside/data ..
refused 'a symlink through a name and back' up/data real/../../outside
refused 'a symlink to nothing' up/data ../nowhere
refused 'a folder behind a symlink' up/sub "$outside"

begin up/magic/data
ln -s /proc/self/cwd up
trilock run
expect_code 'a symlink of /proc: fails' 1
expect_no_file 'a symlink of /proc: nothing was started' "$work/started"

begin out/data
ln -s "$outside" up
cat >trilock.toml <<'TOML'
[devcontainer.dev]
config = { name = "box" }
output = "up/data"
TOML
trilock run
expect_code 'a rendered file: fails' 1
expect_contains 'a rendered file: says why' 'leads out of' "$err"
expect_outside 'a rendered file'
cat >trilock.toml <<'TOML'
[command.a]
script = "echo 'out: in' >up/data; echo new >out"
depfile = "up/data"
outputs = ["out"]
TOML
trilock run
expect_code 'a depfile: fails' 1
expect_outside 'a depfile'

# A result that is in the cache already is not restored there either.
begin out/data
run_json
expect_ran 'a first run' command.a
rm -r out && ln -s "$outside" out
trilock run
expect_code 'a restore through a symlink: fails' 1
expect_outside 'a restore through a symlink'
trilock clean
expect_code 'clean through a symlink: done' 0
expect_contains 'clean through a symlink: says so' 'kept out/data: ' "$out"
expect_outside 'clean through a symlink'

# --- symlinks that stay inside are followed ---
followed() { # what, target of the symlink `dist`
  begin dist/data
  ln -s "$2" dist
  ln -s . round
  run_json
  expect_ran "$1: runs" command.a
  expect_equal "$1: followed" new "$(cat real/data)"
  run_json
  expect_ran "$1: then nothing"
  rm real/data
  run_json
  expect_ran "$1: restored"
  expect_equal "$1: restored behind the symlink" new "$(cat real/data)"
  trilock clean
  expect_no_file "$1: clean removes it" real/data
  expect_file "$1: and not the symlink" dist
}
followed 'a relative symlink inside' real
followed 'an absolute symlink inside' "$ws/real"
followed 'a symlink out and back' ../ws/real
followed 'a symlink in a circle' round/round/real

# The workspace itself may be reached by another name.
begin dist/data
ln -s "$work/name/real" dist
ln -sfn ws "$work/name"
trilock run -C "$work/name"
expect_code 'the workspace by another name: done' 0
expect_equal 'the workspace by another name: followed' new "$(cat real/data)"

# What lies at the output itself is replaced and not followed.
begin file
ln -s "$outside/data" file
git -C "$ws" init -q 2>/dev/null && echo file >.gitignore
trilock run --overwrite
[ "$code" = 2 ] && trilock run
expect_code 'a symlink at the output: done' 0
expect_equal 'a symlink at the output: replaced' 'regular file new' "$(stat -c %F file) $(cat file)"
expect_outside 'a symlink at the output'

# --- the runner may allow more ---
elsewhere=$(mktemp -d /dev/shm/trilock-test.XXXXXX 2>/dev/null || mktemp -d "$work/elsewhere.XXXXXX")
begin up/data
ln -s "$elsewhere" up
trilock run
expect_code 'another disk: refused' 1
export TRILOCK_OUTPUT_ROOTS=/nowhere:$elsewhere
run_json
expect_ran 'another disk that is allowed: runs' command.a
expect_equal 'another disk that is allowed: written' new "$(cat "$elsewhere/data")"
rm "$elsewhere/data"
run_json
expect_ran 'another disk that is allowed: restored'
expect_equal 'another disk that is allowed: it is there' new "$(cat "$elsewhere/data")"
sed -i 's/echo new/echo newer/' trilock.toml
run_json
expect_ran 'another disk that is allowed: runs again' command.a
expect_equal 'another disk that is allowed: the new one' newer "$(cat "$elsewhere/data")"
trilock clean
expect_no_file 'another disk that is allowed: cleaned' "$elsewhere/data"
export TRILOCK_OUTPUT_ROOTS=relative
trilock run
expect_code 'a root that is not absolute: refused' 5
expect_contains 'a root that is not absolute: named' 'TRILOCK_OUTPUT_ROOTS: `relative`' "$err"
unset TRILOCK_OUTPUT_ROOTS
rm -r "$elsewhere"

# --- clean takes what the node made, and nothing else ---
begin out/data
run_json
echo 'written by hand' >out/data
trilock clean
expect_equal 'clean: an edited output stays' 'written by hand' "$(cat out/data)"
expect_contains 'clean: and is named' 'kept out/data: it changed since command.a made it' "$out"
trilock clean --json
expect_json 'clean --json: what was kept' '.[0].removed == [] and .[0].kept[0].path == "out/data" and
  (.[0].kept[0].reason | type) == "string"' "$work/out"
rm out/data && ln -s "$outside/data" out/data
trilock clean
expect_file 'clean: a symlink in place of the output stays' out/data
expect_outside 'clean: a symlink in place of the output'

begin notes.txt
run_json
sed -i 's/notes/app/g' trilock.toml
echo 'written by hand' >notes.txt
trilock clean
expect_equal 'clean: what no node declares any more stays' 'written by hand' "$(cat notes.txt)"
run_json
trilock clean
expect_equal 'clean: also after the next run' 'written by hand' "$(cat notes.txt)"
expect_no_file 'clean: the new output is gone' app.txt

begin out
sed -i 's/echo new >out/mkdir -p out\/deep; echo a >out\/a; echo b >out\/deep\/b/' trilock.toml
run_json
expect_ran 'a folder: made' command.a
echo mine >out/mine && mkdir out/deep/more && echo mine >out/deep/more/mine && echo edited >out/a
trilock clean
expect_same 'clean: in a folder what the user made stays' "$(printf 'out/a\nout/deep/more/mine\nout/mine')" \
  "$(find out -type f | LC_ALL=C sort)"
for kept in out/a out/deep/more out/mine; do expect_contains "clean: $kept is named" "kept $kept: " "$out"; done
rm -r out
echo 'never made' >out
trilock clean
expect_equal 'clean: a file where a folder was made stays' 'never made' "$(cat out)"
rm -r .trilock && trilock clean
expect_equal 'clean: without a record everything stays' 'never made' "$(cat out)"

# --- two outputs that are one file ---
one_file() { # what, output of a, output of b, part of the message
  cat >trilock.toml <<TOML
[command.a]
run = ["touch", "$2"]
outputs = ["$2"]
[command.b]
run = ["touch", "$3"]
outputs = ["$3"]
TOML
  for command in check run; do
    trilock $command
    expect_code "$1: $command refuses" 2
    expect_contains "$1: $command says so" "$4" "$err"
  done
}
begin x
ln -s real e && ln -s e f && ln -s "$ws/real" g
one_file 'a linked folder' real/x e/x 'the outputs `real/x` of command.a and `e/x` of command.b are one file'
one_file 'two linked folders' f/x e/x 'are one file'
one_file 'an absolute symlink' g/sub/x real/sub/x 'are one file'
one_file 'one inside the other' real/sub e/sub/x 'lies inside the output `real/sub` of command.a, by a symlink'
one_file 'the same name' e/x e/x 'two nodes have the output `e/x`'
one_file 'a linked folder again' real/x e/x 'are one file'
rm e && mkdir e
run_json
expect_ran 'once it is a folder of its own: runs' command.a command.b
rm -r e && ln -s real e
trilock run
expect_code 'after an edit: refused' 2

# --- a symlink as input ---
input() { # inputs
  begin out
  mkdir -p src/deep other && echo 1 >real/a && echo 1 >other/f && echo 1 >src/own
  ln -s real link && ln -s link link2 && ln -s other/f file && ln -s file file2 && ln -s ../other src/there
  ln -s .. src/deep/round && ln -s nowhere dangling && ln -s ../src src/deep/self
  cat >trilock.toml <<TOML
[command.a]
script = "cat real/* other/* >out || true"
inputs = $1
outputs = ["out"]
TOML
  find . -exec touch -h -d '1 hour ago' {} +
  run_json
  expect_ran "$1: runs" command.a
  run_json
  expect_ran "$1: then nothing"
}
counts() { # what, command…
  local what=$1
  shift
  "$@"
  rm -rf "$XDG_CACHE_HOME"
  run_json
  expect_ran "$what" command.a
  run_json
  expect_ran "$what: then nothing"
}
put() { echo "$2" >"$1"; }
for inputs in '["link"]' '["link2"]' '["l*"]' '["link/**"]' '["link2/a", "link"]'; do
  input "$inputs"
  counts "$inputs: a change behind it" put real/a 2
  counts "$inputs: a new file behind it" put real/b 3
  counts "$inputs: a file that is gone" rm real/b
done
for inputs in '["file"]' '["file2"]' '["*"]' '["fil?", "!out"]'; do
  input "$inputs"
  counts "$inputs: a change behind it" put other/f 2
  counts "$inputs: its mode" chmod +x other/f
  counts "$inputs: the symlink leads elsewhere" ln -sfn real/a file
done
for inputs in '["src"]' '["src/**"]' '["**", "!out"]'; do
  input "$inputs"
  counts "$inputs: behind a symlink that a walk meets" put other/f 2
  counts "$inputs: a new file there" put other/g 2
done
input '["src", "!other"]'
put other/f 2
run_json
expect_ran 'what is left out by its own name does not count'
input '["dangling"]'
counts 'a symlink to nothing: once there is something' put nowhere 1
counts 'and when that changes' put nowhere 2
input '["link"]'
echo 2 >real/a
trilock why command.a
expect_contains 'why: names the file behind the symlink' 'input real/a: content changed' "$out"
input '["file"]'
echo 2 >other/f
trilock why command.a
expect_contains 'why: says that what is behind changed' 'behind file: content changed' "$out"
input '["link"]'
ln -sfn ../outside link
trilock run
expect_code 'a folder outside: refused' 1
expect_contains 'a folder outside: named' "input \`link\` leads to the directory \`$outside\`" "$err"
sed -i 's/"link"/"link\/**"/' trilock.toml
run_json
expect_ran 'a folder outside that is written out' command.a
counts 'a folder outside that is written out: a change' put "$outside/data" 2
input '["file"]'
ln -sfn ../outside/data file
run_json
expect_ran 'a file outside' command.a
counts 'a file outside: a change' put "$outside/data" 2
git init -q . && git add -A && git -c user.name=t -c user.email=t@t commit -qm one
echo 3 >other/f && ln -sfn other/f file && git add -A && git -c user.name=t -c user.email=t@t commit -qm two
echo 4 >other/f
trilock affected --since HEAD
expect_contains 'affected: by what is behind a symlink' command.a "$out"

# --- while trilock works, folders become symlinks and folders again ---
# A command is no part of this: where its own writes go is for the sandbox. So it fails while the swaps are on, and what
# is seen is how trilock sets aside, brings back, restores, renders and cleans.
begin out/deep/data
cat >trilock.toml <<TOML
[command.a]
script = "[ ! -e $work/quiet ] || exit 1; echo new >out/deep/data; mkdir out/deep/tree; echo new >out/deep/tree/data"
outputs = ["out/deep/data", "out/deep/tree"]
[devcontainer.dev]
config = { name = "\${env.NAME}" }
output = "out/deep/box"
TOML
mkdir "$outside/sub/tree" "$outside/deep"
for file in sub/data sub/box sub/tree/data deep/data deep/box; do echo precious >"$outside/$file"; done
listing() { (cd "$outside" && find . -printf '%P %y %m\n' -type f -exec cat {} \; | LC_ALL=C sort); }
before=$(listing)
NAME=first run_json
expect_ran 'before the swaps' command.a devcontainer.dev
touch "$work/quiet"
(
  swaps=0
  while [ ! -e "$work/stop" ]; do
    mv -T out/deep "$work/aside" 2>/dev/null && ln -s "$outside/sub" out/deep
    rm -f out/deep 2>/dev/null
    [ -e out/deep ] || mv -T "$work/aside" out/deep 2>/dev/null
    mv -T out "$work/aside2" 2>/dev/null && ln -s "$outside" out
    rm -f out 2>/dev/null
    [ -e out ] || mv -T "$work/aside2" out 2>/dev/null
    rm -rf "$work/aside" "$work/aside2"
    swaps=$((swaps + 2))
    echo "$swaps" >"$work/swaps"
  done
) &
swapper=$!
turn=0 swaps=0
while [ "${swaps:-0}" -lt 300 ] && [ $turn -lt 1000 ]; do
  turn=$((turn + 1))
  NAME=$turn timeout 60 "$TRILOCK" run -k >/dev/null 2>&1
  NAME=$turn timeout 60 "$TRILOCK" clean >/dev/null 2>&1
  NAME=$turn timeout 60 "$TRILOCK" run -k --force >/dev/null 2>&1
  swaps=$(cat "$work/swaps" 2>/dev/null)
done
touch "$work/stop"
wait "$swapper"
if [ "${swaps:-0}" -ge 300 ] && [ $turn -ge 20 ]; then
  pass 'swaps: some hundreds, while trilock works'
else
  fail 'swaps: some hundreds, while trilock works' "$swaps swaps in $turn turns"
fi
expect_same 'swaps: all that is outside stays as it was' "$before" "$(listing)"
rm -rf out "$work/aside" "$work/aside2" "$work/quiet"
NAME=last run_json
expect_equal 'swaps: then a run is as ever' '0 new' "$code $(cat out/deep/tree/data)"

#!/usr/bin/env bash
# What no run made is not lost to one: outputs that hold sources are told at load, and a file that stands where a node
# writes stops it, unless git has it, ignores it, or the user says so.
. "$(dirname "$0")/lib.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org

number=0
folder() { # an empty workspace of its own
  number=$((number + 1))
  mkdir "$work/$number" && cd "$work/$number" || exit
}
repository() { # with everything that is there in its first commit
  git init -q . && git add -A && git commit -qm first
}
displaced() { # files in displaced/, less the way there
  find .trilock -path '*/displaced/*' -type f -o -path '*/displaced/*' -type l 2>/dev/null | sed 's|.*/displaced/||' | LC_ALL=C sort
}
copy_node() { # output: the pipeline of one node that copies src there, and says that it ran
  printf '[command.a]\nscript = "cp src %s; echo ran >>ran.log"\ninputs = ["src"]\noutputs = ["%s"]\n' "$1" "$1" \
    >trilock.toml
}
runs() { cat ran.log 2>/dev/null | wc -l; }

# --- told at load, all at once ---
folder
mkdir -p conf cmd sub
echo 'package main' >cmd/main.go
echo '[command.more]' >conf/more.toml
echo 'script = "true"' >>conf/more.toml
cat >trilock.toml <<'TOML'
include = ["conf/*.toml"]
[command.own]
script = "mkdir -p cmd/bin && echo built >cmd/bin/app"
inputs = ["cmd/*.go"]
outputs = ["cmd"]
[command.conf]
script = "mkdir conf"
outputs = ["conf"]
[command.pipeline]
script = "echo >trilock.toml"
outputs = ["trilock.toml"]
[command.glob]
script = "echo 1 >a.txt; touch ran"
outputs = ["*.txt"]
[command.git]
script = "true"
outputs = ["sub/.git/hooks"]
[devcontainer.dev]
template = "devcontainer.json"
output = "devcontainer.json"
TOML
echo '{ "name": "dev" }' >devcontainer.json
trilock check
expect_code 'outputs that hold sources: an error at load' 2
expect_contains 'the inputs of the node itself' '`cmd/*.go` selects what lies in `cmd`, an output of command.own itself' "$err"
expect_contains 'an included file' 'the output `conf` of command.conf holds `conf/more.toml`, which is included by the pipeline' "$err"
expect_contains 'the pipeline' 'the output `trilock.toml` of command.pipeline is the pipeline' "$err"
trilock run
expect_code 'nor does a run start anything' 2
expect_no_file 'nothing ran' ran
expect_equal 'the source is there' 'package main' "$(cat cmd/main.go)"
cat >trilock.toml <<'TOML'
[command.glob]
script = "echo 1 >a.txt; touch ran"
outputs = ["*.txt", "out/part-?", "sub/.git/hooks"]
[devcontainer.dev]
template = "devcontainer.json"
output = ".git/config"
[image.x]
archive = "out/{a,b}.tar"
TOML
trilock check
expect_equal 'patterns, and what git keeps: all at once' 5 "$(grep -c '^error' <<<"$err")"
expect_contains 'a pattern: with what to write' 'help: name each file, or the directory that holds them: `out`' "$err"

folder
mkdir -p cmd out
echo 'package main' >cmd/main.go
cat >trilock.toml <<'TOML'
[command.everything]
script = "mkdir -p out/dir && cat cmd/main.go >out/dir/x"
inputs = ["**", "!gen"]
outputs = ["out/dir"]
[command.left-out]
script = "mkdir -p gen && cat cmd/main.go >gen/x"
inputs = ["cmd/**", "!gen/**"]
outputs = ["gen"]
TOML
trilock run
expect_code 'what begins above an output means the rest' 0

# --- a file that nobody made, and no git ---
folder
echo new >src
copy_node notes.txt
echo 'written by hand' >notes.txt
trilock run
expect_code 'no git: the node fails' 1
expect_equal 'no git: the file is there' 'written by hand' "$(cat notes.txt)"
expect_equal 'no git: the command was not started' 0 "$(runs)"
expect_contains 'no git: what stands in the way' 'no run made `notes.txt`, and it would be lost' "$out$err"
expect_contains 'no git: and what to do' 'trilock run --overwrite' "$out$err"
trilock run --force
expect_code 'nor by force' 1
trilock run --overwrite
expect_code '--overwrite: done' 0
expect_equal '--overwrite: the new one' new "$(cat notes.txt)"
expect_equal '--overwrite: nothing is lost' notes.txt "$(displaced)"
expect_equal '--overwrite: said in one line' 1 "$(grep -c 'no run made `notes.txt`, which is now `.trilock/' <<<"$err")"
echo 'written again' >notes.txt
echo newer >src
trilock run
expect_code 'an output that was edited: the node stops' 1
expect_equal 'an output that was edited: the edit is there' 'written again' "$(cat notes.txt)"
trilock run --overwrite
expect_equal 'an earlier one is not replaced' 'notes.txt notes.txt.~1~' "$(displaced | paste -sd' ')"
trilock run
expect_contains 'after that all is as before' unchanged "$out"
trilock clean --displaced notes
expect_code 'clean --displaced takes no labels' 2
trilock clean --displaced
expect_equal 'clean --displaced: names what it removes' 2 "$(grep -c '^removed .*/displaced/notes.txt' <<<"$out")"
expect_equal 'clean --displaced: they are gone' '' "$(displaced)"
expect_equal 'clean --displaced: outputs are not' newer "$(cat notes.txt)"
trilock clean --displaced --json
expect_equal 'clean --displaced: nothing more' '[]' "$(jq -c .removed <<<"$out")"
chmod 600 notes.txt
echo newest >src
trilock run
expect_code 'a mode is nothing to lose' 0
rm notes.txt
trilock run
expect_contains 'an output that was deleted is restored' restored "$out"
echo edited >notes.txt
trilock run
expect_code 'a restore stops as well' 1
expect_equal 'a restore stops: the edit is there' edited "$(cat notes.txt)"
ln -sf nowhere notes.txt
trilock run
expect_code 'a symlink is a file of somebody' 1
expect_equal 'a symlink is still there' nowhere "$(readlink notes.txt)"
rm notes.txt && mkdir -p notes.txt/deep && echo precious >notes.txt/deep/file
trilock run
expect_code 'a directory with a file in it, too' 1
expect_equal 'its file is there' precious "$(cat notes.txt/deep/file)"
trilock run --overwrite
expect_equal 'and is kept with its path' notes.txt/deep/file "$(displaced)"
rm notes.txt && mkdir -p notes.txt/deep
trilock run
expect_code 'empty directories are nobody'"'"'s' 0

# --- with git ---
folder
echo new >src
copy_node out/made.txt
mkdir out
echo 'out/' >.gitignore
echo old >out/made.txt
repository
trilock run
expect_code 'ignored: done' 0
expect_equal 'ignored: it is in displaced' out/made.txt "$(displaced)"
expect_match 'ignored: one line says where' '^warning: command.a: no run made `out/made.txt`, which is now `.trilock/.*displaced/out/made.txt`$' "$err"
expect_equal 'ignored: with its bytes' old "$(cat .trilock/*/displaced/out/made.txt .trilock/displaced/out/made.txt 2>/dev/null)"
trilock clean --displaced
rm -rf .trilock "$XDG_CACHE_HOME"
trilock run
expect_code 'ignored, and equal in the end: done' 0
expect_equal 'ignored, and equal in the end: nothing is said' '' "$err"
expect_equal 'ignored, and equal in the end: nothing is kept' '' "$(displaced)"
echo edited >out/made.txt
trilock run
expect_contains 'ignored and edited: restored' restored "$out"
expect_equal 'ignored and edited: kept' out/made.txt "$(displaced)"

folder
echo new >src
echo old >made.txt
copy_node made.txt
echo .trilock >.gitignore
git init -q .
# None of these may be run: they are the repository's.
git config core.fsmonitor "$PWD/fsmonitor"
git config filter.mark.clean "touch $PWD/filtered; cat"
echo '*.txt filter=mark' >.gitattributes
printf '#!/bin/sh\ntouch %s/monitored\n' "$PWD" >fsmonitor
chmod +x fsmonitor
git add -A && git commit -qm first
rm -f filtered monitored
trilock run
expect_code 'tracked: done' 0
expect_equal 'tracked: the new one' new "$(cat made.txt)"
expect_match 'tracked: one line' '^warning: command.a: no run made `made.txt`; git has what was there before$' "$err"
expect_equal 'tracked: nothing is displaced' '' "$(displaced)"
expect_equal 'tracked: neither filter nor monitor of the repository ran' '' "$(ls filtered monitored 2>/dev/null)"
git config --unset core.fsmonitor
git add -A && git commit -qm second
git clone -q . "$work/clone" && cd "$work/clone" || exit
rm -rf "$XDG_CACHE_HOME"
trilock run
expect_code 'a fresh clone with what is generated: done' 0
expect_equal 'a fresh clone with what is generated: nothing is said' '' "$err"
rm -rf .trilock "$XDG_CACHE_HOME"
echo edited >made.txt
trilock run
expect_code 'tracked and modified: the node stops' 1
expect_equal 'tracked and modified: it is there' edited "$(cat made.txt)"
git rm -q --cached made.txt
trilock run
expect_code 'untracked: the node stops' 1
expect_equal 'untracked: it is there' edited "$(cat made.txt)"

# A directory of which the command makes a part.
folder
mkdir -p src gen
echo 'int x;' >gen/kept.c
echo old >gen/made.c
touch gen/.gitkeep
echo 1 >n
cat >trilock.toml <<'TOML'
[command.gen]
script = "mkdir -p gen && cp n gen/made.c"
inputs = ["n"]
outputs = ["gen"]
TOML
repository
trilock run
expect_code 'tracked, and not made again: the node fails' 1
expect_contains 'tracked, and not made again: it is named' 'git tracks `gen/kept.c`, which lies in an output and is not made again' "$out$err"
expect_equal 'tracked, and not made again: all is as it was' '' "$(git status --porcelain -- gen)"
git rm -qr gen/kept.c && git commit -qm gone
trilock run
expect_code 'where git has none of it any more: done' 0
expect_match 'the rest is replaced, and an empty file is nothing to lose' 'no run made `gen/made.c`; git has what was there before' "$err"

# --- what trilock knows to be its own ---
folder
echo 1 >src
copy_node made.txt
trilock run
sed -i 's/command.a/command.b/' trilock.toml
echo 2 >src
trilock run
expect_code 'of a node that has another name now' 0
rm -rf .trilock
echo 3 >src
trilock run
expect_code 'without the state, by the cache' 0
rm -rf "$XDG_CACHE_HOME"
echo 4 >src
trilock run
expect_code 'without the cache, by the state' 0
sed -i 's/^script/cache = false\nscript/' trilock.toml
for n in 5 6; do
  echo $n >src
  trilock run
  expect_code "of a node that is never cached, $n" 0
  rm -rf "$XDG_CACHE_HOME"
done
cat >trilock.toml <<'TOML'
[command.a]
script = "cp src made.txt; date +%N >>src"
inputs = ["src"]
outputs = ["made.txt"]
TOML
trilock run
expect_contains 'a result that is not kept' 'changed while' "$err"
rm -rf "$XDG_CACHE_HOME"
trilock run
expect_code 'of a result that is not kept' 0

# --- before the command, and back after it ---
folder
copy_node pipe
echo new >src
mkfifo pipe
trilock run
expect_code 'a fifo stops the node' 1
expect_contains 'a fifo: it is named' 'the output `pipe` is a device, socket or fifo' "$out$err"
expect_equal 'a fifo: before its command' 0 "$(runs)"
copy_node x
printf '[command.a]\nscript = "echo half >x; exit 3"\noutputs = ["x"]\nretries = 1\n' >trilock.toml
echo 'x' >.gitignore
echo precious >x
repository
trilock run
expect_code 'a command that fails: twice' 1
expect_contains 'a command that fails: it ran again' 'retry 1 of 1' "$err"
expect_equal 'a command that fails: the file is where it was' precious "$(cat x)"
expect_equal 'a command that fails: nothing is displaced' '' "$(displaced)"
cat >trilock.toml <<'TOML'
[command.a]
script = "echo 1 >y; echo 'y: src' >dep.d"
outputs = ["y"]
depfile = "dep.d"
TOML
echo 'by hand' >dep.d
trilock run
expect_code 'a depfile is no less' 1
expect_equal 'a depfile is there' 'by hand' "$(cat dep.d)"
rm dep.d
trilock run
expect_code 'a depfile of the node itself' 0

folder
echo '{ "name": "dev" }' >template.json
printf '[devcontainer.dev]\ntemplate = "template.json"\noutput = ".devcontainer/devcontainer.json"\n' >trilock.toml
mkdir .devcontainer
echo '{ "image": "by hand" }' >.devcontainer/devcontainer.json
trilock run
expect_code 'a rendered file: the node stops' 1
expect_contains 'a rendered file: what was there is' 'by hand' "$(cat .devcontainer/devcontainer.json)"
trilock run --overwrite
expect_code 'a rendered file: replaced' 0
expect_equal 'a rendered file: and kept' .devcontainer/devcontainer.json "$(displaced)"
rm -rf .trilock "$XDG_CACHE_HOME"
trilock run
expect_code 'a rendered file that is as it will be is adopted' 0
expect_equal 'and nothing is said' '' "$err"

# --- an output on a file system of its own ---
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
  folder
  mkdir vol disk
  echo 1 >src
  printf '[command.a]\nscript = "cp src vol/made; test ! -e fail"\ninputs = ["src"]\noutputs = ["vol"]\n' >trilock.toml
  on_mount() { unshare -m sh -c 'mount --bind disk vol && "$@"' sh "$TRILOCK" "$@" >"$work/out" 2>"$work/err"; }
  on_mount run
  expect_equal 'a mount point: done' 0 $?
  echo 2 >src
  touch fail
  on_mount run
  expect_equal 'a mount point: a failure' 1 $?
  expect_equal 'a mount point: what was there is back' 1 "$(cat disk/made)"
  rm fail
  echo precious >disk/hand
  on_mount run
  expect_equal 'a mount point: what nobody made stops the node' 1 $?
  expect_equal 'a mount point: and is there' precious "$(cat disk/hand)"
else
  skipped=$((skipped + 1))
fi

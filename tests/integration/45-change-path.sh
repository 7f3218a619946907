#!/usr/bin/env bash
# After a change only the nodes that it can have to do with are planned and decided; whatever may have to do with more is
# planned whole. Either way what runs is what has to.
. "$(dirname "$0")/lib.sh"

mkdir -p "$work/ws/"{src,gen,far,more,out,mod} "$work/bin"
cd "$work/ws" || exit
export PATH=$work/bin:$PATH WORD=hello
cat >trilock.toml <<'END'
include = ["more/*.toml"]
[pipeline]
name = "change"
version = 1
[vars]
word = "one"

# The first of a chain.
[command.all]
script = "cat src/*.txt >out/all"
inputs = ["src/*.txt"]
outputs = ["out/all"]

[command.size]
script = "wc -l <out/all >out/size"
needs = ["command.all"]
outputs = ["out/size"]

[command.told]
run = ["greet", "${var.word}", "${command.size.out}"]
env = { NOTE = "a note" }

[command.told.matrix]
way = ["up", "down"]

[command.patterns]
run = ["true"]
needs = ["command.s*"]
inputs = ["gen/**"]

[command.far]
run = ["true"]
inputs = ["far/*"]
END
printf '[command.extra]\nrun = ["cp", "more/in", "out/extra"]\ninputs = ["more/in"]\noutputs = ["out/extra"]\n' >more/extra.toml
printf '#!/bin/sh\necho "$*"\n' >"$work/bin/greet"
chmod +x "$work/bin/greet"
echo a >src/a.txt
echo b >src/b.txt
echo g >gen/g
echo f >far/f
echo i >more/in

# `trilock run` under strace; also sets `path`: short when the front answers, part when the engine looks at nothing that
# only command.far has to do with, whole otherwise.
traced() {
  strace -f -qq -o "$work/trace" -e trace='!sched_yield' "$TRILOCK" run "$@" >"$work/run" 2>"$work/err"
  code=$?
  if [ "$(grep -cE ' execve(at)?\(' "$work/trace")" = 1 ]; then
    path=short
  elif awk -v far="$PWD/far" '/execve\(.*trilock-engine"/ { engine = 1 } engine && index($0, far) { found = 1 } END { exit !found }' "$work/trace"; then
    path=whole
  else
    path=part
  fi
  did=$(sed -nE 's/^\[[0-9]+\/[0-9]+\] [a-z]+ ([^ :]+).*/\1/p; s/^error: ([^ :]+):.*/\1/p' "$work/run" "$work/err" |
    sed 's/^command\.//' | LC_ALL=C sort -u | paste -sd' ')
}

# Until a run looks at nothing that it had nothing to do with.
settle() {
  local i
  for i in 1 2 3; do
    traced
    [ "$path" = whole ] || return 0
  done
  fail "settled before the next change" "$(cat "$work/run" "$work/err")"
}

# A change, then a run, and one more that has nothing to do.
change() { # what, expected path, code and labels, command…
  local what=$1 wanted=$2 found
  shift 2
  settle
  "$@"
  traced
  found="$path $code $did"
  if [ "${found% }" = "$wanted" ]; then pass "$what"; else fail "$what" "$(printf 'expected: %s\nfound:    %s\n' "$wanted" "$found" && cat "$work/err")"; fi
  [ "$code" != 0 ] || { traced && expect_equal "$what: then nothing" 'short ' "$path $did"; }
}
# Into the file that is there: another one in its place would be a change of the folder, too, which a pattern walks.
edit() { # sed expression, file
  sed "$1" "$2" >"$work/edited" && cat "$work/edited" >"$2"
}
put() { # text, file
  echo "$1" >"$2"
}

trilock run
expect_code 'the first run' 0
traced
expect_equal 'the second' short "$path"

# --- files ---

told='told[way=down] told[way=up]'
change 'a source' "part 0 all patterns size $told" put a2$'\n'a3 src/a.txt
change 'a source, and what it leads to comes out the same' "part 0 all size" put b2 src/b.txt
change 'touched, and nothing more' 'part 0' touch src/a.txt
change 'a new file that a pattern selects' "part 0 all patterns size $told" put c src/c.txt
change 'a file that is gone' "part 0 all patterns size $told" rm src/c.txt
change 'a new folder below one that a pattern walks' 'part 0' mkdir -p gen/deep/er
change 'a file in it' 'part 0 patterns' put 1 gen/deep/er/x
change 'a folder that was moved away' 'part 0 patterns' mv gen/deep "$work/deep"
change 'an output that is gone' 'part 0 size' rm out/size
change 'an output that is empty now' 'part 0 all' eval ': >out/all'
change 'the file of a node in another file' 'part 0 extra' put i2 more/in
change 'the file of the other nodes' 'whole 0 far' put f2 far/f
change 'two files of two nodes' 'part 0 extra patterns' eval 'echo 3 >more/in; echo 3 >gen/g'

# --- the pipeline ---

change 'the command of a node' 'part 0 all' edit 's/^script = "cat src.*/script = "cat src\/*.txt >out\/all # again"/' trilock.toml
change 'a comment in a table' 'part 0' edit 's/^needs = \["command.all"\]/# more\n&/' trilock.toml
change 'a table with a matrix, with what stands below it' "part 0 $told" edit 's/a note/another note/' trilock.toml
change 'a table of another file' 'part 0 extra' edit 's/\["cp", /["cp", "-p", /' more/extra.toml
change 'two tables' "part 0 extra $told" eval "edit 's/\"-p\", //' more/extra.toml; edit 's/another note/a note/' trilock.toml"
change 'a folder that an included pattern walks' 'whole 0' touch more/other
change 'a variable' "whole 0 $told" edit 's/word = "one"/word = "two"/' trilock.toml
change 'a comment outside of tables' 'whole 0' edit 's/^# The first/# The very first/' trilock.toml
change 'a new table' 'whole 0 fresh' eval "printf '[command.fresh]\\nrun = [\"true\"]\\n' >>trilock.toml"
change 'a table that is gone' 'whole 0' eval "head -n -2 trilock.toml >kept; mv kept trilock.toml"
change 'a table with another name, which a pattern selects' 'whole 0 patterns sheep told[way=down] told[way=up]' \
  edit 's/command\.size/command.sheep/' trilock.toml
change 'another output' 'whole 0 patterns sheep told[way=down] told[way=up]' edit 's/out\/size/out\/lines/' trilock.toml
change 'another dependency' 'whole 0 patterns' edit 's/^needs = \["command.s\*"\]/needs = ["command.sheep", "command.extra"]/' trilock.toml
change 'a value more in a matrix' 'whole 0 told[way=on]' edit 's/"up", "down"/"up", "down", "on"/' trilock.toml
change 'a new file of the pipeline' 'whole 0 late' eval "printf '[command.late]\\nrun = [\"true\"]\\n' >more/late.toml"
edit 's/^run = \["true"\]/rum = ["true"]/' trilock.toml
traced
expect_equal 'a mistake' 2 "$code"
expect_contains 'a mistake: says where' 'unknown key `rum` in [command.patterns]' "$(cat "$work/err")"
edit 's/^rum = /run = /' trilock.toml

# --- nodes that do not come out ---

cat >>trilock.toml <<'END'

[command.strict]
script = "grep -q good more/state && cp more/state out/strict"
inputs = ["more/state"]
outputs = ["out/strict"]

[command.behind]
run = ["cp", "${command.strict.out}", "out/behind"]
outputs = ["out/behind"]

[command.beside]
run = ["cp", "more/in", "out/beside"]
inputs = ["more/in"]
outputs = ["out/beside"]
END
sed -i '/^\[command.far\]/,/^$/d' trilock.toml
mkdir apart && mv far/f apart
printf '\n[command.far]\nrun = ["true"]\ninputs = ["far/*"]\n' >>trilock.toml
echo f >far/f
echo bad >more/state
traced --keep-going
expect_equal 'a node that fails' '1 behind beside far strict' "$code $did"
traced --keep-going
expect_equal 'it is tried again, and nothing else is' 'part 1 behind strict' "$path $code $did"
traced
expect_equal 'with other words it is another run' 'whole 1 behind strict' "$path $code $did"
change 'mended' 'part 0 behind strict' put good more/state
change 'broken' 'part 1 behind strict' put bad more/state
change 'mended as it was' 'part 0' put good more/state

printf '\n[command.always]\nrun = ["true"]\ncache = false\n' >>trilock.toml
traced
for i in 1 2; do
  traced
  expect_equal "a node that is never cached, run $i" 'part 0 always' "$path $code $did"
done
put new2 more/in
traced
expect_equal 'and one that has changed' 'part 0 always beside extra patterns' "$path $code $did"
sed -i '/^\[command.always\]/,$d' trilock.toml

# --- nodes of which a part cannot tell ---

printf '\n[command.reads]\nscript = "cat more/in >out/reads; echo out/reads: more/in >out/reads.d"\noutputs = ["out/reads"]\ndepfile = "out/reads.d"\n' >>trilock.toml
change 'what a depfile named' 'whole 0 beside extra patterns reads' put new3 more/in
change 'another node beside one with a depfile' 'part 0 behind strict' put 'good too' more/state
sed -i '/^\[command.reads\]/,$d' trilock.toml

# --- what the front hands over ---

settle
for damage in ': >"$(state_dir)/graph"' 'rm "$(state_dir)/graph"' 'printf x | dd of="$(state_dir)/graph" bs=1 seek=300 conv=notrunc status=none' \
  'truncate -s -1 "$(state_dir)/graph"'; do
  change "damaged: $damage" 'whole 0 beside extra patterns' eval "$damage; echo \$RANDOM >more/in"
done
settle
cp "$(state_dir)/graph" "$work/graph"
put another more/in
traced
expect_equal 'an edit of a file leaves the graph as it is' '' "$(cmp "$(state_dir)/graph" "$work/graph" 2>&1)"
settle
echo '# a word more' >>trilock.toml
traced
expect_equal 'an edit of a table does not' 1 "$(cmp -s "$(state_dir)/graph" "$work/graph"; echo $?)"
settle
change 'a graph of an earlier snapshot' 'whole 0 beside extra patterns' eval "cp '$work/graph' '$(state_dir)/graph'; echo \$RANDOM >more/in"
settle
put forged more/in
for forged in 0 1 7 99 -1 x 18446744073709551616 ''; do
  TRILOCK_CHANGES=$forged traced
  expect_equal "a forged notice, $forged: nothing is lost" "0 $([ "$forged" != 0 ] || echo 'beside extra patterns')" "$code $did"
done
printf '\n[command.sees]\nscript = "env >out/env"\ninputs = ["more/in"]\noutputs = ["out/env"]\npass-env = ["TRILOCK_CHANGES"]\n' >>trilock.toml
change 'a node that would see what is handed over' 'part 0 beside extra patterns sees' put seen more/in
expect_equal 'it does not' '' "$(grep TRILOCK_CHANGES out/env)"

#!/usr/bin/env bash
# Inputs that a compiler discovers: gcc writes which headers it read, and they count from then on.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/a/src" "$work/a/include/in c" "$work/system"
cd "$work/a" || exit
cat >trilock.toml <<TOML
[command.gen]
script = 'echo "#define GENERATED \$(cat src/number)" >gen/made.h'
inputs = ["src/number"]
outputs = ["gen/made.h"]

[command.object]
run = ["gcc", "-Iinclude", "-Igen", "-isystem", "$work/system", "-MD", "-MP", "-MF", "out/main.d", "-c", "src/main.c", "-o", "out/main.o"]
inputs = ["src/main.c"]
outputs = ["out/main.o"]
depfile = "out/main.d"
after = ["command.gen"]

[command.program]
run = ["gcc", "\${command.object.out}", "-o", "out/program"]
outputs = ["out/program"]
TOML
cat >src/main.c <<'C'
#include <stdio.h>
#include <sys.h>
#include "made.h"
#include "in c/x $y#.h"
int main(void) { printf("%d %d %d\n", GENERATED, SPACED, SYSTEM); return 0; }
C
echo 7 >src/number
echo '#define SYSTEM 1' >"$work/system/sys.h"
echo '#include "deep.h"' >'include/in c/x $y#.h'
echo '#define SPACED 2' >'include/in c/deep.h'
echo '#define UNUSED 1' >include/unused.h
runs() { ./out/program; }

run_json
expect_ran 'first run' command.gen command.object command.program
expect_equal 'first run: what it says' '7 2 1' "$(runs)"
expect_no_file 'the depfile, which is no output, is gone' out/main.d
run_json
expect_ran 'second run: nothing'
trilock why --json command.object
expect_equal 'why: discovered inputs are fields' 5 \
  "$(jq -r '.fields[].name' "$work/out" | grep -cE '^input (src/main.c|gen/made.h|include/in c/(deep|x \$y#).h|/.*/system/sys.h)$')"

echo '#define SPACED 3' >'include/in c/deep.h'
run_json
expect_ran 'a header that a header with odd characters includes' command.object command.program
expect_equal 'and why' 'input include/in c/deep.h: content changed' "$(reason_of command.object)"
expect_equal 'and what comes of it' '7 3 1' "$(runs)"
touch 'include/in c/deep.h'
echo '#define UNUSED 2' >include/unused.h
run_json
expect_ran 'a touched header, and one that is not included: nothing'
echo '/* a comment */' >>'include/in c/deep.h'
run_json
expect_ran 'a comment in a header: the object comes out the same, and the program is left alone' command.object
echo '#define SYSTEM 4' >"$work/system/sys.h"
run_json
expect_ran 'a header outside the workspace' command.object command.program
expect_match 'a header outside the workspace: it is named' 'system/sys.h: content changed$' "$(reason_of command.object)"
echo 8 >src/number
run_json
expect_ran 'a generated header' command.gen command.object command.program
expect_equal 'a generated header: it is the new one' '8 3 4' "$(runs)"
run_json
expect_ran 'and then nothing'

# --- the cache: by what is declared first, then by what was discovered ---
cp 'include/in c/deep.h' "$work/before.h"
echo '#define SPACED 9' >'include/in c/deep.h'
run_json
expect_ran 'another header' command.object command.program
cp "$work/before.h" 'include/in c/deep.h'
run_json
expect_ran 'a header taken back: from the cache'
expect_equal 'a header taken back: what it says' '8 3 4' "$(runs)"
rm -rf .trilock out gen
run_json
expect_ran 'without state and outputs: from the cache'
cp -a "$work/a" "$work/b"
rm -rf "$work/b/.trilock" "$work/b/out" "$work/b/gen"
cd "$work/b" || exit
run_json
expect_ran 'in another checkout: from the cache'
echo '#define SPACED 5' >'include/in c/deep.h'
run_json
expect_ran 'in another checkout: a header that differs' command.object command.program
expect_equal 'in another checkout: what it says' '8 5 4' "$(runs)"
cd "$work/a" || exit

# --- headers that go and come ---
mv 'include/in c/deep.h' "$work/kept.h"
run_json
expect_code 'a deleted header: the compiler says so' 1
expect_match 'a deleted header: the object is what fails' '^command.object failed' "$(outcomes)"
cp "$work/kept.h" include/deep.h
run_json
expect_ran 'the same header elsewhere' command.object
expect_equal 'the same header elsewhere: what it says' '8 3 4' "$(runs)"
echo '#define SPACED 6' >include/deep.h
run_json
expect_ran 'and a change of it' command.object command.program

# --- a depfile that is an output, in a directory of outputs; dir; several targets ---
mkdir -p sub
cp src/main.c sub/main.c
cat >trilock.toml <<TOML
[command.object]
dir = "sub"
script = 'mkdir made; gcc -I../include -isystem $work/system -DGENERATED=1 -I. -MD -MT "one two" -MF made/main.d -c main.c -o made/main.o'
inputs = ["main.c"]
outputs = ["made"]
depfile = "made/main.d"
TOML
: >sub/made.h
run_json
expect_ran 'in a directory of outputs' command.object
expect_file 'in a directory of outputs: the depfile stays' sub/made/main.d
run_json
expect_ran 'in a directory of outputs: then nothing'
echo '/**/' >>include/deep.h
run_json
expect_ran 'with dir: a header above it' command.object
expect_equal 'with dir: the path is of the workspace' 'input include/deep.h: content changed' "$(reason_of command.object)"
rm -rf sub/made
run_json
expect_ran 'in a directory of outputs: restored as a whole'
expect_file 'in a directory of outputs: the depfile is restored' sub/made/main.d

# --- what goes wrong ---
cat >trilock.toml <<'TOML'
[command.none]
run = ["true"]
depfile = "out/none.d"
[command.bad]
script = 'echo "no rule" >out/bad.d'
depfile = "out/bad.d"
[command.gen]
script = 'echo x >gen/made.h'
outputs = ["gen/made.h"]
[command.undeclared]
script = 'echo "x: gen/made.h" >out/undeclared.d'
depfile = "out/undeclared.d"
[command.fresh]
script = 'echo y >src/fresh.h; echo "x: src/fresh.h" >out/fresh.d'
depfile = "out/fresh.d"
TOML
run_json --keep-going
expect_code 'faults of depfiles: nodes fail' 1
expect_equal 'no depfile' 'the depfile `out/none.d` was not made' "$(reason_of command.none)"
expect_equal 'no depfile in it' 'depfile `out/bad.d`: line 1: expected `:` after the targets' "$(reason_of command.bad)"
expect_equal 'an output of a node that it does not wait for' \
  'depfile `out/undeclared.d`: it read `gen/made.h`, an output of command.gen, on which it does not depend' \
  "$(reason_of command.undeclared)"
expect_contains 'a file that was written while it ran' '`src/fresh.h` changed while command.fresh ran' "$(cat "$work/err" "$work/out")"
run_json command.fresh
expect_ran 'a file that was written while it ran: it runs again' command.fresh
cat >trilock.toml <<'TOML'
[command.a]
run = ["true"]
depfile = "out/x.d"
[command.b]
run = ["true"]
depfile = "out/x.d"
TOML
trilock check
expect_code 'two nodes with one depfile: an error at load' 2
expect_contains 'two nodes with one depfile: it is said' 'out/x.d' "$err"

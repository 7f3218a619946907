#!/usr/bin/env bash
# Loading a long pipeline: as much work and memory a node as a short one takes, and the same findings. Work is counted in
# instructions, on one processor, so that a busy machine measures the same as an idle one; tests/bench/load has the times.
. "$(dirname "$0")/lib.sh"

# One source and two nodes before it for each.
pipeline() { # nodes
  mkdir -p "$work/$1" && awk -v nodes="$1" 'BEGIN {
    print "[pipeline]\nname = \"long\"\nversion = 1"
    for (i = 0; i < nodes; i++) {
      printf "\n[command.n%d]\nrun = [\"/bin/true\", \"out/%d\", \"src/%d\"", i, i, i
      for (k = 100; i >= 200 && k < 102; k++) printf ", \"${command.n%d.out}\"", i - k
      printf "]\ninputs = [\"src/%d\"]\noutputs = [\"out/%d\"]\n", i, i
    }
  }' >"$work/$1/trilock.toml"
}
matrix() { # nodes, a multiple of 100
  mkdir -p "$work/m$1" && awk -v nodes="$1" 'BEGIN {
    printf "[command.n]\nrun = [\"/bin/true\", \"${matrix.a}\"]\noutputs = [\"out/${matrix.a}/${matrix.b}\"]\nmatrix = { b = ["
    for (i = 0; i < 100; i++) printf "\"%d\", ", i
    printf "], a = ["
    for (i = 0; i < nodes / 100; i++) printf "\"%d\", ", i
    print "] }"
  }' >"$work/m$1/trilock.toml"
}

instructions() { # directory
  cd "$work/$1" && taskset -c "$(taskset -cp $$ | sed 's/.*[ ,-]//')" valgrind --tool=cachegrind --cache-sim=no \
    --trace-children=yes \
    --cachegrind-out-file=/dev/null "$TRILOCK" check 2>&1 | sed -n 's/.*I *refs: *//p' | tr -d ,
}
expect_at_most() { # what, most, found
  if [ -n "$3" ] && [ "$3" -le "$2" ]; then pass "$1"; else fail "$1" "found $3, at most $2"; fi
}

pipeline 1000
pipeline 10000
matrix 1000
matrix 10000
cd "$work/10000"
expect_equal "all nodes are there" "trilock.toml: 10000 nodes, no errors" "$("$TRILOCK" check)"
few=$(instructions 1000)
many=$(instructions 10000)
expect_at_most "ten times the nodes take ten times the work" $((few * 11)) "$many"
expect_at_most "a node takes 90 000 instructions" $((10000 * 90000)) "$many"
few=$(instructions m1000)
many=$(instructions m10000)
expect_at_most "ten times the coordinates take ten times the work" $((few * 11)) "$many"
expect_at_most "a coordinate takes 40 000 instructions" $((10000 * 40000)) "$many"
for graph in 10000 m10000; do
  cd "$work/$graph" && command time -f %M -o "$work/peak" "$TRILOCK" check >/dev/null
  expect_at_most "memory of $graph: 10 MB and 4 KB a node" $((10240 + 4 * 10000)) "$(cat "$work/peak")"
done

# The file is cut into parts to be read; what is wrong in one of them is reported as if it had been read whole.
cd "$work/10000"
cp trilock.toml good.toml
printf '\n[command.n10000]\nrun = ["true"]\ndepp = 1\n' >>trilock.toml
expect_equal "a finding behind the first part has its place" "trilock.toml:$(($(wc -l <trilock.toml))):1" \
  "$("$TRILOCK" check 2>&1 | sed -n 's|^ *--> ||p')"
{ cat good.toml && printf '\n[command.n5]\nrun = ["true"]\n'; } >trilock.toml
expect_equal "a table that two parts have is defined twice" 'error: invalid TOML: table `command.n5` is defined twice' \
  "$("$TRILOCK" check 2>&1 | head -n 1)"
{ cat good.toml && printf '\n[command.n10000]\nrun = ["true"\n'; } >trilock.toml
expect_equal "a fault of the last part is found at its place" "trilock.toml:$(($(wc -l <trilock.toml))):7" \
  "$("$TRILOCK" check 2>&1 | sed -n 's|^ *--> ||p')"
for quoted in '"n\u0031"' "'n1'" ' n1 '; do
  { cat good.toml && printf '\n[command.%s]\nrun = ["true"]\n' "$quoted"; } >trilock.toml
  expect_equal "a name spelled $quoted is the same name" 1 \
    "$("$TRILOCK" check 2>&1 | grep -c 'is defined twice')"
done

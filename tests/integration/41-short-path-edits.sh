#!/usr/bin/env bash
# Random pipelines and random edits in two workspaces, one with the short path and one without: every run says the same
# in both, and leaves the same, whether it was answered by the front, decided in part, or whole. TRILOCK_PROPERTY_SEED=7 runs one seed, TRILOCK_PROPERTY_SEEDS=100 many.
. "$(dirname "$0")/lib.sh"

edits=10

pick() { # words…: one of them
  eval "picked=\${$((RANDOM % $# + 1))}"
}

# A pipeline of some nodes over sources in three folders; each writes what it read, or fails because of it.
generate() {
  local i node input
  printf '[pipeline]\nname = "p"\nversion = 1\n[vars]\nword = "one"\nfile = { file = "a/0.txt" }\n'
  nodes=$((RANDOM % 7 + 3))
  for ((node = 0; node < nodes; node++)); do
    pick 'a/0.txt' 'a/*.txt' 'b/**/*.txt' 'b' '*.txt' 'c/link'
    input=$picked
    printf '[command.n%d]\nscript = "if grep -sq ^9 $(find %s -type f); then exit 3; fi; cat $(find %s -type f | sort) >out/%d; echo \\"$${WORD:-} ${var.word}\\" >>out/%d"\n' \
      $node "${input%%/*}" "${input%%/*}" $node $node
    printf 'inputs = ["%s"]\noutputs = ["out/%d"]\npass-env = ["WORD"]\n' "$input" $node
    [ $node = 0 ] || [ $((RANDOM % 2)) = 0 ] || printf 'needs = ["command.n%d"]\n' $((RANDOM % node))
  done
}

# Edits, each of them a command for both workspaces. What decides is drawn before.
draw_edit() {
  local n=$((RANDOM % 4)) text=$RANDOM
  case $((RANDOM % 22)) in
  0 | 1) edit="echo $text >a/$n.txt" ;;
  2) edit="echo same >a/$n.txt" ;;
  3) edit="mkdir -p b/deep/er && echo $text >b/deep/er/$n.txt" ;;
  4) edit="rm -rf b/deep" ;;
  5) edit="rm -f a/[1-3].txt" ;;
  6) edit="touch a/*.txt b" ;;
  7) edit="chmod $((600 + n * 10)) a/0.txt" ;;
  8) edit="rm -f out/$n" ;;
  9) edit="echo $text >>out/$n" ;;
  10) edit="cp -p a/0.txt ../kept; echo $((text % 10)) >a/0.txt; touch -r ../kept a/0.txt; rm ../kept" ;;
  11) edit="sed -i 's/^word = .*/word = \"$text\"/' trilock.toml" ;;
  12) edit="echo '# $text' >>trilock.toml" ;;
  13) edit="ln -sfn ../a/$n.txt c/link" ;;
  14) edit="export WORD=$n" ;;
  15) edit="\$TRILOCK clean" ;;
  16) edit="cp -rp b b2 && rm -rf b && mv b2 b" ;;
  17 | 18) edit="sed '/^\\[command.n$n\\]/,/^inputs/s/^script = \"/&: $((text % 3)); /' trilock.toml >../kept; cat ../kept >trilock.toml" ;;
  19) edit="sed '/^\\[command.n$((n + 1))\\]/,/^outputs/s/^inputs = .*/&\\nneeds = [\"command.n$n\"]/' trilock.toml >../kept; cat ../kept >trilock.toml" ;;
  20) edit="sed '/^\\[command.n$n\\]/,/^outputs/s/^outputs = .*/&\\ncache = false/' trilock.toml >../kept; cat ../kept >trilock.toml" ;;
  21) edit="sed '/^cache = false/d' trilock.toml >../kept; cat ../kept >trilock.toml" ;;
  esac
}

# What a run said, without its order and its times, and all that there is then.
run_in() { # workspace, arguments of run…
  cd "$1" || exit
  shift
  "$TRILOCK" run --keep-going "$@" 2>&1 | sed -E 's/^\[[0-9]+\/[0-9]+\] //; s/ in [0-9.]+ s//' | LC_ALL=C sort
  find out -type f | LC_ALL=C sort | xargs -r head -v 2>/dev/null
}

short=0
both() { # arguments of run…
  local before
  before=$(stat -c %z "$base/with/.trilock/lock" 2>/dev/null)
  with=$(TRILOCK_CACHE_DIR=$base/cache-with run_in "$base/with" "$@")
  without=$(TRILOCK_SHORT_PATH=0 TRILOCK_CACHE_DIR=$base/cache-without run_in "$base/without" "$@")
  [ "$before" != "$(stat -c %z "$base/with/.trilock/lock" 2>/dev/null)" ] || short=$((short + 1))
  [ "$with" = "$without" ]
}

# Ends at the first difference.
try() { # seed
  RANDOM=$1
  base=$work/$1
  unset WORD
  mkdir -p "$base/with/"{a,b,c,out} && cd "$base/with" || exit
  echo 0 >a/0.txt
  echo 1 >a/1.txt
  echo b >b/b.txt
  echo r >r.txt
  ln -s ../a/0.txt c/link
  generate >trilock.toml
  cp -a "$base/with" "$base/without"
  history=()
  local i side
  for ((i = 0; i <= edits; i++)); do
    if [ $i -gt 0 ]; then
      draw_edit
      history+=("$edit")
      for side in with without; do
        cd "$base/$side" && eval "$edit" >/dev/null 2>&1
      done
    fi
    both || return 1
    pick '' '' '' 'command.n1' '--force command.n0' '--json'
    # shellcheck disable=SC2086
    [ -z "$picked" ] || [ "$picked" = --json ] || both $picked || return 1
    [ "$picked" != --json ] || "$TRILOCK" run -C "$base/with" --json >/dev/null 2>&1
    both || return 1
  done
}

first=${TRILOCK_PROPERTY_SEED:-1}
last=${TRILOCK_PROPERTY_SEED:-${TRILOCK_PROPERTY_SEEDS:-12}}
for seed in $(seq "$first" "$last"); do
  if try "$seed"; then
    pass "seed $seed"
  else
    fail "seed $seed" "$(printf '%s\n' "${history[@]}"; diff <(echo "$without") <(echo "$with"))"
  fi
  rm -rf "${base:?}"
done
expect_equal 'many of the runs were short' 1 $((short > (last - first + 1) * edits / 4))

# Random pipelines and random edits, for the scripts that hold two workspaces against each other; sourced by bash. What
# is drawn depends on RANDOM alone.

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
  9) edit=": >out/$n" ;; # other bytes would stop the node until somebody moves them away
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

# A workspace with such a pipeline, the current directory afterwards, and a copy of it.
make_workspaces() { # directory, directory of the copy
  mkdir -p "$1/"{a,b,c,out} && cd "$1" || exit
  echo 0 >a/0.txt
  echo 1 >a/1.txt
  echo b >b/b.txt
  echo r >r.txt
  ln -s ../a/0.txt c/link
  generate >trilock.toml
  cp -a "$1" "$2"
}

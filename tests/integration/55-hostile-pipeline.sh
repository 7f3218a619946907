#!/usr/bin/env bash
# A pipeline that somebody else wrote, with the worst in mind, and the commands that only look at it: they read nothing
# outside of the workspace, show no secret, give a terminal and a workflow log nothing to obey, and end.
. "$(dirname "$0")/lib.sh"
looking='list|list --json|check|check --json|graph|graph --format mermaid|graph --json|query command.*|why command.a|why command.a --json|run -n|run -n --json|clean|affected --since HEAD'
mkdir "$work/here"
cd "$work/here" || exit
git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m none || die "git is needed"

# Runs every command that looks; `$1` is what is asserted, `$2` an extended expression that no line of their output, both
# streams, may match.
expect_never() { # what, expression
  local arguments found=
  while read -r arguments; do
    # shellcheck disable=SC2086
    timeout 60 "$TRILOCK" $arguments >"$work/log" 2>&1
    code=$?
    if [ $code -ge 124 ]; then found+="$arguments: exit code $code"$'\n'; fi
    if LC_ALL=C grep -aEq -- "$2" "$work/log"; then
      found+="$arguments: $(LC_ALL=C grep -aE -m 1 -- "$2" "$work/log" | cat -v | cut -c 1-120)"$'\n'
    fi
  done < <(tr '|' '\n' <<<"$looking")
  expect_equal "$1" '' "$found"
}

# --- what is read lies in the workspace ---
echo 'outside-line = [' >"$work/outside.txt"
mkdir "$work/elsewhere"
printf 'FROM outside-line\nOUTSIDE-LINE\n' >"$work/elsewhere/Dockerfile"
echo 'outside-line {' >"$work/elsewhere/main.tf"
echo '{ "outside-line": ' >"$work/elsewhere/template.json"
echo 'module outside-line' >"$work/elsewhere/go.mod"
echo '[outside-line' >"$work/elsewhere/.dockerignore"
ln -s ../outside.txt link.txt
ln -s "$work/outside.txt" absolute.txt
ln -s .. up
ln -s ../elsewhere folder
ln -s link.txt chain.txt
outside='command.a writes|outside-line|OUTSIDE-LINE'
n=0
refused() { # what, lines of the pipeline
  printf '%s\n[command.a]\ndescription = "%s"\nscript = "true"\n' "$2" "${3:-}" >trilock.toml
  expect_never "$1: nothing of it is shown" "$outside"
  trilock check
  expect_code "$1: 2" 2
  expect_match "$1: said so, at its place" 'leads? out of the workspace|leaves the workspace|outside of the workspace|absolute path' "$err"
  expect_match "$1: with the line" '^ +--> trilock.toml:[0-9]+:[0-9]+$' "$err"
}
for path in ../outside.txt link.txt absolute.txt chain.txt up/outside.txt "$work/outside.txt"; do
  n=$((n + 1))
  refused "a variable's file ($n)" "[vars]
v = { file = \"$path\" }" '${var.v}'
  refused "an included file ($n)" "include = [\"$path\"]"
done
refused 'a variable of go.mod' '[vars]
v = { gomod = "folder/go.mod" }' '${var.v}'
refused 'a pattern of included files' 'include = ["up/*.txt"]'
refused 'a Dockerfile' '[image.i]
dockerfile = "folder/Dockerfile"'
printf 'FROM scratch\n' >Dockerfile
refused 'the context of an image, with its ignore file' '[image.i]
context = "folder"'
refused 'a template' '[devcontainer.d]
template = "folder/template.json"
image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000"'
refused 'the folder of Terraform' '[terraform.t]
dir = "folder"'
mkdir terraform
touch terraform/main.tf
ln -s ../../outside.txt terraform/linked.tfvars
refused 'a file of variables of Terraform' '[terraform.t]
dir = "terraform"
var-files = ["linked.tfvars"]'

# The pipeline itself is a link of the repository's, or one that the user names.
rm -rf terraform
mv trilock.toml "$work/pipeline.toml"
printf '[command.a]\nscript = "true"\n' >"$work/pipeline.toml"
ln -s "$work/pipeline.toml" trilock.toml
trilock check
expect_code 'a pipeline that is a link outside: 2' 2
trilock check -f trilock.toml
expect_code 'the same, named by -f' 0
rm trilock.toml
printf 'v = "from the user"\n' >"$work/my-vars.toml"
printf '[vars]\nv = "x"\n[command.a]\ndescription = "${var.v}"\nscript = "true"\n' >trilock.toml
trilock list --var-file "$work/my-vars.toml"
expect_contains 'a file of variables that the user names may lie anywhere' 'from the user' "$out"

# Links that stay inside are followed.
mkdir inside
echo 1.2.3 >inside/VERSION
ln -s inside/VERSION VERSION
ln -s inside within
printf '[vars]\na = { file = "VERSION" }\nb = { file = "within/VERSION" }\n[command.a]\ndescription = "${var.a} ${var.b}"\nscript = "true"\n' >trilock.toml
trilock list
expect_contains 'links that stay inside are followed' '1.2.3 1.2.3' "$out"

# What is no file of a sensible size.
mkfifo fifo
truncate -s 1T sparse
for path in fifo sparse inside; do
  printf '[vars]\nv = { file = "%s" }\n[command.a]\ndescription = "${var.v}"\nscript = "true"\n' $path >trilock.toml
  trilock_limit=20 trilock check
  expect_code "$path as a file of a variable: an error" 2
  printf 'include = ["%s"]\n' $path >trilock.toml
  trilock_limit=20 trilock check
  expect_code "$path as an included file: an error" 2
done
rm fifo sparse

# --- secrets ---
export TOK=s3cr3tvalue
cat >part.toml <<'TOML'
[command.holder]
secret-env = ["TOK"]
script = "true"
TOML
never_secret() { # what, the pipeline
  printf '%s\n' "$2" >trilock.toml
  expect_never "$1" 's3cr3tvalue'
  GITHUB_ACTIONS=true expect_never "$1, in a job" 's3cr3tvalue'
}
never_secret 'a secret in paths that are wrong' 'include = ["part.toml"]
[command.a]
script = "true"
inputs = ["${env.TOK}/x"]
outputs = ["../${env.TOK}"]
when = "${env.TOK}"
dir = "/${env.TOK}"
pool = "${env.TOK}"
depfile = "../${env.TOK}"'
never_secret 'a secret that only the defaults know' '[defaults]
secret-env = ["TOK"]
[command.a]
script = "true"
timeout = "${env.TOK}"'
never_secret 'a secret of a table with errors' '[comand.x]
secret-env = ["TOK"]
[command.a]
script = "true"
pool = "${env.TOK}"'
never_secret 'a secret whose name is made of a matrix that is wrong' '[command.b]
secret-env = ["${matrix.x}OK"]
script = "true"
matrix = { x = [] }
[command.a]
script = "true"
pool = "${env.TOK}"'
never_secret 'a secret in descriptions, labels and values' 'include = ["part.toml"]
[command.a]
description = "${env.TOK}"
script = "true # ${env.TOK}"
[command.m]
script = "true"
matrix = { x = ["${env.TOK}"] }
needs = ["command.a"]'
never_secret 'a secret that stands in the file' '[command.a]
secret-env = ["TOK"]
script = "true"
outputs = ["../s3cr3tvalue"]
s3cr3tvalue = "s3cr3tvalue"'
unset TOK

# --- what a terminal and a runner would obey ---
cat >trilock.toml <<'TOML'
[command.a]
description = "x\n::add-mask::a\n::error::boo\u001b[31mred\u001b]0;title\u0007 a\rb\u0085c\u009bd\u202ee\u2066f\u200bg \u00a0##[error]h"
script = "true"
env = { A = "\u001b]0;title\u0007\n::error::x" }
when = "${env.HOME} != \"\u001b[2J\n::error::x\""
TOML
control=$'[\001-\010\013-\037\177]|\302[\200-\237]|\342\200[\213\216\217\250-\256]|\342\201[\240-\257]'
command='^[[:space:]]*::|##\['
expect_never 'a description: nothing that a terminal obeys' "$control"
trilock list
expect_contains 'it is shown, escaped' 'x\x0a::add-mask::a\x0a::error::boo\x1b[31mred' "$out"
expect_contains 'and so is what turns text' '\x85c\x9bd\u{202e}e\u{2066}f\u{200b}g' "$out"
(
  export GITHUB_ACTIONS=true
  expect_never 'a description: nothing that a runner obeys' "$command"
  printf '[command.a]\nscript = "true"\n"\\n::error::k\\u001b[2J" = 1\ndescription = ["##[error]x"]\npool = "::error::x"\n' >trilock.toml
  for arguments in list graph 'query command.a' 'why command.a' 'check --json' 'run -n'; do
    # shellcheck disable=SC2086
    "$TRILOCK" $arguments >"$work/log" 2>&1
    if LC_ALL=C grep -aEq "$control" "$work/log" || grep -Eq "$command" <(grep -v '^::error ' "$work/log"); then
      fail "errors, by $arguments: nothing that is obeyed" "$(cat -v "$work/log")"
    else
      pass "errors, by $arguments: nothing that is obeyed"
    fi
  done
  echo $passed $failed >"$work/counts"
)
read -r passed failed <"$work/counts"
printf '[command.a]\ndescription = "${env.BYTES} ##[error]"\nscript = "true"\n' >trilock.toml
export BYTES=$'\377\300\200 \355\240\200'
for arguments in 'list --json' 'graph --json' 'run -n --json' 'why command.a --json'; do
  # shellcheck disable=SC2086
  GITHUB_ACTIONS=true "$TRILOCK" $arguments >"$work/log" 2>/dev/null
  if iconv -f UTF-8 -t UTF-8 "$work/log" >/dev/null 2>&1 && jq -es . "$work/log" >/dev/null &&
    ! grep -q '##\[' "$work/log"; then
    pass "$arguments: JSON in UTF-8, and no command"
  else
    fail "$arguments: JSON in UTF-8, and no command" "$(cat -v "$work/log")"
  fi
done

# A label that a shell would run, completed inside of quotes.
cat >trilock.toml <<'TOML'
[command.a]
script = "true"
matrix = { x = ["$(touch ran)`touch ran`", "';touch ran;'"] }
TOML
"$TRILOCK" completion bash >"$work/complete.bash"
for quote in '"' "'"; do
  PATH=$(dirname "$TRILOCK"):$PATH bash --norc -c '
    source "$1"; COMP_LINE="trilock run $2command.a["; COMP_POINT=${#COMP_LINE}
    COMP_WORDS=(trilock run "$2command.a["); COMP_CWORD=2
    _trilock trilock "${COMP_WORDS[2]}" run
    for reply in "${COMPREPLY[@]}"; do eval "printf \"%s\\n\" $2$reply$2"; done' bash "$work/complete.bash" "$quote" \
    >"$work/labels" 2>&1
  expect_equal "completion inside of $quote gives the labels" 2 "$(grep -c '^command.a\[x=.*touch ran' "$work/labels")"
done
expect_no_file 'and runs nothing of them' ran

# --- what becomes of a small file ---
bounded() { # what
  (ulimit -v 1500000 && timeout 120 "$TRILOCK" check) >"$work/out" 2>"$work/err"
  code=$?
  err=$(cat "$work/err")
  expect_code "$1: an error of the pipeline" 2
}
{
  printf '[vars]\nv0 = "xxxxxxxxxx"\n'
  for i in {1..11}; do printf 'v%s = "%s"\n' "$i" "$(printf "\${var.v$((i - 1))}%.0s" {1..10})"; done
  printf '[command.a]\nscript = "${var.v11}"\n'
} >trilock.toml
bounded 'variables that hold each other'
big=$(head -c 500000 /dev/zero | tr '\0' x)
{
  printf '[vars]\nv = "%s"\n' "$big"
  for i in {1..2000}; do printf '[command.n%s]\nenv = { A = "${var.v}", B = "${var.v}" }\nscript = "true"\n' "$i"; done
} >trilock.toml
bounded 'a long variable in many nodes'
{
  printf '[defaults]\nenv = { A = "%s" }\n' "$big"
  for i in {1..3000}; do printf '[command.n%s]\nscript = "true"\n' "$i"; done
} >trilock.toml
bounded 'a long default in many nodes'
values=$(printf '"%s",' {1..100})
{
  for i in {1..300}; do
    printf '[command.n%s]\nscript = "true"\nmatrix = { a = [%s], b = [%s] }\n' "$i" "$values" "$values"
  done
} >trilock.toml
bounded 'many matrices'
printf '[command.a]\nscript = "true"\nmatrix = { a = [%s], b = [%s], c = [%s], d = [%s] }\n' \
  "$values" "$values" "$values" "$values" >trilock.toml
bounded 'one matrix'
{
  printf '[command.a]\nscript = "true"\n'
  for i in {1..100000}; do echo "key$i = 1"; done
} >trilock.toml
bounded 'a hundred thousand unknown keys'
expect_contains 'the first hundred are told' 'error: 99900 more errors are not shown' "$err"
expect_equal 'and no more' 101 "$(grep -c '^error:' "$work/err")"
{
  printf '[vars]\nv = "x"\n[command.a]\nscript = "echo '
  printf '${var.v}%.0s' {1..40000}
  printf '"\n'
} >trilock.toml
trilock_limit=20 trilock check
expect_code 'forty thousand references in a string: well' 0
mkdir parts
for i in {1..2000}; do printf 'include = ["*.toml"]\n[command.n%s]\nscript = "true"\n' "$i" >"parts/$i.toml"; done
echo 'include = ["parts/*.toml"]' >trilock.toml
trilock_limit=30 trilock check
expect_contains 'files that all include each other: well' '2000 nodes, no errors' "$out"
rm -r parts

# --- a node that writes what a variable is read from ---
echo 1 >inside/VERSION
cat >trilock.toml <<'TOML'
[vars]
v = { file = "VERSION" }
[command.bump]
script = "echo ${var.v}1 >inside/VERSION"
outputs = ["inside/VERSION"]
TOML
trilock check
expect_code 'a node that writes the file of a variable, through a link too: 2' 2
expect_contains 'it is told so' 'command.bump writes `inside/VERSION`, which holds `VERSION`, which a variable is read from' "$err"

# --- TERM while a large pipeline is read, planned or looked at ---
for i in {1..60000}; do
  printf '[command.n%s]\nscript = "true"\ninputs = ["inside/**"]\nneeds = ["command.n%s"]\n' "$i" "$((i % 60000 + 1))"
done >trilock.toml
sed -i 's/needs = \["command.n1"\]//' trilock.toml
while read -r arguments; do
  for signal in TERM INT; do
    # As late as it is still at work, which depends on the machine.
    for delay in 0.6 0.3 0.15 0.08 0.04; do
      set -m
      # shellcheck disable=SC2086
      "$TRILOCK" $arguments >"$work/out" 2>"$work/err" &
      pid=$!
      set +m
      sleep $delay
      began=$(date +%s%N)
      kill -$signal $pid 2>/dev/null
      wait $pid
      code=$?
      took=$((($(date +%s%N) - began) / 1000000))
      [ $code = 130 ] || [ $code = 143 ] || continue
      break
    done
    case $code in
    130 | 143) ;;
    *) fail "$arguments, $signal: interrupted" "exit code $code" && continue ;;
    esac
    if [ $took -lt 1500 ]; then pass "$arguments: obeys $signal"; else fail "$arguments: obeys $signal" "after $took ms"; fi
  done
done <<'END'
run
run -n
list
check
graph
query command.n1
why command.n1
clean
affected --since HEAD
END

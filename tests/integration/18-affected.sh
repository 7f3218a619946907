#!/usr/bin/env bash
# `trilock affected --since REF`: what it names after every kind of edit, and that it runs and writes nothing.
. "$(dirname "$0")/lib.sh"
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=t
export GIT_COMMITTER_EMAIL=t@example.com HOME=$work/home
mkdir -p "$HOME"
git config --global protocol.file.allow always # for the submodule
git config --global init.defaultBranch main
git config --global advice.detachedHead false

commit() {
  git add -A && git commit -qm "${1:-change}"
}

# "label reason" of every line, columns closed up; the sets that an edit affects are compared as a whole.
affected() { # arguments
  trilock affected "$@"
  lines=$(sed -E 's/  +/ /' <<<"$out")
}

expect_affected() { # what, expected lines, arguments…
  local what=$1 expected=$2
  shift 2
  affected --since HEAD "$@"
  [ "$code" = 0 ] || fail "$what: exit code" "$code $err"
  expect_same "$what" "$expected" "$lines"
}

restore() {
  git reset -q --hard && git clean -qfd
}

mkdir -p "$work/repo/service/src/deep" "$work/repo/other"
cd "$work/repo" || exit
git init -q .
cat >service/trilock.toml <<'TOML'
include = ["more/*.toml"]

[pipeline]
name = "affected"
version = 1

[vars]
who = "world"
mood = "fine"
release = { file = "VERSION" }

[command.gen]
script = 'cat a.txt >out/gen.txt'
inputs = ["a.txt"]
outputs = ["out/gen.txt"]

[command.use]
script = 'cat "$GEN" src/*.txt >"out/$FORM.txt"'
env = { GEN = "${command.gen.out}", FORM = "${matrix.form}" }
inputs = ["src/**/*.txt", "out/gen.txt"]
outputs = ["out/${matrix.form}.txt"]
matrix = { form = ["long", "short"] }

[command.greet]
run = ["echo", "hello ${var.who}", "${var.release}"]

[command.tool]
run = ["a-tool-that-nobody-has", "a.txt"]
inputs = ["b.txt"]
after = ["command.gen"]
when = '${var.mood} != ""'

[command.outside]
run = ["./tool.sh"]
TOML
mkdir service/more
cat >service/more/last.toml <<'TOML'
[command.last]
run = ["true"]
needs = ["command.use[form=long]"]
TOML
echo a >service/a.txt
echo b >service/b.txt
echo c >service/c.txt
echo one >service/src/one.txt
echo two >service/src/deep/two.txt
echo 1.0 >service/VERSION
printf '#!/bin/sh\n' >service/tool.sh
chmod +x service/tool.sh
ln -s ../c.txt service/src/link.txt
printf 'out/\n.trilock/\n*.log\n' >.gitignore
echo x >other/x.txt
commit one
cd service || exit

# --- nothing differs ---
expect_affected 'nothing changed: nothing' ''
expect_contains 'nothing changed: a note says so' 'no node is affected since `HEAD`' "$err"
expect_no_file 'nothing is made in the workspace' .trilock
touch a.txt src/one.txt
expect_affected 'touched: nothing' ''
echo changed >a.txt && echo a >a.txt
expect_affected 'changed and changed back: nothing' ''
echo y >../other/x.txt
expect_affected 'a change outside of the workspace: nothing' ''
restore

# --- each kind of edit, by the reason that it gives ---
use_because_gen='command.use[form=long] because of command.gen
command.use[form=short] because of command.gen
command.last because of command.gen'
echo more >>a.txt
expect_affected 'unstaged' "command.gen input a.txt: content changed
$use_because_gen"
git add a.txt
expect_affected 'staged' "command.gen input a.txt: content changed
$use_because_gen"
echo a >a.txt
expect_affected 'staged, and changed back in the work tree: nothing' ''
restore

expect_use() { # what, reason
  expect_affected "$1" "command.use[form=long] $2
command.use[form=short] $2
command.last because of command.use[form=long]"
}
rm src/one.txt
expect_use 'deleted' 'input src/one.txt: removed'
git rm -q --cached src/one.txt
expect_use 'deleted and staged' 'input src/one.txt: removed'
restore
git rm -q --cached src/one.txt
expect_affected 'out of the index, still in the work tree: nothing' ''
restore
echo n >src/new.txt
expect_use 'untracked' 'input src/new.txt: added'
git add src/new.txt
expect_use 'added' 'input src/new.txt: added'
restore
chmod +x src/one.txt
expect_use 'mode' 'input src/one.txt: mode 644 -> 755'
restore
chmod g+w src/one.txt && touch src/one.txt
expect_affected 'a mode that git does not keep: nothing' ''
restore
git mv src/one.txt src/three.txt
expect_use 'renamed' 'input src/three.txt: added and 1 more'
restore
ln -sf ../b.txt src/link.txt
affected --since HEAD
expect_contains 'target of a symlink' 'command.use[form=long] input src/link.txt' "$lines"
restore
echo more >>c.txt
expect_use 'what a symlink leads to' 'behind src/link.txt: content changed'
restore
rm src/one.txt && mkdir src/one.txt && echo deep >src/one.txt/in.txt
expect_use 'a directory in the place of a file' 'input src/one.txt/in.txt: added and 1 more'
restore
rm -r src/deep && echo two >src/deep
expect_use 'a file in the place of a directory' 'input src/deep/two.txt: removed'
restore
rm a.txt
affected --since HEAD
expect_contains 'an input that is named and gone' 'command.gen input a.txt: removed' "$lines"
restore
echo 2.0 >VERSION
expect_affected 'a file that a variable reads: the node that uses it' \
  'command.greet command echo: "echo '"'hello world'"' 1.0" -> "echo '"'hello world'"' 2.0"'
restore
echo 'exit 0' >>tool.sh
affected --since HEAD
expect_match 'a program of the workspace' '^command\.outside (tool|input) (\./)?tool\.sh' "$lines"
expect_equal 'a program of the workspace: only who runs it' 1 "$(wc -l <<<"$lines")"
restore
echo n >build.log
expect_affected 'what git ignores is in no difference' ''
restore

# --- the pipeline itself: only the nodes whose tables differ ---
sed -i 's/^run = \["true"\]/run = ["echo"]/' more/last.toml
affected --since HEAD
expect_match 'an included file: its node' '^command\.last command echo: added and [0-9]+ more$' "$lines"
expect_equal 'an included file: no other' 1 "$(wc -l <<<"$lines")"
restore
sed -i 's/who = "world"/who = "you"/' trilock.toml
affected --since HEAD
expect_match 'a variable: the node that uses it' '^command\.greet command echo: ' "$lines"
expect_equal 'a variable: no other' 1 "$(wc -l <<<"$lines")"
restore
sed -i '1i # a comment' trilock.toml
expect_affected 'a comment: nothing' ''
restore
sed -i 's/long", "short"/long", "tiny"/' trilock.toml
expect_affected 'a new node, and one that is gone' 'command.use[form=tiny] is not in the revision'
expect_contains 'the node that is gone is named' 'command.use[form=short] is only in `HEAD`' "$err"
restore
sed -i 's/^when = .*/when = '"'"'${var.mood} == "x"'"'"'/' trilock.toml
affected --since HEAD
expect_match 'a condition' '^command\.tool when: ' "$lines"
restore
echo c >>b.txt
expect_affected 'a tool that is missing does not matter' 'command.tool input b.txt: content changed'
expect_affected 'labels choose' '' command.gen
restore

# --- after a run, outputs in the way ---
sed -i '/^\[command.tool\]/,/^$/d' trilock.toml
sed -i 's/^out\///' ../.gitignore
commit two
trilock run
expect_code 'a run' 0
before=$(find .. -path ../.git -prune -o -printf '%p %T@\n' | sort)
expect_affected 'after a run, outputs untracked and not ignored: nothing' ''
echo z >>out/gen.txt
expect_affected 'an output that was edited: nothing, it is made' ''
git add -A out && git commit -qm outputs
echo zz >>out/gen.txt
expect_affected 'nor when it is in git' ''
git checkout -q out/gen.txt
git rm -q -r --cached out && git commit -qm 'no outputs'
touch a.txt
index=$(sha256sum ../.git/index)
affected --since HEAD
expect_equal 'the index is not written' "$index" "$(sha256sum ../.git/index)"

# --- what a depfile named, once the node has run here ---

mkdir "$work/depfile" && cd "$work/depfile" && git init -q .
printf '.trilock/\nout/\n' >.gitignore
cat >trilock.toml <<'TOML'
[command.compile]
script = "cat a.c a.h >out/a.o; echo 'out/a.o: a.c a.h' >out/a.d"
inputs = ["a.c"]
outputs = ["out/a.o"]
depfile = "out/a.d"
TOML
echo source >a.c
echo header >a.h
commit first
echo edited >a.h
expect_affected 'a header before the first run' ''
git checkout -q a.h
trilock run
[ "$code" = 0 ] || fail 'the node with a depfile runs' "$code $err"
expect_affected 'a header that is the same' ''
echo edited >a.h
expect_affected 'a header that the last run named' 'command.compile input a.h: content changed'
git checkout -q a.h
cd "$work/repo/service" || exit

# --- revisions ---
git tag v1
echo more >>a.txt
commit three
affected --since HEAD
expect_same 'since HEAD: nothing' '' "$lines"
for ref in HEAD~1 v1 "$(git rev-parse v1)" '@{1}'; do
  affected --since "$ref"
  expect_match "since $ref" '^command\.gen input a\.txt: content changed$' "$lines"
done
git revert --no-edit HEAD >/dev/null
affected --since v1
expect_same 'changed and reverted by a commit: nothing' '' "$lines"
trilock affected --since nobody
expect_code 'no such revision: 2' 2
expect_contains 'no such revision: says so' 'error: git knows no revision `nobody`' "$err"
trilock affected --since man
expect_contains 'no such revision: did you mean' 'did you mean `main`?' "$err"
trilock affected --since=--help
expect_code 'an option in the place of a revision: 2' 2
trilock affected
expect_code 'no revision: 2' 2
git clone -q --depth 1 "file://$work/repo" "$work/shallow"
cd "$work/shallow/service" || exit
trilock affected --since v1
expect_code 'a shallow clone: 2' 2
expect_contains 'a shallow clone: how to get the revision' 'git fetch --depth=1 origin v1' "$err"
affected --since HEAD
expect_same 'a shallow clone: its own commit' '' "$lines"
mkdir "$work/plain" && cd "$work/plain" || exit
printf '[pipeline]\nname = "p"\nversion = 1\n\n[command.a]\nrun = ["true"]\n' >trilock.toml
trilock affected --since HEAD
expect_code 'no repository: 2' 2
expect_contains 'no repository: says so' 'is in no git repository' "$err"
git init -q .
trilock affected --since HEAD
expect_code 'a repository without commits: 2' 2

echo x >x && git add x && git commit -qm x
affected --since HEAD
expect_same 'no pipeline in the revision: all nodes' 'command.a the revision has no pipeline' "$lines"
commit pipeline
printf '[pipeline]\nname = "p"\nversion = 1\n\n[comand.a]\nrun = ["true"]\n' >trilock.toml
commit broken
git show HEAD~1:trilock.toml >trilock.toml
affected --since HEAD
expect_code 'a broken pipeline in the revision: done' 0
expect_contains 'a broken pipeline in the revision: all nodes' 'command.a' "$lines"
expect_contains 'a broken pipeline in the revision: a warning' 'the pipeline of the revision cannot be used' "$err"

# --- a merge that is stuck, line ends, submodules, names ---
cd "$work/repo/service" || exit
restore
git checkout -q -b side && echo side >a.txt && commit side
git checkout -q main && echo main >a.txt && commit main
git merge -q side >/dev/null 2>&1
affected --since HEAD
expect_match 'a conflict counts as what is in the work tree' '^command\.gen input a\.txt: content changed$' "$lines"
git merge --abort
printf '*.txt text eol=crlf\n' >.gitattributes
commit crlf
rm src/one.txt && git checkout -q src/one.txt
expect_equal 'the work tree has other line ends than git' 5 "$(wc -c <src/one.txt)"
touch src/one.txt
expect_affected 'line ends by a filter: nothing' ''
printf 'one\r\nmore\r\n' >src/one.txt
affected --since HEAD
expect_contains 'line ends by a filter: a real change' 'command.use[form=long] input src/one.txt: content changed' "$lines"
restore
git rm -q .gitattributes && commit 'no filter'
rm -- *.txt src/*.txt && git checkout -q .

mkdir "$work/library" && cd "$work/library" || exit
git init -q . && echo l >l.txt && commit library && echo m >m.txt && commit more
cd "$work/repo/service" || exit
git submodule --quiet add "$work/library" src/library
commit submodule
expect_affected 'a submodule as it was committed: nothing' ''
echo x >>src/library/l.txt
expect_use 'a file in a submodule' 'input src/library/l.txt: content changed'
git -C src/library checkout -q l.txt
git -C src/library checkout -q HEAD~1
expect_use 'another commit of a submodule' 'input src/library/m.txt: removed'
git submodule --quiet update
git init -q src/nested && echo n >src/nested/n.txt
expect_use 'a repository inside that nobody added' 'input src/nested/n.txt: added'
rm -rf src/nested
mv src/deep "$work/aside" && ln -s deep src/deep
expect_use 'a symlink that leads to itself in the place of a directory' 'input src/deep/two.txt: removed'
rm src/deep && mv "$work/aside" src/deep
odd='src/ü "quoted" $x.txt'
echo odd >"$odd"
expect_use 'a name that git would quote' "input $odd: added"
commit odd
echo odder >"$odd"
expect_use 'a name that git would quote, changed' "input $odd: content changed"
restore
printf '*.gen.txt\n' >>../.gitignore
commit ignore
echo forced >src/f.gen.txt
git add -f src/f.gen.txt
expect_use 'ignored, and added all the same' 'input src/f.gen.txt: added'
restore
rm -f src/f.gen.txt

# --- JSON ---
echo more >>a.txt
sed -i '/^\[command.greet\]/,/^$/d' trilock.toml
trilock affected --since HEAD --json
check=$(jq -r '[.version, .since, (.commit | length), (.nodes | map(.label + " " + .kind) | join(",")), .removed[0],
  (.nodes[0] | keys | join(",")), .nodes[0].changes[0].field, .nodes[1].because_of, .nodes[0].because_of] | map(tostring) |
  join("|")' "$work/out")
expect_equal '--json' '1|HEAD|40|command.gen changed,command.use[form=long] dependent,command.use[form=short] dependent,command.last dependent|command.greet|because_of,changes,kind,label,reason|input a.txt|command.gen|null' "$check"
trilock affected --since nobody --json
expect_equal '--json: errors too' 'git knows no revision `nobody`' "$(jq -r '.diagnostics[0].message' "$work/out")"
expect_code '--json: the same exit code' 2
restore
expect_equal 'no copy is left behind' '' "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'trilock-revision.*' -newer "$work/home" 2>/dev/null)"

# --- rules that ask tools: go in a checkout of the revision, images by their contexts ---
mkdir "$work/go" && cd "$work/go" || exit
git init -q .
mkdir -p cmd/app internal/used internal/unused image
printf 'module example.com/app\n\ngo 1.19\n' >go.mod
printf 'package main\n\nimport "example.com/app/internal/used"\n\nfunc main() { used.Do() }\n' >cmd/app/main.go
printf 'package used\n\nfunc Do() {}\n' >internal/used/used.go
printf 'package unused\n' >internal/unused/unused.go
printf 'FROM scratch\nCOPY hello /\n' >image/Dockerfile
echo hello >image/hello
echo skipped >image/notes.md
echo '*.md' >image/.dockerignore
cat >trilock.toml <<'TOML'
[pipeline]
name = "go"
version = 1

[go.app]
kind = "build"
packages = ["./cmd/app"]
outputs = ["out/app"]

[image.hello]
dockerfile = "image/Dockerfile"
context = "image"
builder = "buildah"
TOML
printf 'out/\n.trilock/\n' >.gitignore
commit go
private_store
expect_affected 'go and image: nothing' ''
echo '// changed' >>internal/unused/unused.go
expect_affected 'a package that is not built: nothing' ''
echo '// changed' >>internal/used/used.go
expect_affected 'a package that is built' 'go.app input internal/used/used.go: content changed'
restore
printf 'package main\n\nfunc main() {}\n' >cmd/app/main.go
affected --since HEAD
expect_match 'an import that is gone: the revision was asked about its own files' \
  '^go\.app input cmd/app/main\.go: content changed and [0-9]+ more$' "$lines"
trilock affected --since HEAD --json
expect_equal 'an import that is gone: its file is named' 'input internal/used/used.go' \
  "$(jq -r '.nodes[0].changes[].field | select(contains("used.go"))' "$work/out")"
restore
echo more >>image/notes.md
expect_affected 'a file that .dockerignore names: nothing' ''
mkdir image/docs && echo x >image/docs/x.md
affected --since HEAD
expect_match 'a directory of the context that the revision has not' '^image\.hello input image/docs: added' "$lines"
restore
echo more >>image/hello
expect_affected 'a file of the context' 'image.hello input image/hello: content changed'
restore
echo '# comment' >>image/Dockerfile
affected --since HEAD
expect_match 'the Dockerfile' '^image\.hello input image/Dockerfile: content changed' "$lines"

# With neither go nor buildah: everything below their folders counts, and that is said.
mkdir "$work/bin"
ln -s "$(command -v git)" "$work/bin/git"
echo '// changed' >>internal/unused/unused.go
env PATH="$work/bin" "$TRILOCK" affected --since HEAD >"$work/out" 2>"$work/err"
expect_equal 'without tools: done' 0 $?
expect_equal 'without tools: what may be affected is' 'go.app image.hello' "$(awk '{ print $1 }' "$work/out" | paste -sd' ')"
expect_contains 'without tools: a warning' 'go.app: `go` is not in PATH; every file below its `dir` counts' \
  "$(cat "$work/err")"
restore
env PATH="$work/bin" "$TRILOCK" affected --since HEAD >"$work/out" 2>/dev/null
expect_equal 'without tools: nothing changed, nothing affected' '' "$(cat "$work/out")"
env PATH=/nowhere "$TRILOCK" affected --since HEAD >/dev/null 2>"$work/err"
expect_equal 'without git: 5' 5 $?
expect_contains 'without git: says so' '`git` is not in PATH' "$(cat "$work/err")"

# --- terraform, and a linked work tree ---
mkdir "$work/terraform" && cd "$work/terraform" || exit
git init -q .
mkdir infra
printf 'variable "size" {\n  type = number\n}\n' >infra/main.tf
echo 'size = 1' >infra/prod.tfvars
echo 'size = 2' >infra/other.tfvars
cat >trilock.toml <<'TOML'
[pipeline]
name = "terraform"
version = 1

[terraform.prod]
dir = "infra"
action = "plan"
var-files = ["prod.tfvars"]

[terraform.check]
dir = "infra"
action = "validate"
TOML
commit terraform
git worktree add -q -b linked "$work/linked"
cd "$work/linked" || exit
expect_affected 'a linked work tree: nothing' ''
echo 'size = 3' >infra/prod.tfvars
expect_affected 'a file of variables: the node that reads it' 'terraform.prod input infra/prod.tfvars: content changed'
echo 'size = 3' >infra/other.tfvars
expect_affected 'a file of variables that nobody reads' 'terraform.prod input infra/prod.tfvars: content changed'
restore
# Git's stat has seconds: an edit of the same size within the one of the commit shows in the content alone.
echo 'size = 4' >infra/prod.tfvars
commit racy
echo 'size = 5' >infra/prod.tfvars
sleep 1.1
expect_affected 'an edit in the tick of the commit' 'terraform.prod input infra/prod.tfvars: content changed'
restore

# --- random edits: the same nodes as have another key in a checkout of the revision ---
mkdir "$work/random" && cd "$work/random" || exit
git init -q .
mkdir -p d/e f
cat >trilock.toml <<'TOML'
[pipeline]
name = "random"
version = 1
TOML
patterns=('"**"' '"d/**"' '"d/*"' '"f/**", "!f/1"' '"*"' '"d/e"' '"**/1"' '"d", "f"' '"link/**"')
for i in "${!patterns[@]}"; do
  printf '\n[command.n%s]\nrun = ["true"]\ninputs = [%s, "!trilock.toml"]\n' "$i" "${patterns[i]}" >>trilock.toml
done
for path in 1 2 d/1 d/2 d/e/1 d/e/2 f/1 f/2; do echo "$path" >$path; done
ln -s d link
commit random
git worktree add -q --detach "$work/random-ref" HEAD
keys() {
  "$TRILOCK" run -n -v --json "$@" | jq -r 'select(.event == "node_finished") | .label + " " + (.key // .reason)'
}
(cd "$work/random-ref" && keys) >"$work/keys-then"
seed=${TRILOCK_TEST_SEED:-$$}
RANDOM=$seed
echo "seed $seed"
paths=(1 2 3 d d/1 d/2 d/3 d/e d/e/1 d/e/3 f f/1 f/g f/g/1 link link/1)
edit() {
  local path=${paths[RANDOM % ${#paths[@]}]} parent
  parent=$(dirname "$path")
  case $((RANDOM % 7)) in
  0) rm -rf "$path" ;;
  1) [ -d "$path" ] || { mkdir -p "$parent" && echo $((RANDOM % 2)) >"$path"; } ;;
  2) rm -rf "$path" && mkdir -p "$path" && echo x >"$path/1" ;;
  3) rm -rf "$path" && mkdir -p "$parent" && ln -s "$((RANDOM % 3))" "$path" ;;
  4) [ ! -f "$path" ] || chmod $((RANDOM % 2 ? 755 : 644)) "$path" ;;
  5) git add -A . ;;
  6) git checkout -q HEAD -- "$path" || true ;;
  esac 2>/dev/null
}
wrong=
for round in $(seq 30); do
  for _ in 1 2 3; do edit; done
  keys >"$work/keys-now"
  expected=$(LC_ALL=C join <(LC_ALL=C sort "$work/keys-then") <(LC_ALL=C sort "$work/keys-now") | awk '$2 != $3 { print $1 }')
  found=$("$TRILOCK" affected --since HEAD 2>&1 | awk '/^command/ { print $1 }' | LC_ALL=C sort)
  [ "$expected" = "$found" ] || wrong+="round $round: $(git status --short | paste -sd,): expected $expected, found $found"$'\n'
  [ $((round % 5)) != 0 ] || restore
done
expect_same 'random edits: the nodes that have another key in a checkout' '' "$wrong"

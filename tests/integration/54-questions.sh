#!/usr/bin/env bash
# Commands that run nothing, in a clone whose author wants them to: which processes they start and what they write, by
# strace. And who gets the token of the cache, and is asked at all.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
for tool in git go node strace; do command -v $tool >/dev/null || die "$tool is not in PATH"; done
for name in $(compgen -e | grep -E '^(GIT_|GO|CGO_|TRILOCK_CACHE)'); do unset "$name"; done
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY ALL_PROXY all_proxy CC CXX
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
export HOME=$work/home GOMODCACHE=$work/modules GOPROXY=off GOSUMDB=off
mkdir -p "$HOME" "$GOMODCACHE"
clean_path=$PATH
ran=$work/ran

# --- a hostile clone ---------------------------------------------------------------------------------------------

clone=$work/clone
mkdir -p "$clone/bin" "$clone/app" "$clone/bare"
git init -q -b main "$work/library"
echo l >"$work/library/l"
printf '* filter=inner\n' >"$work/library/.gitattributes"
git -C "$work/library" add -A && git -C "$work/library" commit -qm library
git init -q -b main "$clone"
cd "$clone" || exit
evil="echo %s >>$ran; cat"
for tool in git go terraform docker buildah podman dot gcc cc sh tool; do
  printf '#!/bin/sh\necho "%s of the clone: $*" >>%s\nexit 1\n' $tool "$ran" >bin/$tool
done
printf '#!/bin/sh\necho hook >>%s\n' "$ran" >bin/post-index-change
chmod +x bin/*
cp bin/git bin/go .
printf '* filter=outer diff=outer\n' >.gitattributes
printf 'module example.com/m\n\ngo 1.19\n' >app/go.mod
printf 'package main\n\nfunc main() {}\n' >app/main.go
printf 'FROM scratch\n' >Dockerfile
mkdir tf && printf 'output "x" {\n  value = 1\n}\n' >tf/main.tf
cat >trilock.toml <<TOML
[vars]
v = { git = "describe" }
[command.a]
description = "at \${var.v}"
script = "echo \${var.v} >out/a"
inputs = ["Dockerfile"]
outputs = ["out/a"]
[go.app]
kind = "build"
dir = "app"
outputs = ["out/app"]
[go.flags]
kind = "vet"
dir = "app"
env = { GOFLAGS = "-toolexec=$clone/bin/tool", LD_PRELOAD = "$clone/bin/tool", GOCACHEPROG = "$clone/bin/tool" }
[go.compiler]
kind = "vet"
dir = "app"
env = { CC = "$clone/bin/cc" }
[terraform.tf]
dir = "tf"
action = "validate"
[image.b]
builder = "buildah"
[image.d]
builder = "docker"
TOML
git add -A -f && git -c core.hooksPath=/dev/null commit -qm one
git tag v1
git -c protocol.file.allow=always submodule --quiet add "$work/library" lib && git commit -qm two
# What no clone has, but what a folder may have that was unpacked, copied or shared.
cp -r .git/HEAD .git/objects .git/refs bare
for config in bare/config .git/config; do
  git config --file $config core.fsmonitor "echo fsmonitor >>$ran; false"
  git config --file $config core.bare false
  git config --file $config core.hooksPath "$clone/bin"
  git config --file $config core.pager "echo pager >>$ran"
  git config --file $config core.sshCommand "echo ssh >>$ran; false"
  git config --file $config remote.origin.url "ext::sh -c 'echo remote >>$ran'"
  git config --file $config remote.origin.promisor true
  git config --file $config protocol.ext.allow always
  git config --file $config filter.outer.clean "echo clean >>$ran; cat"
  git config --file $config filter.outer.smudge "echo smudge >>$ran; cat"
  git config --file $config filter.outer.required true
  git config --file $config diff.outer.textconv "echo textconv >>$ran; cat"
  git config --file $config diff.external "echo external >>$ran"
  git config --file $config includeIf.gitdir:/.path "$clone/included"
done
printf '[core]\n\tfsmonitor = "echo included >>%s"\n[filter "included"]\n\tclean = "echo included >>%s; cat"\n' \
  "$ran" "$ran" >included
git config --file .git/modules/lib/config core.fsmonitor "echo submodule >>$ran; false"
git config --file .git/modules/lib/config filter.inner.clean "echo inner >>$ran; cat"
cp trilock.toml bare/trilock.toml
printf '* filter=included diff=outer\n' >.gitattributes
cat >"$work/settle" <<'SH'
touch app/* Dockerfile bin/* lib/l lib/.gitattributes # their stats are not what the index has
SH
(. "$work/settle")
PATH=$clean_path git -c core.fsmonitor= describe --dirty >"$work/git" 2>&1
expect_file 'git by itself runs what this clone names' "$ran"
rm -f "$ran"

# --- what each command starts and writes ---------------------------------------------------------------------------

# Runs `trilock ARGS` in the folder; afterwards `started` has the programs and `written` the files below $work that were
# made, changed or removed, but for those of temporary folders.
traced() { # folder, arguments…
  local folder=$1
  shift
  (. "$work/settle")
  touch "$work/before" && sleep 0.02
  (cd "$folder" && TMPDIR=$work/tmp timeout 120 strace -f -qq -o "$work/trace" \
    -e trace=execve,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlink,symlinkat,link,linkat,truncate,chmod,fchmodat,utimensat \
    "$TRILOCK" "$@" >"$work/out" 2>"$work/err")
  code=$?
  out=$(cat "$work/out") err=$(cat "$work/err")
  started=$(grep -E 'execve\(.*= 0$' "$work/trace" | sed -E 's/^[0-9]+ +execve\("([^"]*)".*/\1/' | LC_ALL=C sort -u)
  written=$(grep -vE '= -1 |execve\(|unfinished' "$work/trace" |
    grep -E 'O_WRONLY|O_RDWR|O_CREAT|mkdir|rename|unlink|rmdir|symlink|link|truncate|chmod|utimensat' |
    grep -oE '"[^"]*"' | tr -d '"' | grep -E "^($clone|$GOMODCACHE|$HOME|$work/library)(/|\$)")
}

mkdir "$work/tmp"
own=$(dirname "$TRILOCK")
# Programs that are neither trilock, git, the tools that rules ask, nor what the go command asks by itself.
expect_harmless() { # what
  local others
  others=$(grep -vE "^($own/trilock(-engine)?|/usr/(local/)?(s?bin|lib|libexec)/.*|/s?bin/.*)\$" <<<"$started")
  expect_equal "$1: starts no program of the clone" '' "$others"
  expect_no_file "$1: nothing of it ran" "$ran"
  expect_equal "$1: writes nothing to workspace, module cache and home" '' "$written"
  expect_equal "$1: leaves nothing behind" '' "$(ls "$work/tmp")"
  rm -f "$ran"
}

git_only() { grep -vE '/trilock(-engine)?$|/git(-core/git)?$' <<<"$started"; }

commands=('list' 'check' 'graph' 'graph --format svg' 'query all()' 'why command.a' 'why go.app' 'run -n' 'affected --since HEAD' 'clean'
  'completion bash' '__complete run x' 'schema')
for where in . bare; do
  for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    PATH=.:$clone/bin:$clone:$clean_path traced "$clone/$where" "${words[@]}"
    expect_harmless "planted programs, $where, $command"
    case $command in why* | run* | affected* | *svg) ;; *) expect_equal "$where, $command: git and no other" '' "$(git_only)" ;; esac
  done
done
PATH=.:$clone/bin:$clone:$clean_path traced "$clone" run -n
expect_code 'a dry run with tools of the clone is no failure' 0
expect_contains 'it says that only a run knows' 'not known before a run: `'"$clone/bin/go"'` is a program of the workspace' "$out$err"
PATH=.:$clone/bin:$clone:$clean_path traced "$clone" why go.app
expect_contains 'why says so too' "go.app: not known before a run: \`$clone/bin/go\`" "$out"
PATH=.:$clone/bin:$clone:$clean_path traced "$clone" list
expect_match 'a describe with changes is seen' 'at v1-1-g[0-9a-f]+-dirty$' "$out"

# With the machine's own tools the questions are asked.
for command in 'why go.app' 'why go.flags' 'why go.compiler' 'why terraform.tf' 'run -n go.app go.flags' 'affected --since HEAD'; do
  read -ra words <<<"$command"
  PATH=$clean_path traced "$clone" "${words[@]}"
  expect_harmless "own tools, $command"
done
printf '\nfunc more() {}\n' >>"$clone/app/main.go" # go is asked about the revision too
PATH=$clean_path traced "$clone" affected --since HEAD
expect_harmless 'own tools, affected by an edit'
expect_match 'the edit is named' '^go.app +input app/main.go: content changed' "$out"
PATH=$clean_path traced "$clone" why go.app
expect_match 'go is asked' '/go$' "$started"
expect_contains 'and its answer shown' 'go version = go' "$out"
PATH=$clean_path traced "$clone" why go.compiler
expect_contains 'a compiler that the pipeline names is left to a run' 'not known before a run: its `env` sets `CC`' "$out"

# --- a repository of somebody else ------------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ]; then
  mkdir "$work/theirs" && cd "$work/theirs" && git init -q -b main . || exit
  printf '[vars]\nv = { git = "branch" }\n[command.a]\ndescription = "on ${var.v}"\nrun = ["true"]\n' >trilock.toml
  chown -R 12345 .
  trilock list
  expect_code 'a repository of another user is none' 2
  expect_contains 'as git says' 'dubious ownership' "$err"
  SUDO_UID=12345 trilock list
  expect_contains 'it is one for who came by sudo' 'on main' "$out"
  git config --global --add safe.directory "$work/theirs"
  trilock list
  expect_contains 'and where the user says so' 'on main' "$out"
fi

# --- what only a run may do for go -----------------------------------------------------------------------------------

proxy=$work/proxy/example.org/lib/@v
mkdir -p "$proxy" "$work/lib@v1.0.0/example.org/lib@v1.0.0" "$work/needs"
printf 'module example.org/lib\n\ngo 1.19\n' | tee "$proxy/v1.0.0.mod" >"$work/lib@v1.0.0/example.org/lib@v1.0.0/go.mod"
printf 'package lib\n\nconst V = "v"\n' >"$work/lib@v1.0.0/example.org/lib@v1.0.0/lib.go"
echo v1.0.0 >"$proxy/list" && echo '{"Version": "v1.0.0"}' >"$proxy/v1.0.0.info"
mkdir "$work/zip" && cat >"$work/zip/main.go" <<'GO'
package main

import (
	"archive/zip"
	"os"
)

func main() {
	out := zip.NewWriter(os.Stdout)
	for _, name := range os.Args[1:] {
		content, _ := os.ReadFile(name)
		file, _ := out.Create(name)
		file.Write(content)
	}
	out.Close()
}
GO
go build -o "$work/zip/zip" "$work/zip/main.go" || die 'go builds nothing'
(cd "$work/lib@v1.0.0" && "$work/zip/zip" example.org/lib@v1.0.0/* >"$proxy/v1.0.0.zip")
cd "$work/needs" || exit
printf 'module example.com/n\n\ngo 1.19\n\nrequire example.org/lib v1.0.0\n' >go.mod
printf 'package main\n\nimport "example.org/lib"\n\nfunc main() { println(lib.V) }\n' >main.go
printf '[go.mod]\nkind = "build"\nflags = ["-mod=mod"]\noutputs = ["out/n"]\n[go.plain]\nkind = "vet"\n' >trilock.toml
before=$(cat go.mod)
export GOPROXY=file://$work/proxy GOFLAGS=-modcacherw
for label in go.mod go.plain; do
  trilock why $label
  expect_contains "$label: nothing is loaded to say why" "$label: not known before a run: " "$out"
done
trilock run -n
expect_code 'a dry run is no failure' 0
expect_same 'go.mod is as it was' "$before" "$(cat go.mod)"
expect_no_file 'and there is no go.sum' go.sum
expect_equal 'nor a module' '' "$(ls "$GOMODCACHE")"
GOFLAGS="-modcacherw -mod=mod" trilock run
expect_code 'a run loads what it needs' 0
trilock run
trilock run -n
expect_contains 'what it was told holds for commands that run nothing' '2 unchanged' "$out"
trilock why go.plain
expect_contains 'and is the same' 'go.plain: unchanged' "$out"
export GOPROXY=off
unset GOFLAGS

# --- the token of the cache ------------------------------------------------------------------------------------------

mkdir "$work/token" && cd "$work/token" || exit
echo 1 >in
listener() { # PORT, FILE, REDIRECT
  node "$here/listener.mjs" "$@" &
  started+=($!)
  wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" || die 'the listener does not start'
}
port=$(free_port) other_port=$(free_port)
url=http://127.0.0.1:$port
listener "$port" "$work/heard" "http://127.0.0.1:$other_port"
listener "$other_port" "$work/heard-elsewhere"
pipeline() { # the value of `shared`, more lines before
  printf '%s\n[cache]\nshared = "%s"\n[command.a]\nscript = "cp in out"\ninputs = ["in"]\noutputs = ["out"]\n' "${2:-}" "$1" \
    >trilock.toml
}
asks() { # arguments of trilock: afterwards `heard` is what the server was asked
  : >"$work/heard"
  : >"$work/heard-elsewhere"
  rm -rf .trilock out "$work/cache"
  trilock "$@"
  heard=$(cat "$work/heard")
}
looking=('why command.a' 'run -n' 'list' 'check')

export TRILOCK_CACHE_TOKEN=tok123
pipeline "$url/c"
for command in "${looking[@]}"; do
  read -ra words <<<"$command"
  asks "${words[@]}"
  expect_equal "$command: a server that only the file names is not asked" '' "$heard"
done
asks run -n
expect_contains 'a dry run says so' "the cache \`$url/c\` is not asked, since only a file names it" "$err"
asks run
expect_match 'a run asks it' '^GET /c/ac/[0-9a-f]+ -$' "$heard"
expect_same 'and says why the token stays here' \
  "warning: \`TRILOCK_CACHE_TOKEN\` is not sent to the cache \`$url/c\`; if it is meant for that server, set \`TRILOCK_CACHE_HOST=$url\`" "$err"
for host in "127.0.0.1:$port" "https://127.0.0.1:$port" "http://127.0.0.1:$other_port" "http://127.0.0.1" "http://localhost:$port"; do
  TRILOCK_CACHE_HOST=$host asks run
  expect_equal "TRILOCK_CACHE_HOST=$host: no token" '' "$(grep tok123 "$work/heard")"
done
TRILOCK_CACHE_HOST=$url/c asks list
expect_code 'what is no origin is a mistake' 2
expect_contains 'and said' '`TRILOCK_CACHE_HOST` is no origin of a server' "$err"
TRILOCK_CACHE_HOST=$url asks run
expect_match 'the origin that the runner named gets it' '^GET /c/ac/[0-9a-f]+ Bearer tok123$' "$heard"
expect_equal 'without a word' '' "$err"
for command in 'why command.a' 'run -n'; do
  read -ra words <<<"$command"
  TRILOCK_CACHE_HOST=$url asks "${words[@]}"
  expect_match "$command asks it too" 'Bearer tok123$' "$heard"
done
pipeline "$url/moved"
TRILOCK_CACHE_HOST=$url asks run
expect_match 'a redirect is followed' '^GET /ac/' "$(cat "$work/heard-elsewhere")"
expect_equal 'without the token' '' "$(grep tok123 "$work/heard-elsewhere")"
pipeline "$url/c"
printf 'machine 127.0.0.1 login me password word\n' >"$HOME/.netrc"
asks run
expect_match 'a host of .netrc was named as well' 'Bearer tok123$' "$heard"
unset TRILOCK_CACHE_TOKEN
asks why command.a
expect_match 'and is asked with its own credentials' "Basic $(printf me:word | base64)\$" "$heard"
rm "$HOME/.netrc"

# --- where a URL comes from ------------------------------------------------------------------------------------------

pipeline '${env.CACHE_URL}'
CACHE_URL=$url/whole asks run -n
expect_match 'all of one variable: the runner named it' '^GET /whole/ac/' "$heard"
export SECRET=s3cret
for shared in "$url/\${env.SECRET}" '${env.CACHE_URL}${env.SECRET}' "$url/\${var.v}" '${var.w}'; do
  pipeline "$shared" "$(printf '[vars]\nv = { env = "SECRET" }\nw = "%s/${env.SECRET}"' "$url")"
  CACHE_URL=$url/ asks run
  expect_code "$shared: an error" 2
  expect_contains 'with its place' '--> trilock.toml:' "$err"
  expect_equal 'and nobody is asked' '' "$heard"
done

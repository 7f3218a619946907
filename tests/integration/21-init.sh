#!/usr/bin/env bash
# `trilock init`: many small folders, each with what a repository may hold. What it writes is accepted by `check` and by
# the JSON Schema, runs where that needs no network, and replaces nothing.
. "$(dirname "$0")/lib.sh"
private_store
schema=$root/schemas/pipeline.schema.json
taplo=$root/build/node_modules/.bin/taplo
[ -x "$taplo" ] || die "no taplo at $taplo: npm install --prefix build @taplo/cli@0.7.0"
export GOPROXY=off GOTOOLCHAIN=local
written=()

folder() { # name: an empty folder to work in
  mkdir -p "$work/$1"
  cd "$work/$1" || exit
}

file() { # path; its text on standard input
  mkdir -p "$(dirname "$1")"
  cat >"$1"
}

# What is switched on when every line behind a bare `#` is, in another file of the folder.
switch_on() {
  # `exports` go with `apply`, says the line itself.
  sed -E -e 's/^#([^ #:])/\1/' -e 's/^action = "plan"/action = "apply"/' trilock.toml >all.toml
}

# Runs init in the folder; it has to be accepted by check, and so has the text with everything switched on.
init() { # what
  trilock init --json
  expect_code "$1: init" 0
  nodes=$(jq -r '.nodes[]' "$work/out" | LC_ALL=C sort | paste -sd' ')
  off=$(jq -r '.switched_off[]' "$work/out" | LC_ALL=C sort | paste -sd' ')
  found=$(jq -r '.found[] | .path + ": " + .text' "$work/out")
  left=$(jq -r '.left_out[] | .path + ": " + .text' "$work/out")
  text=$(cat trilock.toml)
  written+=("$PWD/trilock.toml")
  trilock check
  expect_code "$1: check accepts it" 0
  expect_equal "$1: check has nothing to say" '' "$err"
  trilock list --json
  expect_equal "$1: list shows its nodes" "$nodes" "$(jq -r '.nodes[].label' "$work/out" | LC_ALL=C sort | paste -sd' ')"
}

init_all() { # what: all of it can be switched on
  init "$1"
  switch_on
  trilock check --file all.toml
  expect_code "$1: check accepts it with everything switched on" 0
  rm all.toml
}

# --- an empty folder ---
folder empty
init_all 'an empty folder'
expect_equal 'an empty folder: no nodes' '' "$nodes$off"
switch_on
trilock run --file all.toml
expect_code 'an empty folder: the examples run' 0
expect_file 'an empty folder: the examples write' out/count.txt

# --- a Go module ---
folder go-module
file go.mod <<<$'module example.com/tool/v2\n\ngo 1.19'
file tool.go <<<$'// Package tool is one.\npackage tool\n\nfunc Two() int { return 2 }'
file tool_test.go <<<$'package tool\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) {\n\tif Two() != 2 {\n\t\tt.Fail()\n\t}\n}'
file cmd/hello/main.go <<<$'/* A program. */\npackage main\n\nfunc main() { println("hello") }'
file cmd/test/main.go <<<$'package main\n\nfunc main() {}'
file gen.go <<<$'//go:build ignore\n\npackage main\n\nfunc main() {}'
file testdata/x/main.go <<<$'package main'
file vendor2/_skipped/main.go <<<$'package main'
init_all 'a Go module'
expect_equal 'a Go module: vet, tests, and each program' 'go.build-test go.hello go.test go.vet' "$nodes"
expect_equal 'a Go module: the race detector is a suggestion' 'go.race' "$off"
expect_contains 'a Go module: says what it found' 'go.mod: Go module example.com/tool/v2, Go 1.19, 3 packages, tests, programs: hello, test' "$found"
run_json
expect_ran 'a Go module: runs' go.build-test go.hello go.test go.vet
expect_equal 'a Go module: the program was built' hello "$(bin/hello 2>&1)"
run_json
expect_ran 'a Go module: nothing to do the second time'

# --- what is in the way of an output stays ---
folder taken
file go.mod <<<$'module example.com/taken\n\ngo 1.19'
file main.go <<<$'package main\n\nfunc main() {}'
file bin/taken <<<'a script of the user'
init_all 'a bin folder of the user'
expect_contains 'a bin folder of the user: another one is taken' 'outputs = ["out/bin/taken"]' "$text"
trilock run
expect_equal 'a bin folder of the user: is as it was' 'a script of the user' "$(cat bin/taken)"

# --- a workspace of Go, nested modules, a broken one ---
folder go-work
file go.work <<<$'go 1.19\n\nuse (\n\t./api\n\t./lib/core // the core\n)'
file api/go.mod <<<$'module example.com/api\n\ngo 1.19'
file api/main.go <<<$'package main\n\nfunc main() {}'
file lib/core/go.mod <<<$'module example.com/core\n\ngo 1.19'
file lib/core/core.go <<<$'package core'
file lib/core/core_test.go <<<$'package core'
file tools/go.mod <<<$'module example.com/tools\n\ngo 1.19'
file tools/tools.go <<<$'package tools'
file broken/go.mod <<<$'this is no go.mod'
file broken/x.go <<<$'package x'
file hollow/go.mod <<<$'module example.com/hollow'
init_all 'a workspace of Go'
expect_equal 'a workspace of Go: nodes of each module' 'go.api go.test-core go.vet-api go.vet-core go.vet-tools' "$nodes"
expect_contains 'a workspace of Go: the broken module is named' 'broken/go.mod: has no `module` line' "$left"
expect_contains 'a workspace of Go: the empty module is named' 'hollow/go.mod: module `example.com/hollow` has no packages' "$left"
run_json
expect_ran 'a workspace of Go: runs, the module outside of it too' go.api go.test-core go.vet-api go.vet-core go.vet-tools

# --- services of one repository ---
folder services
file go.work <<<$'go 1.19\nuse ./services/auth\nuse ./services/mail'
for service in auth mail; do
  file services/$service/go.mod <<<"module example.com/$service"$'\n\ngo 1.19'
  file services/$service/cmd/server/main.go <<<$'package main\n\nfunc main() {}'
  file services/$service/Dockerfile <<<$'FROM scratch\nCOPY go.mod /'
done
file .golangci.yml <<<'version: "2"'
file .devcontainer/devcontainer.json <<<'{"image": "debian:12"}'
init_all 'services'
expect_equal 'services: nodes have the names of their services' \
  'command.lint-auth command.lint-mail devcontainer.dev go.auth-server go.mail-server go.vet-auth go.vet-mail image.auth image.mail' "$nodes"
expect_contains 'services: the linter of a service reads the configuration above' \
  'inputs = ["**/*.go", "go.mod", "../../.golangci.yml", "!bin/auth-server"]' "$text"
run_json go image devcontainer
expect_ran 'services: run' devcontainer.dev go.auth-server go.mail-server go.vet-auth go.vet-mail image.auth image.mail

# --- a Dockerfile with stages and arguments ---
folder stages
file go.mod <<<$'module example.com/stages\n\ngo 1.21\ntoolchain go1.22.5'
file Dockerfile <<'DOCKERFILE'
# syntax=docker/dockerfile:1
ARG GO_VERSION=1.20
ARG VARIANT=alpine
FROM golang:${GO_VERSION}-${VARIANT} AS build
ARG COMMIT
ARG TARGETARCH
COPY go.mod "./"
RUN <<EOF
go version
EOF
FROM scratch AS debug
COPY --from=build /no/such /
FROM scratch AS Release
COPY --from=build /x /x
DOCKERFILE
init_all 'a Dockerfile with stages'
expect_equal 'a Dockerfile with stages: one node' 'image.stages' "$nodes"
expect_contains 'a Dockerfile with stages: the last one is built' 'target = "release"' "$text"
expect_contains 'a Dockerfile with stages: the Go version is that of go.mod' 'args = { GO_VERSION = "${var.go}" }' "$text"
expect_contains 'a Dockerfile with stages: the variable' 'go = { gomod = "go.mod" }' "$text"
expect_contains 'a Dockerfile with stages: other arguments are named' 'Other arguments: VARIANT = "alpine", COMMIT = ""' "$text"
expect_contains 'a Dockerfile with stages: all that can be built' 'matrix = { stage = ["debug", "release"] }' "$text"
expect_contains 'a Dockerfile with stages: found' 'Dockerfile: 3 stages: build, debug, release' "$found"

# --- Dockerfiles here and there ---
folder dockerfiles
file Dockerfile <<<$'FROM base\nCOPY app /app\nCOPY --from=api /etc/hosts /x'
file Dockerfile.dockerignore <<<'*'
file Dockerfile.tools <<<$'FROM scratch\nCOPY *.txt /'
file docker/base.Dockerfile <<<$'FROM scratch\nCOPY app/a.txt /a.txt'
file api/Containerfile <<<$'FROM scratch\nCOPY ["own.txt", "/"]\nADD https://example.com/x /x'
file api/own.txt </dev/null
file app/a.txt </dev/null
file b.txt </dev/null
file late/Dockerfile <<<$'FROM scratch\nCOPY bin/made-later /'
file open/Dockerfile <<<$'ARG BASE\nFROM ${BASE}'
file broken/Dockerfile <<<$'FROM scratch\nCOPPY a b'
init 'Dockerfiles here and there'
expect_equal 'Dockerfiles: those that can be built' 'image.api image.base image.dockerfiles image.tools' "$nodes"
expect_equal 'Dockerfiles: those that lack something are suggestions' 'devcontainer.dev image.late image.open' "$off"
expect_contains 'Dockerfiles: the folder of api is its context' 'context = "api"' "$text"
expect_contains 'Dockerfiles: images of each other' 'contexts = { api = "image.api", base = "image.base" }' "$text"
expect_equal "Dockerfiles: api, late and open have another context" 3 "$(grep -c 'context = "' trilock.toml)"
expect_contains 'Dockerfiles: what is missing is named' 'It copies what is not there: bin/made-later.' "$text"
expect_match 'Dockerfiles: the broken one is named with its line' '^broken/Dockerfile: line 2: unknown instruction' "$left"
run_json image.base image.tools
expect_ran 'Dockerfiles: images are built' image.base image.tools

# --- devcontainers ---
folder devcontainer
file .devcontainer/devcontainer.json <<<$'// ours\n{\n  "name": "dev", "image": "debian:12", // pinned by hand\n  "remoteEnv": {"P": "${localEnv:HOME}"},\n}'
cp .devcontainer/devcontainer.json "$work/original.json"
init_all 'a devcontainer on an image'
expect_equal 'a devcontainer on an image: one node' 'devcontainer.dev' "$nodes"
run_json
expect_ran 'a devcontainer on an image: runs' devcontainer.dev
expect_equal 'a devcontainer on an image: the file is as it was' '' "$(diff "$work/original.json" .devcontainer/devcontainer.json)"
expect_equal 'a devcontainer on an image: written beside it' 'debian:12 ${localEnv:HOME}' \
  "$(jq -r '.image + " " + .remoteEnv.P' .devcontainer/locked/devcontainer.json)"

folder devcontainer-build
file .devcontainer/Dockerfile <<<$'ARG WORD=a\nFROM scratch AS one\nCOPY seed.txt /\nFROM scratch AS two'
file seed.txt <<<seed
file .devcontainer/hello/devcontainer-feature.json <<<'{"id": "hello", "version": "1.0.0"}'
file .devcontainer/hello/install.sh <<<'true'
file .devcontainer/devcontainer.json <<'JSON'
{
  "name": "quo\"te",
  "build": {"dockerfile": "Dockerfile", "context": "..", "target": "one", "args": {"WORD": "b"}},
  "features": {"./hello": {}, "ghcr.io/devcontainers/features/git:1": {"version": "latest"}},
  "customizations": {"vscode": {"extensions": ["golang.go"], "settings": {"go.useLanguageServer": true, "a b": null}}},
  "forwardPorts": [8080, "db:5432"],
  "postCreateCommand": "echo ${containerWorkspaceFolder}"
}
JSON
init_all 'a devcontainer that builds'
expect_equal 'a devcontainer that builds: its image and itself' 'devcontainer.dev image.devcontainer' "$nodes"
expect_contains 'a devcontainer that builds: the arguments of the build' 'args = { WORD = "b" }' "$text"
expect_contains 'a devcontainer that builds: the target of the build' 'target = "one"' "$text"
run_json
expect_ran 'a devcontainer that builds: runs' devcontainer.dev image.devcontainer
expect_equal 'a devcontainer that builds: what is written is the same less the build, paths as seen from there' \
  "$(jq -cS 'del(.build, .customizations.vscode.settings["a b"]) | .features["../hello"] = .features["./hello"] |
    del(.features["./hello"]) | .image = "sha256"' .devcontainer/devcontainer.json)" \
  "$(jq -cS '.image |= .[0:6]' .devcontainer/locked/devcontainer.json)"

folder devcontainers
file .devcontainer.json <<<'{"image": "debian:12"}'
file .devcontainer/web/devcontainer.json <<<'{"dockerComposeFile": "../compose.yml", "service": "web"}'
file .devcontainer/bad/devcontainer.json <<<'{"image": }'
file .devcontainer/outside/devcontainer.json <<<'{"build": {"dockerfile": "../../../Dockerfile"}}'
file .devcontainer/strange/devcontainer.json <<<'{"image": "debian:12", "name": "${no.such}"}'
file compose.yml <<<'services: {}'
init 'devcontainers of all kinds'
expect_equal 'devcontainers of all kinds: the good one' 'devcontainer.dev' "$nodes"
for reason in '.devcontainer/web/devcontainer.json: is made of a compose file' '.devcontainer/bad/devcontainer.json: line 1' \
  '.devcontainer/outside/devcontainer.json: builds `../Dockerfile`' 'compose.yml: a compose file' 'devcontainer.strange: '; do
  expect_contains "devcontainers of all kinds: left out: $reason" "$reason" "$left"
done
expect_contains 'devcontainers of all kinds: what has errors is a comment' '# [devcontainer.strange]' "$text"

# --- terraform ---
folder terraform
file infra/main.tf <<'TF'
variable "size" {}
variable "name" { default = "x" }
module "net" { source = "./net" }
output "address" { value = module.net.address }
output "secret" {
  value     = "s"
  sensitive = true
}
TF
file infra/net/main.tf <<<$'output "address" { value = "10.0.0.1" }'
file infra/modules/unused/main.tf <<<$'variable "x" {}'
file infra/prod.tfvars <<<'size = 3'
file infra/staging.tfvars <<<$'# small\nsize = 1'
file other/main.tf <<<$'variable "region" {}\nvariable "token" { sensitive = true }'
file broken/main.tf <<<'resource "x" {'
init_all 'terraform'
expect_equal 'terraform: a node for each environment, and one for the other root' \
  'terraform.other terraform.prod terraform.staging' "$nodes"
expect_equal 'terraform: nothing is applied' '' "$(grep -E '^action = "(apply|destroy)"|^approve = "auto"' trilock.toml)"
expect_contains 'terraform: workspaces' 'workspace = "staging"' "$text"
expect_contains 'terraform: without a value it only validates' 'action = "validate"' "$text"
expect_contains 'terraform: outputs, less those that are sensitive' '#exports = ["address"]' "$text"
expect_contains 'terraform: sensitive ones are named' 'Sensitive outputs are not for `exports`: secret.' "$text"
expect_contains 'terraform: sensitive variables come from the environment' '#secret-env = ["TF_VAR_token"]' "$text"
expect_match 'terraform: the broken one is named' '^broken: ' "$left"
run_json
expect_ran 'terraform: plans and validates' terraform.other terraform.prod terraform.staging
expect_no_file 'terraform: no state was made' infra/terraform.tfstate.d/prod/terraform.tfstate

folder terraform-image
file Dockerfile <<<'FROM scratch'
file main.tf <<<$'variable "image_digest" {}\noutput "x" { value = var.image_digest }'
init_all 'terraform with an image'
expect_contains 'terraform with an image: the variable is its digest' \
  'vars = { image_digest = "${image.terraform-image.digest}" }' "$text"
expect_contains 'terraform with an image: so it can plan' 'action = "plan"' "$text"

# --- Taskfile, Makefile, linter ---
folder targets
file go.mod <<<$'module example.com/targets\n\ngo 1.19'
file targets.go <<<$'package main\n\nfunc main() {}'
file .golangci.yml <<<'linters: {}'
file Taskfile.yml <<'YAML'
version: '3'
vars:
  X: {sh: date}
tasks:
  default:
    cmds: [task: build]
  build:api:
    desc: "Builds the \"api\""
    sources:
      - '**/*.go'
      - "{{.X}}.go"
      - exclude: vendor/**
    generates: [build/api]
    cmds:
      - go build -o build/api .
  deploy:
    deps: [build:api]
    cmd: ./deploy.sh
  hidden:
    internal: true
YAML
file Makefile <<'MAKE'
VERSION := 1
export PATH := /bin:$(PATH)
.PHONY: all gen lint
all: gen
# Makes the code.
gen: targets.go missing.txt ## generate: code
	@echo gen: now
lint:; true
%.o: %.c
	cc $<
$(COMPUTED): x
clean:
MAKE
init_all 'targets'
expect_equal 'targets: the linter is a node, whose inputs are known' 'command.lint go.targets go.vet' "$nodes"
expect_equal 'targets: others are switched off' 'command.build-api command.deploy command.gen command.lint-2' "$off"
expect_contains 'targets: the inputs of the linter' 'inputs = ["**/*.go", "go.mod", ".golangci.yml", "!bin/targets", "!build/api"]' "$text"
expect_contains 'targets: sources are inputs' '#inputs = ["**/*.go", "Taskfile.yml", "!bin/targets"]' "$text"
expect_contains 'targets: results are outputs' '#outputs = ["build/api"]' "$text"
expect_contains 'targets: prerequisites that are there are inputs' '#inputs = ["targets.go", "Makefile"]' "$text"
expect_contains 'targets: help of a target' '#description = "generate: code"' "$text"

# --- names ---
folder 'a b ünï ${x}'
file 'my app/Dockerfile' <<<$'FROM scratch\nCOPY data*.txt /'
file 'my app/go.mod' <<<$'module "example.com/my-app"\n\ngo 1.19'
file 'my app/cmd/w_1/main.go' <<<$'package main\n\nfunc main() {}'
file 'тест/main.tf' <<<'output "x" { value = 1 }'
file '[x]/.golangci.toml' </dev/null
file '[x]/go.mod' <<<$'module example.com/x\n\ngo 1.19'
file '[x]/x.go' <<<'package x'
file '${y}/Dockerfile' <<<'FROM scratch'
file $'tab\there/Dockerfile' <<<'FROM scratch'
file $'not-utf8-\xff/Dockerfile' <<<'FROM scratch'
init_all 'strange names'
expect_equal 'strange names: names of nodes' \
  'command.lint-x go.vet-my-app go.vet-x go.w_1 image.my-app image.tab-here image.y terraform.main' "$nodes"
expect_equal 'strange names: the pipeline' 'name = "a-b-n-x"' "$(grep '^name' trilock.toml)"
run_json go 'image.y'
expect_ran 'strange names: run' go.vet-my-app go.vet-x go.w_1 image.y

# --- what cannot be read ---
folder unreadable
file go.mod <<<$'module example.com/unreadable\n\ngo 1.19'
file x.go <<<'package x'
file Dockerfile <<<'FROM scratch'
file secret/main.tf </dev/null
ln -s nowhere Makefile
mkfifo Dockerfile.pipe
ln -s Dockerfile.pipe Dockerfile.link
head -c 2000000 /dev/zero >big.Dockerfile
printf 'FROM scratch\n# \xff\n' >bytes.Dockerfile
chmod 0 Dockerfile secret
mkdir -p "$work/bin" "$work/home"
cp "$TRILOCK" "$work/bin/trilock"
chmod 755 "$work"
chown -R 65534:65534 . "$work/home"
setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$work/home" timeout 60 "$work/bin/trilock" init --json \
  >"$work/out" 2>"$work/err"
code=$?
chmod 755 Dockerfile secret
expect_code 'unreadable files: init' 0
left=$(jq -r '.left_out[] | .path + ": " + .text' "$work/out")
expect_equal 'unreadable files: what could be read' 'go.vet' "$(jq -r '.nodes[]' "$work/out")"
for reason in 'Dockerfile: cannot read' 'secret: cannot' 'Makefile: ' 'Dockerfile.link: is no regular file' \
  'big.Dockerfile: is larger' 'bytes.Dockerfile: is not UTF-8'; do
  expect_contains "unreadable files: left out: $reason" "$reason" "$left"
done

folder unwritable
chown 65534:65534 .
chmod 555 .
setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$work/home" "$work/bin/trilock" init >"$work/out" 2>"$work/err"
code=$?
expect_code 'an unwritable folder: environment' 5
expect_contains 'an unwritable folder: says so' "cannot write \`$PWD/trilock.toml\`" "$(cat "$work/err")"

mkdir "$work/full"
mount -t tmpfs -o size=4k tmpfs "$work/full" || die "cannot mount a tmpfs: this test takes root"
cd "$work/full" || exit
head -c 4096 /dev/zero >filler 2>/dev/null
trilock init
expect_code 'a full disk: environment' 5
expect_contains 'a full disk: says so' 'no space left' "$err"
expect_no_file 'a full disk: nothing half-written' trilock.toml
cd "$work" || exit
umount "$work/full"

# --- nothing is written over ---
folder existing
file trilock.toml <<<'# mine'
trilock init
expect_code 'a pipeline is there: refused' 2
expect_equal 'a pipeline is there: as it was' '# mine' "$(cat trilock.toml)"
folder dangling
ln -s elsewhere.toml trilock.toml
trilock init
expect_code 'a symlink to nowhere is there: refused' 2
expect_no_file 'a symlink to nowhere is there: nothing is written through it' elsewhere.toml

folder race
file go.mod <<<$'module example.com/race\n\ngo 1.19'
file x.go <<<'package x'
pids=()
for n in 1 2 3 4 5 6 7 8; do
  "$TRILOCK" init >/dev/null 2>"$work/race-$n" &
  pids+=($!)
done
codes=
for pid in "${pids[@]}"; do
  wait "$pid"
  codes+=" $?"
done
expect_equal 'eight at once: one writes, the others are refused' '0 2 2 2 2 2 2 2' "$(tr ' ' '\n' <<<"$codes" | sort -n | grep . | paste -sd' ')"
trilock check
expect_code 'eight at once: the file is whole' 0

# --- other pipelines near it ---
folder above
file trilock.toml <<<''
folder above/below
trilock init
expect_code 'a pipeline above: done' 0
expect_contains 'a pipeline above: warned of' "\`$work/above\` has a pipeline too" "$err"
folder around
file inner/trilock.toml <<<''
file inner/Dockerfile <<<'FROM scratch'
init 'a pipeline below'
expect_equal 'a pipeline below: its folder is left out' 'inner: has a pipeline of its own' "$left"

# --- the words ---
folder words
file go.mod <<<$'module example.com/words\n\ngo 1.19'
file x.go <<<'package x'
file Dockerfile <<<'no instruction'
trilock init
expect_same 'what it prints' "found:
  go.mod  Go module example.com/words, Go 1.19, 1 package
left out:
  Dockerfile  line 1: unknown instruction \`no\`
wrote trilock.toml: 1 node
  go.vet
next: read it, then \`trilock check\` and \`trilock run --dry-run\`" "$out"
expect_equal 'it writes nothing else' 'Dockerfile go.mod trilock.toml x.go' "$(ls -A | LC_ALL=C sort | paste -sd' ')"
trilock init --directory "$work/no-such"
expect_code 'a folder that does not exist' 2
trilock init --json -C "$work/empty"
expect_code '--json: the same refusal' 2

# --- the schema ---
if "$taplo" lint --schema "file://$schema" "${written[@]}" >"$work/taplo" 2>&1; then
  pass "taplo accepts the ${#written[@]} pipelines that were written"
else
  fail 'taplo accepts the pipelines that were written' "$(grep -A3 '^error' "$work/taplo" | head -40)"
fi

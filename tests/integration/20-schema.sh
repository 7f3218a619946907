#!/usr/bin/env bash
# `trilock schema`: the kept file is what the tool prints, editors' own validator (taplo) and `trilock check` are of one
# mind about pipelines, and schema and docs/pipeline.md have the same keys with the same types.
. "$(dirname "$0")/lib.sh"
schema=$root/schemas/pipeline.schema.json
walk=$root/tests/integration/schema_walk.mjs
taplo=$root/build/node_modules/.bin/taplo
[ -x "$taplo" ] || die "no taplo at $taplo: npm install --prefix build @taplo/cli@0.7.0"
mkdir "$work/a"
cd "$work/a" || exit

# What taplo has to say of the files; the code is 0 when it has nothing.
taplo_lint() { # file…
  "$taplo" lint --schema "file://$schema" "$@" >"$work/taplo" 2>&1
}

# --- the command ---
trilock schema
expect_code 'schema: done' 0
expect_same 'schema: schemas/pipeline.schema.json is what it prints' "$(cat "$schema")" "$out"
printed=$out
trilock schema --json
expect_same 'schema: --json prints the same' "$printed" "$out"
expect_equal 'schema: draft-07, which taplo reads' 'http://json-schema.org/draft-07/schema#' "$(jq -r '."$schema"' "$schema")"
expect_equal 'schema: has a title and an id without a host' 'trilock pipeline urn:trilock:pipeline:1' \
  "$(jq -r '.title + " " + ."$id"' "$schema")"
expect_equal 'schema: every key has a description' '' "$(jq -r 'del(.allOf) |
  [.. | objects | .properties? // empty | to_entries[] | select(.value | (has("description") or has("$ref")) | not) |
  .key] | join(" ")' "$schema")"
trilock schema extra
expect_code 'schema: takes no operand' 2

# --- good pipelines: what check accepts, taplo accepts ---
# A fault that only check can see (an unknown label, a missing file) is none of the schema's.
mapfile -t pipelines < <(cd "$root" && git ls-files -co --exclude-standard 'tests/golden/*.toml' 'samples/*.toml')
good=()
for pipeline in "${pipelines[@]}"; do
  case $(basename "$pipeline") in trilock.toml) ;; *) continue ;; esac
  if "$TRILOCK" check --file "$root/$pipeline" >/dev/null 2>&1; then good+=("$root/$pipeline"); fi
done
expect_match 'there are pipelines that check accepts' '^[1-9][0-9]*$' "${#good[@]}"
if taplo_lint "${good[@]}"; then
  pass "taplo accepts the ${#good[@]} pipelines of the tests and samples that check accepts"
else
  fail 'taplo accepts the pipelines that check accepts' "$(cat "$work/taplo")"
fi

# --- every key, with a value of its type ---
mkdir -p terraform more
printf 'FROM scratch AS base\nARG WORD\nARG COUNT\nARG SHARE\nARG SURE\nFROM scratch AS last\nCOPY go.mod /\n' >Dockerfile
printf 'module example.com/walk\n\ngo 1.19\n' >go.mod
printf '{"name": "x"}\n' >devcontainer.template.json
printf 'variable "size" {}\nvariable "tags" {}\noutput "address" {\n  value = "x"\n}\n' >terraform/main.tf
: >terraform/some.tfvars
: >more/none.toml
trilock cache keygen key
cp "$work/out" key.pub
node "$walk" valid "$schema" >trilock.toml
export A=1 B=1
trilock check
expect_code 'every key with a value of its type: check' 0
if taplo_lint trilock.toml; then
  pass 'every key with a value of its type: taplo'
else
  fail 'every key with a value of its type: taplo' "$(grep -A3 '^error' "$work/taplo" | head -40)"
fi
expect_equal 'every key of the schema is in that pipeline' '' "$(comm -23 \
  <(jq -r '[.definitions[].properties | keys[]] | unique[]' "$schema" | LC_ALL=C sort -u) \
  <(grep -oE '^[a-z-]+ =' trilock.toml | cut -d' ' -f1 | LC_ALL=C sort -u))"

# --- every key, with values of other types ---
node "$walk" wrong "$schema" >trilock.toml
grep -n '# wrong$' trilock.toml | cut -d: -f1 | LC_ALL=C sort >"$work/wrong"
expect_match 'there are wrong values enough' '^[0-9]{3,}$' "$(wc -l <"$work/wrong")"
trilock check --json
expect_code 'every key with wrong types: check' 2
# A hundred errors are shown at most, so some fifty tables at a time; the others are blank lines meanwhile.
tables=$(grep -c '^\[' trilock.toml)
for ((first = 0; first <= tables; first += 50)); do
  awk -v first="$first" '/^\[/ { table++ } { if (table < first || table >= first + 50) $0 = ""; print }' trilock.toml >part.toml
  trilock check --json --file part.toml
  jq -r '.diagnostics[] | select(.severity == "error") | .line' "$work/out"
done >"$work/refused"
expect_same 'every key with wrong types: check refuses each line' '' \
  "$(LC_ALL=C sort -u "$work/refused" |
    LC_ALL=C comm -23 "$work/wrong" - | while read -r line; do sed -n "$((line - 1)),${line}p" trilock.toml; done)"
taplo_lint trilock.toml
expect_same 'every key with wrong types: taplo refuses each line' '' \
  "$(sed -nE 's/.*─ .*trilock\.toml:([0-9]+):[0-9]+$/\1/p' "$work/taplo" | LC_ALL=C sort -u |
    LC_ALL=C comm -23 "$work/wrong" - | while read -r line; do sed -n "$((line - 1)),${line}p" trilock.toml; done)"

# --- one fault each: both refuse; and what has no fault: both accept ---
mkdir -p cases
case_number=0
verdicts=()
pipeline_case() { # accepts|refuses, what; the pipeline on standard input
  case_number=$((case_number + 1))
  mkdir -p "cases/$case_number"
  cat >"cases/$case_number/trilock.toml"
  verdicts[case_number]="$1 $2"
}
pipeline_case refuses 'an unknown table' <<<'[images.x]'
pipeline_case refuses 'an unknown key outside of a table' <<<'name = "x"'
pipeline_case refuses 'an unknown key of a node' <<<$'[command.x]\nrun = ["true"]\nimputs = ["a"]'
for rule in image devcontainer terraform go; do
  pipeline_case refuses "an unknown key of $rule" <<<"[defaults.$rule]"$'\nno-such-key = 1'
done
pipeline_case refuses 'a key of another rule' <<<$'[command.x]\nrun = ["true"]\ndockerfile = "Dockerfile"'
pipeline_case refuses 'a node that is no table' <<<$'[command]\nrun = ["true"]'
pipeline_case refuses 'a name that is none' <<<$'[command."a b"]\nrun = ["true"]'
pipeline_case refuses 'a missing required key' <<<$'[go.x]\npackages = ["./..."]'
pipeline_case refuses 'neither run nor script' <<<$'[command.x]\noutputs = ["a"]'
pipeline_case refuses 'both run and script' <<<$'[command.x]\nrun = ["true"]\nscript = "true"'
pipeline_case refuses 'neither template nor config' <<<$'[devcontainer.x]\noutput = "a/devcontainer.json"'
pipeline_case refuses 'both template and config' <<<$'[devcontainer.x]\ntemplate = "t.json"\nconfig = {}'
pipeline_case refuses 'defaults that give another key than the missing one' <<<$'[defaults.go]\ntags = ["a"]\n[go.x]'
pipeline_case refuses 'an unknown kind' <<<$'[go.x]\nkind = "tests"'
pipeline_case refuses 'a sandbox' <<<$'[command.x]\nrun = ["true"]\nsandbox = true'
pipeline_case refuses 'an unknown default' <<<$'[defaults]\nbuilder = "docker"'
pipeline_case refuses 'an unknown default of a rule' <<<$'[defaults.image]\nkind = "test"'
pipeline_case refuses 'a default of a wrong type' <<<$'[defaults]\ntimeout = 10'
pipeline_case refuses 'a default of a rule of a wrong type' <<<$'[defaults.image]\npush = "yes"'
pipeline_case refuses 'include that is no list' <<<'include = "a.toml"'
pipeline_case refuses 'include of numbers' <<<'include = [1]'
pipeline_case refuses 'an unknown key of [pipeline]' <<<$'[pipeline]\nnames = "x"'
pipeline_case refuses 'a name of the pipeline that is a number' <<<$'[pipeline]\nname = 5'
pipeline_case refuses 'another version of the language' <<<$'[pipeline]\nversion = 2'
pipeline_case refuses 'a version that is a string' <<<$'[pipeline]\nversion = "1"'
pipeline_case refuses 'an unknown key of [cache]' <<<$'[cache]\npath = "x"'
pipeline_case refuses 'a cache directory that is a number' <<<$'[cache]\ndir = 5'
pipeline_case refuses 'a shared cache that is a list' <<<$'[cache]\nshared = ["x"]'
pipeline_case refuses 'an unknown mode of the cache' <<<$'[cache]\nmode = "write"'
pipeline_case refuses 'a namespace that is a number' <<<$'[cache]\nnamespace = 5'
pipeline_case refuses 'a trusted key that is no list' <<<$'[cache]\ntrusted-keys = "x"'
pipeline_case refuses 'images that are a string' <<<$'[cache]\nimages = "yes"'
pipeline_case refuses 'a size of an unknown unit' <<<$'[cache]\nmax-size = "20 g"'
pipeline_case refuses 'a size that is a number' <<<$'[cache]\nmax-size = 20'
pipeline_case accepts 'a size' <<<$'[cache]\nmax-size = "20GB"'
pipeline_case refuses 'a pool without slots' <<<$'[pools]\na = 0'
pipeline_case refuses 'a pool that is a string' <<<$'[pools]\na = "2"'
pipeline_case refuses 'a variable that is a float' <<<$'[vars]\ngo = 1.21'
pipeline_case refuses 'a variable that is a list' <<<$'[vars]\ngo = ["1.21"]'
pipeline_case refuses 'a variable of an unknown form' <<<$'[vars]\ngo = { gomode = "go.mod" }'
pipeline_case refuses 'a variable of two forms' <<<$'[vars]\ngo = { gomod = "go.mod", file = "VERSION" }'
pipeline_case refuses 'a default without env' <<<$'[vars]\ngo = { file = "VERSION", default = "1" }'
pipeline_case refuses 'a variable of an unknown git value' <<<$'[vars]\nrev = { git = "hash" }'
pipeline_case refuses 'a variable with a name that is none' <<<$'[vars]\n"a b" = "x"'
pipeline_case refuses 'an axis that is a string' <<<$'[command.x]\nrun = ["true"]\nmatrix = { a = "x" }'
pipeline_case refuses 'an axis without values' <<<$'[command.x]\nrun = ["true"]\nmatrix = { a = [] }'
pipeline_case refuses 'an axis with a value twice' <<<$'[command.x]\nrun = ["true"]\nmatrix = { a = ["x", "x"] }'
pipeline_case refuses 'an axis of lists' <<<$'[command.x]\nrun = ["true"]\nmatrix = { a = [["x"]] }'
pipeline_case accepts 'an empty file' </dev/null
pipeline_case accepts 'a required key from the defaults' <<<$'[defaults.go]\nkind = "vet"\n[go.x]'
pipeline_case accepts 'what to run from the defaults' <<<$'[defaults.command]\nscript = "true"\n[command.x]'
pipeline_case accepts 'defaults of an included file' <<<$'include = ["../../more/defaults.toml"]\n[go.x]'
pipeline_case accepts 'a coordinate in place of a word' <<<$'[go.x]\nkind = "${matrix.k}"\nmatrix = { k = ["vet", "test"] }'
pipeline_case accepts 'no sandbox' <<<$'[command.x]\nrun = ["true"]\nsandbox = false'
pipeline_case accepts 'numbers in a matrix' <<<$'[command.x]\nrun = ["true"]\nmatrix = { a = [1, 1.5, true, "x"] }'
# An included file lies below the pipeline's folder.
for each in cases/*/; do mkdir -p "$each/more"; done
sed -i 's|\.\./\.\./more/|more/|' cases/*/trilock.toml
for each in cases/*/; do printf '[defaults.go]\nkind = "vet"\n' >"$each/more/defaults.toml"; done

taplo_lint cases/*/trilock.toml
for ((i = 1; i <= case_number; i++)); do
  read -r wanted what <<<"${verdicts[i]}"
  by_taplo=accepts
  ! grep -q "invalid file .*/cases/$i/trilock.toml\"" "$work/taplo" || by_taplo=refuses
  trilock check -C "cases/$i"
  by_check=accepts
  [ "$code" = 0 ] || by_check=refuses
  expect_equal "$what: check and taplo" "$wanted $wanted" "$by_check $by_taplo"
done

# --- the page ---
expect_same 'docs/pipeline.md has the keys of the schema, with their types, and no others' '' \
  "$(node "$walk" page "$schema" "$root/docs/pipeline.md")"

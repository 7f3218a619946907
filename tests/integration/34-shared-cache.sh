#!/usr/bin/env bash
# One shared directory for two checkouts in different paths, of different users: what the second need not do, what it
# is told, and what never gets there.
. "$(dirname "$0")/lib.sh"
unset TRILOCK_CACHE_MODE TRILOCK_CACHE_NAMESPACE TRILOCK_CACHE_DIR
[ "$(id -u)" = 0 ] || die 'two users take root'
chmod 755 "$work"
install -m 755 "$TRILOCK" "$work/trilock"
TRILOCK=$work/trilock
shared=$work/volume/shared
mkdir -p "$work/volume"

write_workspace() { # directory
  mkdir -p "$1/src" "$1/template"
  cat >"$1/trilock.toml" <<TOML
[pipeline]
name = "shared"
[cache]
shared = "$shared"
[command.gen]
script = 'mkdir -p gen/deep; tr a-z A-Z <src/words >gen/deep/words; ln -s deep/words gen/link; chmod 750 gen/deep; echo said'
inputs = ["src/words"]
outputs = ["gen"]
[command.after]
run = ["sort", "-o", "out/sorted", "gen/deep/words"]
needs = ["command.gen"]
outputs = ["out/sorted"]
[command.check]
run = ["test", "-s", "src/words"]
inputs = ["src/words"]
[command.object]
run = ["gcc", "-MD", "-MF", "out/main.d", "-c", "src/main.c", "-o", "out/main.o"]
inputs = ["src/main.c"]
outputs = ["out/main.o"]
depfile = "out/main.d"
[go.vet]
kind = "vet"
packages = ["./..."]
[go.test]
kind = "test"
packages = ["./..."]
[go.build]
kind = "build"
packages = ["./..."]
outputs = ["bin/tool"]
[devcontainer.dev]
config = { image = "debian:12", remoteEnv = { GO = "\${go.vet.version}" } }
output = ".devcontainer/devcontainer.json"
TOML
  printf 'module example.com/tool\n\ngo 1.19\n' >"$1/go.mod"
  printf 'package main\n\nfunc main() { println(double(2)) }\n\nfunc double(n int) int { return 2 * n }\n' >"$1/main.go"
  printf 'package main\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n\tif double(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n' \
    >"$1/main_test.go"
  printf 'b\na\n' >"$1/src/words"
  printf '#include "main.h"\nint main(void) { return ANSWER; }\n' >"$1/src/main.c"
  echo '#define ANSWER 42' >"$1/src/main.h"
}

program=$(for_others "$TRILOCK")
# Runs trilock as somebody; each has a home, a cache directory and a state of their own.
as() { # user, workspace, command, arguments…
  local user=$1 dir=$2 verb=$3 home=$work/home-$1
  shift 3
  mkdir -p "$home"
  chown "$user" "$home"
  local command=(env HOME="$home" XDG_CACHE_HOME="$home/cache" XDG_STATE_HOME="$home/state" timeout 300 "$program" "$verb" -C "$dir" "$@")
  [ "$user" = 0 ] || command=(setpriv --reuid "$user" --regid "$user" --clear-groups "${command[@]}")
  "${command[@]}" >"$work/out" 2>"$work/err"
  code=$?
  out=$(cat "$work/out")
  err=$(cat "$work/err")
  events=$work/out
}

warnings() {
  jq -r 'select(.event == "diagnostic" and .severity == "warning") | .message' "$events"
}

first=$work/first/checkout
second=$work/some/where/else/second
write_workspace "$first"
write_workspace "$second"
chown -R 65534 "$second"

# --- everything is restored --------------------------------------------------------------------------------------
export TRILOCK_CACHE_MODE=read-write
as 0 "$first" run --json
expect_ran 'the first checkout runs everything' command.after command.check command.gen command.object devcontainer.dev \
  go.build go.test go.vet
expect_equal 'the first checkout: no warning' '' "$(warnings)"
unset TRILOCK_CACHE_MODE
before=$(find "$shared" -type f | sort)
as 65534 "$second" run --json --output full
expect_ran 'the second checkout, of another user, runs nothing'
expect_equal 'the second checkout: all nodes are restored' 8 "$(outcomes | grep -c ' restored$')"
expect_contains 'what a restored node said is there' said \
  "$(jq -r 'select(.event == "node_output" and .label == "command.gen") | .text' "$events")"
expect_equal 'the second checkout: no warning' '' "$(warnings)"
for path in gen out bin .devcontainer; do
  expect_equal "the same bytes in $path" '' "$(diff -r "$first/$path" "$second/$path" 2>&1)"
done
expect_equal 'a symlink' deep/words "$(readlink "$second/gen/link")"
expect_equal 'the mode of a directory' 750 "$(stat -c %a "$second/gen/deep")"
expect_equal 'the program runs' 4 "$("$second/bin/tool" 2>&1)"
expect_equal 'a reader writes nothing' "$before" "$(find "$shared" -type f | sort)"
as 65534 "$second" run --json
expect_equal 'then nothing is left to do' 8 "$(outcomes | grep -c ' unchanged$')"
rm -r "$second/gen"
as 65534 "$second" run --json
expect_equal 'what was taken from the shared tier is kept on the machine' restored \
  "$(outcomes | awk '$1 == "command.gen" { print $2 }')"
as 65534 "$second" cache stats --json
expect_equal 'look-ups are counted' 8 "$(jq '[.lookups[] | select(.answer == "shared") | .count] | add' "$work/out")"

# --- what is there can be checked by anybody -----------------------------------------------------------------------
as 0 "$first" cache verify --shared --json
expect_code 'the shared directory is whole' 0
missing=0
for entry in "$shared"/ac/*/*; do
  name=$(basename "$entry")
  [ -e "$shared/cas/${name:0:2}/$name" ] || missing=$((missing + 1))
done
expect_equal 'every result has its Action beside it, but for the two notes' 2 "$missing"
wrong=$(for blob in "$shared"/cas/*/*; do [ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "$(basename "$blob")" ] || echo "$blob"; done)
expect_equal 'every blob has the name of its bytes' '' "$wrong"
expect_equal 'no path of a checkout is in it' '' "$(grep -rlF -e "$first" -e "$second" "$shared")"

# --- why, where it never ran ---------------------------------------------------------------------------------------
third=$work/third
write_workspace "$third"
echo 'c' >>"$third/src/words"
echo '#define ANSWER 43' >"$third/src/main.h"
as 1 "$third" why command.gen --json
expect_equal 'why names the input that differs from another runner' 'input src/words' \
  "$(jq -r '.changes[].field' "$work/out")"
as 1 "$third" why command.gen
expect_contains 'why says so' 'input src/words: content changed' "$out"
as 1 "$third" run --dry-run --json
expect_equal 'a dry run sees what would be restored' restored "$(outcomes | awk '$1 == "go.test" { print $2 }')"
expect_no_file 'and makes nothing' "$third/.trilock"
as 1 "$third" run --json
expect_code 'cannot write to a workspace of somebody else' 5
chown -R 1 "$third"
as 1 "$third" run --json
expect_ran 'only what differs runs' command.after command.check command.gen command.object

# --- namespaces, keys ----------------------------------------------------------------------------------------------
fresh() { # a workspace as if nothing had run there: $ws
  rm -rf "$work/ws" "$work/home-0/cache"
  ws=$work/ws
  write_workspace "$ws"
  printf '%s\n' "$@" >"$work/settings"
  sed -i "/^shared = /r $work/settings" "$ws/trilock.toml"
}
fresh
TRILOCK_CACHE_NAMESPACE=pr TRILOCK_CACHE_MODE=read-write as 0 "$ws" run --json
expect_equal 'a namespace finds nothing of another' 0 "$(outcomes | grep -c ' restored$')"
fresh 'namespace = "pr"'
as 0 "$ws" run --json
expect_equal 'and finds its own' 8 "$(outcomes | grep -c ' restored$')"
TRILOCK_CACHE_MODE=writer as 0 "$ws" run
expect_code 'an unknown mode is said' 2
expect_contains 'by its name' 'unknown cache mode `writer` in `TRILOCK_CACHE_MODE`' "$err"

public=$("$TRILOCK" cache keygen "$work/key.pem")
fresh "trusted-keys = [\"$public\"]"
as 0 "$ws" run --json
expect_equal 'with trusted keys an unsigned result is a miss' 0 "$(outcomes | grep -c ' restored$')"
expect_match 'which is said' '^a result in the cache directory `.*` is not signed' "$(warnings)"
expect_equal 'once' 1 "$(warnings | grep -c 'is not signed')"
fresh "sign-key = \"$work/key.pem\"" "trusted-keys = [\"$public\"]"
TRILOCK_CACHE_MODE=read-write as 0 "$ws" run --json
expect_code 'a signer writes' 0
fresh "trusted-keys = [\"$public\"]"
as 0 "$ws" run --json
expect_equal 'and whoever trusts it reads' 8 "$(outcomes | grep -c ' restored$')"
fresh
as 0 "$ws" run --json
expect_equal 'signed results serve those who check nothing' 8 "$(outcomes | grep -c ' restored$')"
fresh 'sign-key = "absent.pem"' 'mode = "read-write"'
as 0 "$ws" run
expect_code 'a key that is not there' 2
fresh 'trusted-keys = ["absent.pub"]'
as 0 "$ws" run
expect_code 'a public key that is not there' 2

forget() { # workspace, output: as on another machine
  rm -rf "$work/$1/.trilock" "${work:?}/$1/$2" "$work/home-0/cache"
}

# --- a bad entry, damage, no tier ----------------------------------------------------------------------------------
mkdir -p "$work/bad"
cat >"$work/bad/trilock.toml" <<TOML
[cache]
shared = "$shared"
mode = "read-write"
[command.stamp]
run = ["sh", "-c", "date +%s%N >stamp"]
outputs = ["stamp"]
TOML
as 0 "$work/bad" run
cp "$work/bad/stamp" "$work/stamp"
as 0 "$work/bad" run --force
forced=$(cat "$work/bad/stamp")
forget bad stamp
as 0 "$work/bad" run --json
expect_ran 'after --force: restored'
expect_equal '--force takes the place of the entry' "$forced" "$(cat "$work/bad/stamp")"
name=$(sha256sum <"$work/bad/stamp" | cut -d' ' -f1)
printf 'x' | dd of="$shared/cas/${name:0:2}/$name" conv=notrunc status=none
forget bad stamp
as 0 "$work/bad" run --json
expect_ran 'a damaged blob is a miss' command.stamp
expect_match 'with a warning' "$name. has other bytes" "$(warnings)"
forget bad stamp
as 0 "$work/bad" run --json
expect_ran 'and what ran took its place'

echo >"$work/file"
sed -i "s|^shared = .*|shared = \"$work/file/below\"|" "$work/bad/trilock.toml"
forget bad stamp
as 0 "$work/bad" run --json
expect_ran 'a tier that cannot be used stops nothing' command.stamp
expect_match 'but is named' 'file/below' "$(warnings)"

# --- what never leaves ---------------------------------------------------------------------------------------------
mkdir -p "$work/secret/tf"
cat >"$work/secret/trilock.toml" <<TOML
[cache]
shared = "$work/volume/secret"
mode = "read-write"
[command.told]
run = ["sh", "-c", "printf %s \$TOKEN >told"]
secret-env = ["TOKEN"]
outputs = ["told"]
[terraform.state]
dir = "tf"
action = "apply"
approve = "auto"
vars = { word = "confidential-4711" }
TOML
cat >"$work/secret/tf/main.tf" <<'TF'
variable "word" {}
resource "terraform_data" "it" { input = var.word }
TF
TOKEN=hush-hush-secret as 0 "$work/secret" run --json
expect_ran 'a secret and a state' command.told terraform.state
expect_equal 'neither is in the shared directory' '' \
  "$(grep -rl -e hush-hush-secret -e confidential-4711 "$work/volume/secret" 2>/dev/null)"
expect_equal 'the state is in no cache' '' "$(grep -rl confidential-4711 "$work/home-0/cache")"
sed -i 's|^secret-env|cache = true\nsecret-env|' "$work/secret/trilock.toml"
forget secret told
TOKEN=hush-hush-secret as 0 "$work/secret" run command.told
expect_equal 'but with `cache = true` the user has said so' 1 \
  "$(grep -rl hush-hush-secret "$work/volume/secret" | wc -l)"

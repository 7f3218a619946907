#!/usr/bin/env bash
# Daemons, time limits, retries, signals, and what a run that is killed leaves behind.
. "$(dirname "$0")/lib.sh"
mkdir -p "$work/w"
cd "$work/w" || exit

pipeline() {
  cat >trilock.toml
}

# Starts `trilock run ARGS` in the background; `pid`.
start() {
  "$TRILOCK" run "$@" >"$work/out" 2>"$work/err" &
  pid=$!
}

# Waits for it; afterwards as after `trilock`.
finish_run() {
  wait "$pid"
  code=$?
  out=$(cat "$work/out")
  err=$(cat "$work/err")
}

is_running() { # pid
  [ -e "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

expect_gone() { # what, file with a pid
  if is_running "$(cat "$2")"; then fail "$1" "process $(cat "$2") is still there"; else pass "$1"; fi
}

expect_running() { # what, file with a pid
  if is_running "$(cat "$2")"; then pass "$1"; else fail "$1" "process $(cat "$2") is gone"; fi
}

# A shell function for scripts of nodes: a daemon that has left its group and session, and says who it is.
daemon='daemon() { (setsid sh -c "echo \$\$ >$1.new; mv $1.new $1; exec sleep 600" >/dev/null 2>&1 </dev/null &)
until test -s $1; do sleep 0.01; done; }'

# --- daemons ---
pipeline <<TOML
[command.leaves-a-daemon]
script = '''$daemon
daemon one.pid'''

[command.waits]
script = '''$daemon
daemon two.pid
until test -e looked; do sleep 0.05; done'''
TOML
start -j2
wait_for 20 test -s one.pid
wait_for 20 test -s two.pid
wait_for 20 bash -c '! kill -0 $(cat one.pid)'
expect_gone 'a daemon ends with its node' one.pid
expect_running 'the daemon of a node that still runs does not' two.pid
touch looked
finish_run
expect_code 'daemons: done' 0
expect_gone 'the other daemon ends with its own node' two.pid
expect_no_file 'no journal is left' "$(state_dir)/journal"

# --- time limit ---
pipeline <<'TOML'
[command.slow]
script = "trap 'echo told >told; exit 3' TERM; sh -c 'echo $$ >child.pid; exec sleep 600' & while :; do sleep 0.05; done"
timeout = "500ms"
TOML
trilock run
expect_code 'a time limit: the node fails' 1
expect_contains 'a time limit: says so' '`script` took longer than 0.5 s' "$err"
expect_file 'a time limit: TERM first' told
expect_gone 'a time limit: reaches children' child.pid

# --- retries ---
pipeline <<'TOML'
[command.flaky]
script = "echo x >>tries; test $(wc -l <tries) -ge 3; cp tries out"
outputs = ["out"]
retries = 2
TOML
trilock run
expect_code 'retries: the third attempt is good' 0
expect_equal 'retries: three attempts' 3 "$(wc -l <out)"
expect_contains 'retries: each is said, with what went wrong' \
  'command.flaky: `script` failed with exit code 1; retry 1 of 2 in 0.5 s' "$err"
expect_contains 'retries: with twice the delay' 'retry 2 of 2 in 1 s' "$err"
pipeline <<'TOML'
[command.hopeless]
script = "echo x >>hopeless; exit 4"
retries = 1
TOML
trilock run
expect_code 'retries: in the end it fails' 1
expect_equal 'retries: one more than the first' 2 "$(wc -l <hopeless)"
pipeline <<'TOML'
[command.hopeless]
script = "exit 4"
retries = 9
TOML
start
wait_for 20 grep -q 'retry 4 of 9' "$work/err"
before=$SECONDS
kill -INT "$pid"
finish_run
expect_code 'retries: a stop ends the wait' 130
if [ $((SECONDS - before)) -le 2 ]; then pass 'at once'; else fail 'at once' "took $((SECONDS - before)) s"; fi

# --- signals ---
for signal in INT TERM HUP; do
  rm -rf told ready later out
  pipeline <<TOML
[command.first]
script = "echo $signal >first"
outputs = ["first"]

[command.running]
script = "trap 'echo $signal >told; exit 0' TERM; touch ready; while :; do sleep 0.05; done"
outputs = ["out"]
after = ["command.first"]

[command.later]
script = "echo $signal >later"
after = ["command.running"]
TOML
  start
  wait_for 20 test -e ready
  kill -s "$signal" "$pid"
  finish_run
  expect_code "$signal: 130" 130
  expect_file "$signal: the child gets TERM" told
  expect_no_file "$signal: nothing new starts" later
  expect_contains "$signal: says what was not done" '2 cancelled' "$out"
  sed -i 's/while :; do sleep 0.05; done/touch out/' trilock.toml
  run_json
  expect_ran "$signal: what was done is known to the next run" command.running command.later
done

pipeline <<'TOML'
[command.deaf]
script = "trap '' TERM; echo $$ >deaf.pid.new; mv deaf.pid.new deaf.pid; while :; do sleep 0.05; done"
TOML
start
wait_for 20 test -s deaf.pid
kill -INT "$pid"
sleep 0.3
expect_running 'one INT waits for the child' deaf.pid
before=$SECONDS
kill -INT "$pid"
finish_run
expect_code 'two: 130' 130
expect_gone 'two: the child gets KILL' deaf.pid
if [ $((SECONDS - before)) -le 3 ]; then pass 'two: at once'; else fail 'two: at once' "took $((SECONDS - before)) s"; fi

# --- trilock is killed ---
pipeline <<TOML
[command.work]
script = '''$daemon
trap "echo told >goodbye; exit 0" TERM
echo half >result
daemon survivor.pid
while :; do sleep 0.05; done'''
outputs = ["result"]
TOML
rm -f goodbye survivor.pid result
mkdir -p "$(state_dir)/tmp"
start
wait_for 20 test -s survivor.pid
kill -KILL "$pid"
finish_run
wait_for 20 test -e goodbye
expect_file 'killed: its child gets TERM from the kernel' goodbye
expect_running 'killed: a daemon survives' survivor.pid
expect_file 'killed: there is a journal' "$(state_dir)/journal"
sed -i "s/^while .*'''/echo whole >result'''/" trilock.toml
cp survivor.pid earlier.pid
trilock run
expect_code 'after that: the next run is right' 0
expect_equal 'after that: the output is whole' whole "$(cat result)"
expect_gone 'after that: the survivor is ended' earlier.pid
expect_match 'after that: and named' "^warning: an earlier run was killed; .* \`sleep\` \($(cat earlier.pid)\)" "$err"
expect_equal 'after that: no scratch directory is left' '' "$(ls "$(state_dir)/tmp" 2>/dev/null)"
expect_no_file 'after that: the journal is gone' "$(state_dir)/journal"
trilock run
expect_equal 'and nothing is said again' '' "$err"

# --- Terraform's lock, in a backend that does not let go of it ---
mkdir -p "$work/tf/infra" && cd "$work/tf" || exit
port=$(free_port)
node "$root/tests/integration/lock-server.mjs" "$port" 2>"$work/lock-server.log" &
started+=($!)
wait_for 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
pipeline <<'TOML'
[terraform.net]
dir = "infra"
TOML
cat >infra/main.tf <<TF
terraform {
  backend "http" {
    address        = "http://127.0.0.1:$port/state"
    lock_address   = "http://127.0.0.1:$port/state"
    unlock_address = "http://127.0.0.1:$port/state"
  }
}
resource "terraform_data" "a" {
  input = "x"
  provisioner "local-exec" {
    command = "echo \$PPID >$work/terraform.pid; sleep 600"
  }
}
TF
start
wait_for 60 test -s "$work/terraform.pid"
terraform_pid=$(cat "$work/terraform.pid")
kill -KILL "$terraform_pid" "$pid"  # in this order: the death of trilock alone would let terraform tidy up
finish_run
lock_id=$(fetch "http://127.0.0.1:$port/lock" | jq -r .ID)
expect_match 'terraform killed: the backend is still locked' '^[0-9a-f-]{36}$' "$lock_id"
sed -i 's/sleep 600/true/' infra/main.tf
trilock run
expect_contains 'terraform killed: the next run names the lock' \
  "an earlier run was cut short while terraform.net ran, and left the lock $lock_id on its state" "$err"
command=$(sed -nE 's/.*`(cd .* force-unlock [^`]*)`.*/\1/p' "$work/err" | head -n 1)
(eval "${command/force-unlock/force-unlock -force}") >"$work/unlock.log" 2>&1
expect_equal 'terraform killed: what it advises gives the lock back' 0 $?
trilock run
expect_code 'terraform killed: then the next run is right' 0
expect_equal 'terraform killed: and has nothing to say' '' "$(grep 'cut short' "$work/err")"

# The local backend's lock ends with its process; what stays is a file.
sed -i '/backend/,/^  }/d' infra/main.tf
sed -i 's/true/sleep 600/' infra/main.tf
rm -rf "$(state_dir)/terraform" "$work/terraform.pid"
start
wait_for 60 test -s "$work/terraform.pid"
kill -KILL "$(cat "$work/terraform.pid")" "$pid"
finish_run
sed -i 's/sleep 600/true/' infra/main.tf
trilock run
expect_contains 'terraform killed: the lock file of the local backend is named' \
  'terraform.net ran, and left the lock file `infra/.terraform.tfstate.lock.info` of its state' "$err"
expect_code 'terraform killed: and is no hindrance' 0
expect_no_file 'terraform killed: it is gone' infra/.terraform.tfstate.lock.info

# --- working containers ---
private_store
mkdir -p "$work/image/context" && cd "$work/image" || exit
cp "$(command -v busybox)" context/
cat >context/Dockerfile <<'DOCKERFILE'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sleep", "600"]
DOCKERFILE
pipeline <<'TOML'
[image.tool]
dir = "context"
builder = "buildah"
TOML
buildah from scratch >/dev/null
mine=$(buildah containers --format '{{.ContainerName}}')
start
wait_for 60 pgrep -f 'busybox sleep 600'
sleeper=$(pgrep -f 'busybox sleep 600' | tail -n 1)
kill -KILL $(pgrep -f "^buildah build .*$work") "$pid" 2>/dev/null
finish_run
sed -i 's/"600"/"0"/' context/Dockerfile
trilock run
left=$(buildah containers --format '{{.ContainerName}}' | grep -vxF "$mine" | LC_ALL=C sort | paste -sd' ')
expect_match 'buildah killed: it leaves a container' . "$left"
expect_contains 'buildah killed: the next run names it, and not mine' \
  "image.tool ran, and left working containers of buildah: $left: \`buildah rm $left\` removes them" "$err"
expect_code 'buildah killed: the next run is right' 0
if is_running "$sleeper"; then
  fail 'buildah killed: what ran in the container is ended' "process $sleeper is still there"
else
  pass 'buildah killed: what ran in the container is ended'
fi
trilock run
expect_equal 'buildah killed: and nothing is said again' '' "$err"

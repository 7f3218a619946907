#!/usr/bin/env bash
# Bad input: the exact message, the exit code, and state and outputs left as they were.
#
# A case is a folder of tests/golden/messages: its files are laid over a workspace in which a first run has succeeded,
# `prepare.sh` (when there is one) makes what cannot be kept in git, and `command` (default: `run`) is what is asked of
# trilock. `expected.txt` is what it writes to the terminal, times replaced by T; `expected.code` is its exit code.
# TRILOCK_TEST_ACCEPT=1 writes both anew; read the difference before you commit it. Arguments select cases by name.
. "$(dirname "$0")/lib.sh"
golden=$root/tests/golden/messages
private_store

# Everything in the workspace but trilock's own folder, by content and mode.
fingerprint() {
  find . -path ./.trilock -prune -o -printf '%y %m %p %l\n' | LC_ALL=C sort
  find . -path ./.trilock -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
}

normalise() {
  sed -E -e 's/\bin [0-9]+(\.[0-9]+)? (ms|s)\b/in T/' -e "s|$work|WORK|g" -e "s,\\.trilock/[0-9a-f]{32}/tmp/[0-9]+-[0-9]+,.trilock/ID/tmp/N,g"
}

run_case() { # name
  local name=$1 case=$golden/$1 dir=$work/case-$1 args=run before binary=$TRILOCK runner=()
  mkdir -p "$dir"
  cp -r "$golden/base/." "$dir/"
  chmod -R u+w "$dir"
  cd "$dir" || return
  trilock run
  [ "$code" = 0 ] || { fail "$name: a good pipeline runs first" "$err"; return; }

  cp -r "$case/." "$dir/"
  rm -f expected.txt expected.code prepare.sh command
  [ ! -f "$case/prepare.sh" ] || (. "$case/prepare.sh")
  [ ! -f "$case/command" ] || args=$(cat "$case/command")
  if [ -f "$case/as-other-user" ]; then
    # root may read any file
    rm -f as-other-user
    chmod 755 "$work"
    mkdir -p "$work/cache" "$work/bin"
    cp "$TRILOCK" "$work/bin/trilock"
    binary=$work/bin/trilock
    chown -R 65534:65534 "$dir" "$work/cache"
    runner=(setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$work/cache" "XDG_STATE_HOME=$work/cache/state")
  fi
  before=$(fingerprint)

  # shellcheck disable=SC2086
  timeout 120 "${runner[@]}" "$binary" $args >"$work/both" 2>&1 </dev/null
  code=$?
  normalise <"$work/both" >"$work/found"
  if [ "${TRILOCK_TEST_ACCEPT:-}" = 1 ]; then
    cp "$work/found" "$case/expected.txt"
    echo "$code" >"$case/expected.code"
  fi
  expect_equal "$name: exit code" "$(cat "$case/expected.code" 2>/dev/null)" "$code"
  if cmp -s "$case/expected.txt" "$work/found"; then
    pass "$name: message"
  else
    fail "$name: message" "$(diff -u --label expected --label found "$case/expected.txt" "$work/found" | head -60)"
  fi
  expect_same "$name: files are as they were" "$before" "$(fingerprint)"

  # What succeeded before is still known to have succeeded.
  [ ${#runner[@]} = 0 ] || chown -R 0:0 "$dir" "$work/cache"
  cp "$golden/base/trilock.toml" trilock.toml
  run_json
  expect_equal "$name: the state still knows the run before" 'command.good unchanged' "$(outcomes)"
}

if [ $# = 0 ]; then
  for case in "$golden"/*/; do
    set -- "$@" "$(basename "$case")"
  done
fi
for name in "$@"; do
  [ "$name" = base ] || run_case "$name"
done

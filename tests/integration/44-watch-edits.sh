#!/usr/bin/env bash
# Random pipelines and random edits in two workspaces, one of them watched: whatever the watcher is about just then, a run
# right behind an edit ends like one in the other workspace, and leaves the same outputs.
# TRILOCK_PROPERTY_SEED=7 runs one seed, TRILOCK_PROPERTY_SEEDS=100 many.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/edits.sh"

edits=12

# How a run ended, and all outputs then; not in the middle of a run of the watcher.
run_in() { # workspace
  (
    cd "$1" || exit
    "$TRILOCK" run --keep-going >"$base/said" 2>&1
    echo "code $?"
    flock "$(state_dir)/lock" sh -c 'find out -type f | LC_ALL=C sort | xargs -r head -v 2>/dev/null'
  )
}

# Ends at the first difference.
try() { # seed
  RANDOM=$1
  base=$work/$1
  make_workspaces "$base/with" "$base/without"
  history=()
  local i side
  TRILOCK_CACHE_DIR=$base/cache-with "$TRILOCK" watch --keep-going >"$base/log" 2>&1 &
  watcher=$!
  started+=("$watcher")
  for ((i = 0; i <= edits; i++)); do
    if [ $i -gt 0 ]; then
      draw_edit
      # The watcher's runs have its own environment, so outputs would change with whoever runs last.
      case $edit in 'export '*) edit='touch r.txt' ;; esac
      history+=("$edit")
      for side in with without; do
        cd "$base/$side" && eval "$edit" >/dev/null 2>&1
      done
    fi
    with=$(TRILOCK_CACHE_DIR=$base/cache-with run_in "$base/with")
    without=$(TRILOCK_SHORT_PATH=0 TRILOCK_CACHE_DIR=$base/cache-without run_in "$base/without")
    [ "$with" = "$without" ] || return 1
    # Every second edit meets a watcher at rest, the others one that is busy with the one before.
    [ $((i % 2)) = 0 ] || sleep 0.3
  done
  kill -0 "$watcher" || return 1
  kill "$watcher"
  wait "$watcher"
}

first=${TRILOCK_PROPERTY_SEED:-1}
last=${TRILOCK_PROPERTY_SEED:-${TRILOCK_PROPERTY_SEEDS:-4}}
for seed in $(seq "$first" "$last"); do
  try "$seed"
  code=$?
  if [ $code = 130 ]; then
    pass "seed $seed"
  else
    fail "seed $seed" "$(printf '%s\n' "code $code" "${history[@]}"; diff <(echo "$without") <(echo "$with"); tail -n 20 "$base/log")"
  fi
  stop_process "$watcher"
  cd "$work" && rm -rf "${base:?}"
done

#!/usr/bin/env bash
# Random pipelines and random edits in two workspaces, one with the short path and one without: every run says the same
# in both, and leaves the same, whether it was answered by the front, decided in part, or whole. TRILOCK_PROPERTY_SEED=7 runs one seed, TRILOCK_PROPERTY_SEEDS=100 many.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/edits.sh"

edits=10

# What a run said, without its order and its times, and all that there is then.
run_in() { # workspace, arguments of run…
  cd "$1" || exit
  shift
  "$TRILOCK" run --keep-going "$@" 2>&1 | sed -E 's/^\[[0-9]+\/[0-9]+\] //; s/ in [0-9.]+ s//' | LC_ALL=C sort
  find out -type f | LC_ALL=C sort | xargs -r head -v 2>/dev/null
}

short=0
both() { # arguments of run…
  local before
  before=$(stat -c %z "$(state_dir "$base/with")/lock" 2>/dev/null)
  with=$(TRILOCK_CACHE_DIR=$base/cache-with run_in "$base/with" "$@")
  without=$(TRILOCK_SHORT_PATH=0 TRILOCK_CACHE_DIR=$base/cache-without run_in "$base/without" "$@")
  [ "$before" != "$(stat -c %z "$(state_dir "$base/with")/lock" 2>/dev/null)" ] || short=$((short + 1))
  [ "$with" = "$without" ]
}

# Ends at the first difference.
try() { # seed
  RANDOM=$1
  base=$work/$1
  unset WORD
  make_workspaces "$base/with" "$base/without"
  history=()
  local i side
  for ((i = 0; i <= edits; i++)); do
    if [ $i -gt 0 ]; then
      draw_edit
      history+=("$edit")
      for side in with without; do
        cd "$base/$side" && eval "$edit" >/dev/null 2>&1
      done
    fi
    both || return 1
    pick '' '' '' 'command.n1' '--force command.n0' '--json'
    # shellcheck disable=SC2086
    [ -z "$picked" ] || [ "$picked" = --json ] || both $picked || return 1
    [ "$picked" != --json ] || "$TRILOCK" run -C "$base/with" --json >/dev/null 2>&1
    both || return 1
  done
}

first=${TRILOCK_PROPERTY_SEED:-1}
last=${TRILOCK_PROPERTY_SEED:-${TRILOCK_PROPERTY_SEEDS:-12}}
for seed in $(seq "$first" "$last"); do
  if try "$seed"; then
    pass "seed $seed"
  else
    fail "seed $seed" "$(printf '%s\n' "${history[@]}"; diff <(echo "$without") <(echo "$with"))"
  fi
  rm -rf "${base:?}"
done
expect_equal 'many of the runs were short' 1 $((short > (last - first + 1) * edits / 4))

# A run that makes outputs anew is killed at system calls; after each kill a run whose node fails. Sourced after
# tests/integration/lib.sh. `old_outputs N`: N calls, evenly spread, or all with 0. Afterwards `calls`, `kills`, `lost`.

old_outputs_workspace() { # directory
  mkdir -p "$1" && cd "$1" || exit
  cat >trilock.toml <<'TOML'
[command.a]
script = '''
word=$(cat mode)
[ "$word" != same ] || exit 1
rm -rf half; mkdir -p out/tree/deep
echo $word >out/file
[ "$word" != fail ] || exit 1
echo $word >out/tree/deep/one; echo $word >out/tree/two
ln -s $word out/link
echo $word >out/fresh
'''
inputs = ["mode"]
outputs = ["out/file", "out/tree", "out/link", "out/fresh"]

[command.b]
script = "cat mode >b"
inputs = ["mode"]
outputs = ["b"]
TOML
  echo old >mode
}

# What the outputs say, in one line: "old" or "new" when they are whole, "gone" when there are none.
old_outputs_state() {
  local said
  said=$(cat out/file out/tree/deep/one out/tree/two out/fresh 2>&1; readlink out/link)
  case $said in
  $'old\nold\nold\nold\nold') echo old ;;
  $'new\nnew\nnew\nnew\nnew') echo new ;;
  *) echo "mixed: $(find out b 2>/dev/null | paste -sd' '): $said" | tr '\n' ' ' ;;
  esac
}

old_outputs() { # sample
  local n step state first here=$work/kills/here saved=$work/kills/saved
  lost='' kills=0 calls=0
  old_outputs_workspace "$here"
  trilock run
  [ "$code" = 0 ] && [ "$(old_outputs_state)" = old ] || { lost="no outputs to begin with: $err"; return; }
  cp -a "$here" "$saved"
  export XDG_CACHE_HOME=$work/kills/cache # empty each time, or the outputs come out of it
  echo new >mode
  KILL_AT_COUNT=$work/count "$kill_at" 0 "$TRILOCK" run -j1 >/dev/null 2>&1
  calls=$(cat "$work/count")
  [ "$(old_outputs_state)" = new ] || { lost="the run that is not killed: $(old_outputs_state)"; return; }
  step=1
  [ "$1" = 0 ] || step=$((calls / $1 > 0 ? calls / $1 : 1))
  first=$((step > 1 ? 1 + RANDOM % step : 1))
  for ((n = first; n <= calls; n += step)); do
    # In its place: a workspace is known by its path.
    find "$here" -mindepth 1 -delete && rm -rf "$XDG_CACHE_HOME" && cp -a "$saved/." "$here" || exit
    echo new >mode
    "$kill_at" "$n" "$TRILOCK" run -j1 >/dev/null 2>&1
    [ $? != 137 ] || kills=$((kills + 1))
    echo $([ $((n / step % 2)) = 0 ] && echo fail || echo same) >mode
    # Now and then another node first, or a pipeline that does not load.
    [ $((n / step % 3)) != 0 ] || "$TRILOCK" run command.b >/dev/null 2>&1
    if [ $((n / step % 5)) = 0 ]; then
      echo '[' >>trilock.toml
      "$TRILOCK" run >/dev/null 2>&1
      cp -p "$saved/trilock.toml" .
    fi
    trilock run
    state=$(old_outputs_state)
    case $code.$state in
    1.old | 1.new) ;;
    *) lost+="call $n: exit code $code, $state; $err"$'\n' ;;
    esac
  done
  cd "$work" || exit
}

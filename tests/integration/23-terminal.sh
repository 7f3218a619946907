#!/usr/bin/env bash
# A run on a real terminal (tmux): the live block at 80 and 40 columns, resized, taller than the screen, interrupted; and
# what is left of it afterwards.
. "$(dirname "$0")/lib.sh"
unset GITHUB_ACTIONS CLICOLOR_FORCE FORCE_COLOR TMUX
command -v tmux >/dev/null || die "no tmux in PATH: apt-get install tmux"
export LC_ALL=C.UTF-8
terminals=0
tmux() { command tmux -S "$work/tmux.$terminals" -f /dev/null "$@"; }

# Nodes wait for files, so that a screen can be looked at as long as it takes.
mkdir "$work/w"
cd "$work/w" || exit
cat >wait-for <<'SH'
#!/bin/sh
i=0
until [ -e "$1" ] || [ $i = 1200 ]; do sleep 0.05; i=$((i + 1)); done
SH
chmod +x wait-for

# A shell of that size, in $work/w; `type` sends it a line, `$screen` is what it shows.
open_terminal() { # columns, rows
  terminals=$((terminals + 1)) # a server that ends and one that begins must not share a socket
  tmux new-session -d -x "$1" -y "$2" "PS1='\$ ' ENV= exec sh -i"
  started+=("$(tmux display-message -p '#{pid}')")
  wait_for 20 shows '^\$$' || fail "a terminal of $1 columns" "$(see)"
}
close_terminal() {
  tmux kill-server
}
type() { tmux send-keys -l "$1" && tmux send-keys Enter; }
see() { tmux capture-pane -p; }
see_all() { tmux capture-pane -p -S - -E -; } # with what was scrolled away
shows() { grep -Eq -- "$1" <<<"$(see)"; }
shows_all() {
  local pattern
  for pattern in "$@"; do shows "$pattern" || return 1; done
}

expect_shows() { # what, extended regular expressions that lines of the screen match at the same time…
  local what=$1
  shift
  if wait_for 20 shows_all "$@"; then pass "$what"; else fail "$what" "$(printf 'expected: %s\n' "$@" && see)"; fi
}
# Nothing of the block is left, on the screen or above it.
expect_no_leftovers() { # what
  local found
  found=$(see_all | grep -E '[0-9]+ running|^  command\.' || true)
  expect_equal "$1" '' "$found"
}
cursor_shown() { [ "$(tmux display-message -p '#{cursor_flag}')" = 1 ]; }

cat >trilock.toml <<'TOML'
[command.bar]
script = 'printf "\033[32m10%%\033[0m\r50%%\r"; printf "75%%\r"; ./wait-for go; echo 100%'

[command.wide]
script = 'echo "正在编译容器镜像🚀正在编译容器镜像🚀正在编译容器镜像🚀正在编译容器镜像🚀正在编译容器镜像🚀"; ./wait-for go'

[command.quick]
run = ["echo", "quick"]

[command.fails]
script = 'echo "the reason" >&2; ./wait-for fail; exit 3'
TOML

# The same at 80 and at 40 columns.
for columns in 80 40; do
  rm -rf .trilock "$XDG_CACHE_HOME" go fail
  open_terminal $columns 16
  type "TERM=xterm-256color '$TRILOCK' run -k -j 8; echo code \$?"
  case $columns in
  80) cut='^  command\.wide  +[0-9.]+ s  正在编译容器镜像🚀正在编译容器镜像🚀正在编译容器镜.*…$' ;;
  40) cut='^  command\.wide  +[0-9.]+ s  正在编译.*…$' ;;
  esac
  expect_shows "$columns columns: running nodes with their time and last line" '^\[1/4\] 3 running$' \
    '^  command\.bar  +[0-9.]+ s  75%$' "$cut" '^  command\.fails  *[0-9.]+ s  the reason$'
  expect_equal "$columns columns: each has one row" 3 "$(see | grep -c '^  command\.')"
  expect_equal "$columns columns: the finished one is above" '[1/4] ran command.quick' \
    "$(see | grep -o '^\[1/4\] ran command.quick')"
  touch fail
  expect_shows "$columns columns: a failure is shown above the block" '^error: command\.fails: ' \
    '^  \| the reason$' '^\[2/4\] 2 running$'
  touch go
  expect_shows "$columns columns: the end" '^code 1$' '4 nodes: 3 ran, 0 unchanged, 1 failed'
  expect_no_leftovers "$columns columns: nothing of the block is left"
  expect_equal "$columns columns: the failure is shown once" 1 "$(see_all | grep -c '^  | the reason')"
  if cursor_shown; then pass "$columns columns: the cursor is shown"; else fail "$columns columns: the cursor is shown"; fi
  close_terminal
done

# --- time left, from the durations of the run before ---
cat >trilock.toml <<'TOML'
[command.slow]
script = 'sleep 1.3; ./wait-for go'
TOML
touch go
trilock run
rm go
open_terminal 80 16
type "'$TRILOCK' run --force"
expect_shows 'the time left is said once it is known' '^\[0/1\] 1 running, about [12] s left$'
touch go
wait_for 20 shows '^1 node: 1 ran'
close_terminal

# --- resized while running ---
rm -f go
cat >trilock.toml <<'TOML'
[command.long]
script = 'echo 0123456789012345678901234567890123456789012345678901234567890123456789; ./wait-for go'
matrix = { n = ["1", "2", "3"] }
TOML
open_terminal 80 16
type 'seq 100' # tmux takes empty rows below the cursor for content, and scrolls what is above them away
wait_for 20 shows '^100$'
type "'$TRILOCK' run -j 8"
expect_shows 'wide: the last line is shown' '^  command.long\[n=3\] +[0-9.]+ s  01234567890123456789012345678901234567'
tmux resize-window -x 40 -y 12
expect_shows 'narrower: it is cut to the new width' '^  command.long\[n=3\] +[0-9.]+ s  [0-9]+…$'
expect_equal 'narrower: one block' 1 "$(see_all | grep -c running)"
tmux resize-window -x 60 -y 6
expect_shows 'lower: still whole' '^\[0/3\] 3 running$' '^  command.long\[n=3\] +[0-9.]+ s  [0-9]{20,}…$'
touch go
expect_shows 'resized: the end' '^3 nodes: 3 ran, 0 unchanged, 0 failed'
expect_no_leftovers 'resized: nothing of the block is left'
close_terminal

# --- more nodes than rows ---
rm -rf go .trilock "$XDG_CACHE_HOME"
sed -i 's/^matrix = .*/matrix = { n = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"] }/' trilock.toml
open_terminal 80 8
type "'$TRILOCK' run -j 12"
expect_shows 'more nodes than rows: as many as there is room for' '^\[0/12\] 12 running$' '^  … and 7 more$'
touch go
expect_shows 'more nodes than rows: the end' '^12 nodes: 12 ran'
expect_no_leftovers 'more nodes than rows: nothing of the block is left'
expect_equal 'more nodes than rows: every line is there' 12 "$(see_all | grep -cE '^\[[0-9]+/12\] ran command\.long')"
close_terminal

# --- Ctrl-C ---
rm -rf go .trilock "$XDG_CACHE_HOME"
open_terminal 80 16
type "'$TRILOCK' run -j 12; echo code \$?"
wait_for 20 shows '^\[0/12\] 12 running$'
tmux send-keys C-c
expect_shows 'Ctrl-C: the run ends with 130' '^code 130$' '^12 nodes: 0 ran, 0 unchanged, 0 failed, 12 cancelled'
expect_no_leftovers 'Ctrl-C: nothing of the block is left'
if cursor_shown; then pass 'Ctrl-C: the cursor is shown'; else fail 'Ctrl-C: the cursor is shown'; fi
type 'echo typed'
expect_shows 'Ctrl-C: the terminal takes input' '^typed$'
close_terminal

# --- the environment, long failures, and terminals that cannot be drawn on ---
cat >trilock.toml <<'TOML'
[command.fails]
script = 'echo "TERM is $${TERM-unset}"; seq 1 300; exit 3'
TOML
open_terminal 80 16
type "TERM=xterm '$TRILOCK' run 2>err; echo code \$?"
wait_for 20 shows '^code 1$'
expect_equal 'a long failure: its end, and where all of it is' \
  "  | … the last 100 of 301 lines; all of them are in $(state_dir "$work/w")/logs/command.fails.log" "$(sed -n 3p err)"
expect_equal 'a long failure: the last lines' '  | 201' "$(sed -n 4p err)"
expect_equal 'a long failure: the log, and TERM where a terminal is attached' 'TERM is xterm 301' \
  "$(head -n 1 "$(state_dir)/logs/command.fails.log") $(wc -l <"$(state_dir)/logs/command.fails.log")"
type "TERM=dumb '$TRILOCK' run >/dev/null 2>err; TERM=dumb script -qec \"'$TRILOCK' run\" raw >/dev/null; echo dumb \$?"
wait_for 20 shows '^dumb 1$'
expect_equal 'a long failure is printed whole where nobody can scroll back to a file' 303 "$(wc -l <err)"
expect_equal 'no TERM where no terminal is attached' '  | TERM is unset' "$(sed -n 3p err)"
expect_equal 'TERM=dumb: no escape sequence' 0 "$(grep -c $'\033' raw)"
expect_match 'TERM=dumb: plain lines' '^1 node: 0 ran, 0 unchanged, 1 failed' "$(tr -d '\r' <raw)"
close_terminal

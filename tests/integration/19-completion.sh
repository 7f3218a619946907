#!/usr/bin/env bash
# Completion in bash, zsh and fish: the real shells are asked.
. "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
for shell in bash zsh fish; do
  command -v $shell >/dev/null || die "$shell is not in PATH: apt-get install $shell"
done
mkdir -p "$work/bin" "$work/home" "$work/there"
ln -s "$TRILOCK" "$work/bin/trilock"
export PATH=$work/bin:$PATH HOME=$work/home
cd "$work" || exit
cat >trilock.toml <<'TOML'
[pipeline]
name = "completion"
version = 1

[command.greet]
description = "writes: a greeting"
run = ["true"]

[image.dev]
dockerfile = "Dockerfile"
matrix = { go = ["1.21", "1.22"], libc = ["musl", "glibc"] }
TOML
sed 's/greet/elsewhere/' trilock.toml >there/trilock.toml
touch there/some.toml
for shell in bash zsh fish; do
  trilock completion $shell >"$work/complete.$shell"
  cp "$work/out" "$work/complete.$shell"
  expect_code "completion $shell: done" 0
done
trilock completion tcsh
expect_code 'completion of another shell: 2' 2

# --- bash, as it calls the function; its words are broken at `=` and `:` ---
# The candidates for a line, in one line. Words are split as bash's readline splits them.
in_bash() { # line, words…
  local line=$1
  shift
  bash --norc -c '
    source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; shift 2
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _trilock trilock "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' bash "$work/complete.bash" "$line" "$@" | paste -sd' '
}
expect_equal 'bash: every command' "$("$TRILOCK" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | paste -sd' ')" \
  "$(in_bash 'trilock ' trilock '')"
expect_equal 'bash: commands by their beginning' 'check clean cache' "$(in_bash 'trilock c' trilock c | sed 's/ completion//')"
expect_equal 'bash: flags' '--force --file' "$(in_bash 'trilock run --f' trilock run --f)"
expect_equal 'bash: only the flags of the command' '' "$(in_bash 'trilock check --jo' trilock check --jo)"
expect_equal 'bash: values of a flag' 'dot mermaid json svg' "$(in_bash 'trilock graph --format ' trilock graph --format '')"
expect_equal 'bash: values behind `=`' 'mermaid' "$(in_bash 'trilock graph --format=m' trilock graph --format = m)"
expect_equal 'bash: labels' 'command.greet' "$(in_bash 'trilock why c' trilock why c)"
expect_equal 'bash: labels with brackets, quoted' 'image.dev\[go=1.21\,libc=musl\] image.dev\[go=1.21\,libc=glibc\]' \
  "$(in_bash 'trilock run image.dev\[go=1.21' trilock run 'image.dev\[go=1.21')"
expect_equal 'bash: cut where bash breaks words' '1.22\,libc=musl\] 1.22\,libc=glibc\]' \
  "$(in_bash 'trilock run image.dev\[go=1.22' trilock run 'image.dev\[go' = 1.22)"
expect_equal 'bash: cut behind the last of several' 'glibc\]' \
  "$(in_bash 'trilock run image.dev\[go=1.22\,libc=g' trilock run 'image.dev\[go' = '1.22\,libc' = g)"
expect_equal 'bash: inside of quotes nothing is cut or quoted' 'image.dev[go=1.22,libc=glibc]' \
  "$(in_bash "trilock run 'image.dev[go=1.22,libc=g" trilock run "'image.dev[go=1.22,libc=g")"
expect_equal 'bash: labels of the pipeline that -C names' 'command.elsewhere' \
  "$(in_bash 'trilock run -C there c' trilock run -C there c)"
expect_equal 'bash: files' 'there/some.toml' "$(in_bash 'trilock run -f there/s' trilock run -f there/s)"
expect_equal 'bash: directories' 'there' "$(in_bash 'trilock run -C th' trilock run -C th)"
expect_equal 'bash: one label is enough for why' '' "$(in_bash 'trilock why command.greet ' trilock why command.greet '')"
expect_equal 'bash: operands that are no labels' 'bash zsh fish' "$(in_bash 'trilock completion ' trilock completion '')"
cd / && expect_equal 'bash: no pipeline, no labels, no message' '' "$(in_bash 'trilock run c' trilock run c 2>&1)"
cd "$work" || exit

# --- bash and zsh on a terminal: what the command would get after TAB ---
tab() { # shell, line
  timeout 60 zsh -f "$here/tab.zsh" "$1" "$work/complete.$1" "$2"
}
for shell in bash zsh; do
  expect_equal "$shell: TAB completes a command" '<trilock><graph>' "$(tab $shell 'trilock gr')"
  expect_equal "$shell: TAB completes a flag" '<trilock><run><--keep-going>' "$(tab $shell 'trilock run --keep')"
  expect_equal "$shell: TAB completes a value" '<trilock><graph><--format=mermaid>' "$(tab $shell 'trilock graph --format=m')"
  expect_equal "$shell: TAB completes a label that the shell would read as a pattern" \
    '<trilock><why><image.dev[go=1.22,libc=glibc]>' "$(tab $shell 'trilock why image.dev\[go=1.22\,libc=g')"
  expect_equal "$shell: TAB completes inside of quotes" '<trilock><why><image.dev[go=1.21,libc=musl]>' \
    "$(tab $shell "trilock why 'image.dev[go=1.21,libc=m")"
  expect_equal "$shell: TAB completes a file" '<trilock><run><-f><there/some.toml>' "$(tab $shell 'trilock run -f there/s')"
done

# --- fish ---
in_fish() { # line
  fish --no-config -c "source $work/complete.fish; complete -C '$1'" | cut -f1 | paste -sd' '
}
expect_equal 'fish: commands by their beginning' 'cache check clean completion' "$(in_fish 'trilock c')"
expect_equal 'fish: flags' '--file --force' "$(in_fish 'trilock run --f' | tr ' ' '\n' | sort | paste -sd' ')"
expect_equal 'fish: values of a flag' 'dot json mermaid svg' \
  "$(in_fish 'trilock graph --format ' | tr ' ' '\n' | sort | paste -sd' ')"
expect_equal 'fish: values behind `=`' '--format=mermaid' "$(in_fish 'trilock graph --format=m')"
expect_equal 'fish: labels' 'command.greet' "$(in_fish 'trilock why com')"
expect_equal 'fish: labels with brackets' 'image.dev[go=1.22,libc=glibc] image.dev[go=1.22,libc=musl]' \
  "$(in_fish 'trilock run image.dev[go=1.22' | tr ' ' '\n' | sort | paste -sd' ')"
expect_equal 'fish: labels of the pipeline that -C names' 'command.elsewhere' "$(in_fish 'trilock run -C there com')"
expect_contains 'fish: files' 'there/some.toml' "$(in_fish 'trilock run -f there/s')"
expect_contains 'fish: descriptions' 'writes: a greeting' \
  "$(fish --no-config -c "source $work/complete.fish; complete -C 'trilock why com'")"

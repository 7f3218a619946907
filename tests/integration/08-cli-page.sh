#!/usr/bin/env bash
# docs/cli.md shows what the tool prints: each block after a line `<!-- trilock ARGS -->` is the output of that command.
# TRILOCK_TEST_ACCEPT=1 writes the blocks anew.
. "$(dirname "$0")/lib.sh"
page=$root/docs/cli.md

# The page with every such block replaced by the output of its command.
current() {
  local line skipping=
  while IFS= read -r line; do
    case $line in
    '<!-- trilock'*' -->')
      printf '%s\n```\n' "$line"
      line=${line#<!-- trilock}
      # shellcheck disable=SC2086
      "$TRILOCK" ${line% -->}
      printf '```\n'
      skipping=fence
      ;;
    '```'*)
      case $skipping in
      fence) skipping=block ;;
      block) skipping= ;;
      *) printf '%s\n' "$line" ;;
      esac
      ;;
    *) [ -n "$skipping" ] || printf '%s\n' "$line" ;;
    esac
  done <"$page"
}

current >"$work/page"
[ "${TRILOCK_TEST_ACCEPT:-}" != 1 ] || cp "$work/page" "$page"
expect_same 'docs/cli.md shows the help of every command' "$(cat "$work/page")" "$(cat "$page")"
commands=$("$TRILOCK" --help | sed -nE 's/^  ([a-z]+) .*/\1/p' | sort | paste -sd' ')
expect_equal 'docs/cli.md has every command' "$commands" \
  "$(sed -nE 's/^<!-- trilock ([a-z]+) --help -->$/\1/p' "$page" | sort | paste -sd' ')"

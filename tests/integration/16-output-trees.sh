#!/usr/bin/env bash
# Outputs of every shape: what is kept comes back exactly, what cannot be kept is said, what must not be is refused.
. "$(dirname "$0")/lib.sh"
mkdir "$work/a"
cd "$work/a" || exit

# Types, permission bits, contents and targets of all that is below.
tree_of() { # directory
  (cd "$1" && find . -printf '%y %m %l %p\0' | tr '\0\n' '\n?' | sed -E 's/(deeper.)+/…/' | LC_ALL=C sort &&
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
}

cat >make.sh <<'SH'
set -eu
mkdir -p out/tree/empty out/tree/locked out/tree/sub
cd out/tree
echo plain >plain; chmod 640 plain
printf '#!/bin/sh\n' >tool; chmod 4755 tool
chmod 1777 sub; chmod 2755 empty
: >sub/nothing
ln plain sub/hard
ln -s ../plain sub/link
ln -s nowhere dangling
ln -s sub to-directory
printf latin >"$(printf 'caf\351')"
printf line >"$(printf 'two\nlines')"
printf x >'-a b*'
truncate -s 64M sparse; printf end >>sparse
deep=deep; for i in $(seq 60); do deep=$deep/deeper; done
mkdir -p "$deep"; echo bottom >"$deep/file"
echo read >locked/only; chmod 444 locked/only; chmod 555 locked
SH
cat >trilock.toml <<'TOML'
[command.tree]
run = ["sh", "make.sh"]
inputs = ["make.sh"]
outputs = ["out/tree"]

[command.reader]
script = 'find out/tree -type f | wc -l >out/count'
needs = ["command.tree"]
outputs = ["out/count"]
TOML
run_json
expect_ran 'a tree of everything' command.tree command.reader
expect_equal 'setuid, setgid and sticky do not count: as made' 4755 "$(stat -c %a out/tree/tool)"
chmod u-s,g-s out/tree/tool && chmod 755 out/tree/empty && chmod g-s,-t out/tree/empty out/tree/sub
made=$(tree_of out/tree)
run_json
expect_ran 'a tree of everything: then nothing'
chmod -R u+w out
rm -rf out
run_json
expect_ran 'a tree of everything: restored'
expect_same 'it is exactly what was made, less setuid, setgid and sticky' "$made" "$(tree_of out/tree)"
run_json
expect_ran 'a tree of everything: then nothing again'

damage() { # what, command…
  local what=$1
  shift
  chmod u+w out/tree/locked
  "$@"
  chmod u-w out/tree/locked
  run_json --overwrite # some of it no run made
  expect_match "damage, $what: it is restored" '^command.tree restored' "$(outcomes)"
  expect_same "damage, $what: exactly" "$made" "$(tree_of out/tree)"
}
damage 'a mode' chmod 600 out/tree/plain
damage 'content of the same size' sh -c 'echo PLAIN >out/tree/plain'
damage 'a file more' touch 'out/tree/sub/more'
damage 'an empty directory less' rmdir out/tree/empty
damage 'a file that became a directory' sh -c 'rm out/tree/tool; mkdir out/tree/tool; touch out/tree/tool/in'
damage 'a symlink that became a file' sh -c 'rm out/tree/sub/link; echo plain >out/tree/sub/link'
damage 'a directory that became a symlink' sh -c 'rm -r out/tree/sub; ln -s empty out/tree/sub'
damage 'a target' ln -sfn elsewhere out/tree/dangling

# --- a file becomes a directory, and a file again ---
cat >trilock.toml <<'TOML'
[command.shape]
script = '[ "$SHAPE" = file ] && echo f >out/shape || { mkdir out/shape; echo d >out/shape/in; }'
env = { SHAPE = "file" }
outputs = ["out/shape"]
TOML
run_json
expect_ran 'a file' command.shape
sed -i 's/"file" }/"directory" }/' trilock.toml
run_json
expect_ran 'then a directory' command.shape
expect_equal 'then a directory: its content' d "$(cat out/shape/in)"
sed -i 's/"directory" }/"file" }/' trilock.toml
run_json
expect_ran 'then the file again, from the cache'
expect_equal 'then the file again: its content' f "$(cat out/shape)"

# --- what must not be: the node fails, and its old output comes back ---
refused() { # what, script, message
  cat >trilock.toml <<TOML
[command.refused]
script = 'mkdir out/refused; cd out/refused; echo new >file; $2'
outputs = ["out/refused"]
TOML
  mkdir -p out
  rm -rf out/refused
  mkdir out/refused && echo old >out/refused/file
  run_json --overwrite # no run made it
  expect_code "$1: fails" 1
  expect_equal "$1: and says what" "$3" "$(reason_of command.refused)"
  expect_equal "$1: the old output is back" old "$(cat out/refused/file)"
}
refused 'an absolute symlink' 'ln -s /etc/passwd link' \
  'the output `out/refused/link` is a symlink that points to the absolute path `/etc/passwd`'
refused 'a symlink that leaves its output' 'ln -s ../shape link' \
  'the output `out/refused/link` is a symlink that points to `../shape`, which is outside `out/refused`'
refused 'a symlink that leaves the workspace' 'ln -s ../../../x link' \
  'the output `out/refused/link` is a symlink that points to `../../../x`, which is outside the workspace'

# --- what cannot be kept: the node is good, its result is used, and it runs again ---
unkept() { # what, script, path
  cat >trilock.toml <<TOML
[command.odd]
script = 'mkdir out/odd; cd out/odd; echo data >file; $2'
outputs = ["out/odd"]
[command.user]
script = 'cat out/odd/file >out/user'
needs = ["command.odd"]
outputs = ["out/user"]
TOML
  run_json
  expect_code "$1: done" 0
  expect_contains "$1: it is said" "\`$3\` is a device, socket or fifo, which no cache can hold" "$(cat "$work/out" "$work/err")"
  expect_equal "$1: its other files are used" data "$(cat out/user)"
  expect_equal "$1: it is there" 1 "$(ls "$3" | wc -l)"
  run_json
  expect_ran "$1: it runs again, and what uses its files does not" command.odd
}
unkept 'a fifo' 'mkfifo pipe' out/odd/pipe
cat >"$work/socket.c" <<'C'
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
int main(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  strcpy(name.sun_path, "socket");
  return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name) != 0;
}
C
gcc -o "$work/make-socket" "$work/socket.c" || die 'gcc is missing: apt-get install gcc'
unkept 'a socket' "$work/make-socket" out/odd/socket
[ "$(id -u)" != 0 ] || unkept 'a device' 'mknod null c 1 3' out/odd/null

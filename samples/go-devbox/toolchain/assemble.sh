#!/bin/sh
# Assembles the root file system of the toolchain image from what Debian provides, because the sample must build with
# no registry within reach: usage `assemble.sh ARCHIVE PACKAGE…`.
#
#   busybox-static   the shell and the small tools
#   golang-go        the compiler, and of the standard library the packages named and all that they import
#   libc6            what the dynamically linked variant of the service needs to start
#   gcc, libc6-dev   a C compiler, where the one of Go needs it to link against glibc
#
# Up to Go 1.19 the standard library's compiled packages (pkg/linux_amd64) come along: they were built with cgo, so the
# image can link a program against glibc without having a C compiler. Later ones compile them when they are first used.
set -eu
umask 022

archive=$1
shift

installed=$(go env GOVERSION)
if [ "$installed" != "go${GO_VERSION#go}" ]; then
  echo "the toolchain in PATH is $installed, but $GO_VERSION was asked for" >&2
  exit 1
fi
goroot=$(go env GOROOT)
if ! busybox=$(command -v busybox); then
  echo "busybox is not in PATH: apt-get install busybox-static" >&2
  exit 1
fi

out=$(mktemp -d)
trap 'rm -rf "$out" "$out.files"' EXIT
chmod 755 "$out"
mkdir -p "$out/bin" "$out/tmp" "$out/etc" "$out/root" "$out/src" "$out/usr/local/go"
chmod 1777 "$out/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' >"$out/etc/passwd"
echo 'root:x:0:' >"$out/etc/group"

cp "$busybox" "$out/bin/busybox"
for applet in $("$out/bin/busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$out/bin/$applet"
done

# Files of GOROOT: every one the build reads, for both settings of cgo, since they select different files of net.
{
  printf '%s\n' VERSION bin/go
  for tool in asm buildid cgo compile link; do
    echo "pkg/tool/linux_amd64/$tool"
  done
  for header in "$goroot"/pkg/include/*; do
    echo "pkg/include/${header##*/}"
  done
  for cgo in 0 1; do
    CGO_ENABLED=$cgo go list -deps -f '{{$dir := .Dir}}
      {{- range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .CgoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .CFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .HFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .SFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .SysoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}
      {{- with .Target}}{{.}}{{"\n"}}{{end}}' "$@" |
      sed "s|^$goroot/||"
  done
} >"$out.files"
# Debian spreads GOROOT over /usr/lib and /usr/share with symlinks; -L gathers the files in one tree.
(cd "$goroot" && sort -u "$out.files" | xargs cp -L --parents -t "$out/usr/local/go")

# The loader stays at the path that is written into every dynamically linked program.
for library in /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libresolv.so.2; do
  mkdir -p "$out$(dirname "$library")"
  cp -L "$library" "$out$library"
done

# The programs of gcc that compile and link C, the shared libraries that these need, and what they read.
compiler_files() {
  programs=$(gcc -print-prog-name=cc1)
  for program in gcc as ld; do programs="$programs $(command -v $program)"; done
  for program in collect2 lto-wrapper; do programs="$programs $(gcc -print-prog-name=$program)"; done
  plugin=$(gcc -print-file-name=liblto_plugin.so)
  [ -e "$plugin" ] || plugin=$(dirname "$(gcc -print-prog-name=collect2)")/liblto_plugin.so
  # shellcheck disable=SC2086
  printf '%s\n' $programs "$plugin"
  # shellcheck disable=SC2086
  ldd $programs "$plugin" | sed -nE 's|.*[ \t](/[^ ]+) \(.*|\1|p'
  own=$(dirname "$(gcc -print-libgcc-file-name)")
  find "$own/" -maxdepth 1 \( -name '*.o' -o -name 'libgcc*' \)
  find "$own/include" -type f
  dpkg -L libc6-dev linux-libc-dev | grep -E '^/usr/(include|lib)/' | grep -vE '/lib(c|m|m-[0-9.]*|mvec|c_malloc_debug)\.a$'
  gcc -print-file-name=libgcc_s.so.1
}

if [ -z "$(CGO_ENABLED=1 go list -f '{{.Target}}' runtime/cgo)" ]; then
  if ! command -v gcc >/dev/null; then
    echo "gcc is not in PATH: apt-get install gcc libc6-dev" >&2
    exit 1
  fi
  compiler_files | xargs realpath --no-symlinks | sort -u | while read -r file; do
    [ -d "$file" ] || printf '%s\n' "${file#/}"
  done | (cd / && xargs cp -L --parents -t "$out")
fi

# One file for everything, with nothing in it that depends on when and where it was made.
tar --create --file "$archive" --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
  --directory "$out" .

#!/usr/bin/env bash
# clang-tidy over all that ships, by the list in .clang-tidy: `tests/tidy.sh [FILE…]`. A command of its own, since it takes
# ten minutes on two processors. How files are compiled stands in a build directory of clang, build-tidy/.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"
cd "$root"
need_packages "${sample_packages[@]}" clang-19 libclang-rt-19-dev clang-tidy-19
# Headers that the build makes are made; a precompiled header is left out, since only its compiler can read it.
CC=clang-19 CXX=clang++-19 build_in "$root/build-tidy" 'cache/remote_api/libremote_api_pb.a schemas/libschemas.a cache/libcache.a' \
  --buildtype=plain -Doptimization=0 -Db_pch=false
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'schemas/*.cpp' 'cache/*.cpp' 'rules/*.cpp' 'engine/*.cpp')
printf '%s\0' "${files[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-19 -p build-tidy --quiet 2>&1 |
  sed -E '/^\[[0-9]+\/[0-9]+\] Processing file|^[0-9]+ warnings? generated/d'

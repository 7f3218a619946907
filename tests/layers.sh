#!/bin/sh
# Checks the floors of the house (docs/architecture.md):
#   - an #include of ours goes to the same floor or a lower one: schemas < cache < rules < engine; tests may see all;
#   - a folder of rules/ includes no other folder of rules/;
#   - each library of others is included by one file, TBB by engine/ alone, protobuf by cache/remote_api/, OpenSSL by one
#     file for digests and one for signatures;
#   - no circle of includes between files;
#   - threads come from cache/thread_start.hpp, where a refused one is no exception;
#   - nothing prints by fmt::print or C streams, which throw, or forget, what could not be written;
#   - no top-level folder besides those that the design names.
# Prints each violation and fails. `tests/layers.sh DIR` checks another checkout.
set -eu
cd "${1:-$(dirname "$0")/..}"
status=0

find schemas cache rules engine tests -name '*.[ch]pp' | sort | xargs grep -n '^ *# *include' /dev/null | awk '
  # Lines are "<file>:<line>: #include "<path>"" or with <path>.
  BEGIN {
    floor["schemas"] = 1; floor["cache"] = 2; floor["rules"] = 3; floor["engine"] = 4; floor["tests"] = 5
    only["toml"] = "toml++"; only["xxhash"] = "xxHash"; only["sqlite"] = "SQLite"
    only["rapidjson"] = "RapidJSON"; only["curl"] = "libcurl"
  }
  function complain(text) { print text; bad = 1 }
  function library_of(path) {
    if (path ~ /^toml\+\+|^toml\.hpp/) return "toml"
    if (path ~ /^xxh/) return "xxhash"
    if (path ~ /^sqlite3/) return "sqlite"
    if (path ~ /^openssl\//) return "openssl"
    if (path ~ /^rapidjson\//) return "rapidjson"
    if (path ~ /^curl\//) return "curl"
    if (path ~ /^google\/protobuf\/|\.pb\.h$/) return "protobuf"
    if (path ~ /^(tbb|oneapi\/tbb)[\/.]/) return "tbb"
    return ""
  }
  {
    split($0, part, ":")
    file = part[1]; line = part[2]; path = $0
    sub(/^[^"<]*["<]/, "", path); sub(/[">].*/, "", path)
    split(file, from, "/"); split(path, to, "/")
    library = library_of(path)
    if (library == "tbb" && from[1] != "engine" && from[1] != "tests")
      complain(file ":" line ": `" path "`: TBB belongs to engine/")
    else if (library == "protobuf" && file !~ /^cache\/remote_api\//)
      complain(file ":" line ": `" path "`: protobuf belongs to cache/remote_api/")
    else if (library == "openssl" && file !~ /^(cache\/(hash|signature)\.cpp|tests\/.*)$/)
      complain(file ":" line ": `" path "`: OpenSSL belongs to cache/hash.cpp and cache/signature.cpp")
    else if (library in only && from[1] != "tests") {
      if (!(library in user)) user[library] = file
      if (user[library] != file) complain(file ":" line ": `" path "`: " user[library] " is the one user of " only[library])
    }
    if (!(to[1] in floor)) next
    if (floor[to[1]] > floor[from[1]])
      complain(file ":" line ": `" path "`: " from[1] "/ may not include " to[1] "/, a floor above")
    if (from[1] == "rules" && to[1] == "rules" && 3 in from && 3 in to && from[2] != to[2])
      complain(file ":" line ": `" path "`: rules/" from[2] " may not include rules/" to[2])
    edges[file] = edges[file] " " path
    delete from; delete to
  }
  # 1 while a file is on the path that is being walked, 2 when nothing below it leads back.
  function walk(file, trail,    targets, count, i) {
    if (state[file] == 2) return
    if (state[file] == 1) {
      complain("circle:" substr(trail, index(trail, " " file)) " " file)
      return
    }
    state[file] = 1
    count = split(edges[file], targets, " ")
    for (i = 1; i <= count; i++) walk(targets[i], trail " " file)
    state[file] = 2
  }
  END {
    for (file in edges) walk(file, "")
    exit bad
  }
' || status=1

only_in() { # pattern, file that may have it, why
  if grep -rnE --include='*.[ch]pp' "$1" schemas cache rules engine | grep -vE "^($2):"; then
    echo "$3"
    status=1
  fi
}
only_in 'std::j?thread\(|std::async' cache/thread_start.hpp 'threads come from cache/thread_start.hpp'
only_in 'fmt::print|std::(cout|cerr|printf|puts)|, std(out|err)\)' '(engine/cli/engine_program|cache/hash)\.cpp' \
  'output goes through engine/cli/standard_output.hpp'

for entry in */; do
  case "${entry%/}" in
    schemas | cache | rules | engine | tests | samples | docs | build*) ;;
    *) echo "$entry: the top level has no place for it"; status=1 ;;
  esac
done
exit $status

#!/usr/bin/env bash
# What `.dockerignore` leaves of a context: our matcher against the files that a real docker (BuildKit) copies.
. "$(dirname "$0")/lib.sh"
LISTER=${LISTER:-$(dirname "$TRILOCK")/../../tests/unit/rules/dockerignore_list}
[ -x "$LISTER" ] || die "no dockerignore_list at $LISTER: build it first, or name it in \$LISTER"
start_docker

mkdir -p "$work/tree"
cd "$work/tree" || exit
mkdir -p foo/bar/deep a/foo/b src/pkg/inner src/secret docs empty .hidden 'sp ace' node_modules/x/y
for file in foo/a foo/bar/x foo/bar/deep/y.go a/foo/b/z a/foo/c.md a/README.md README.md README-secret.md x.md x.go \
  src/main.go src/main_test.go src/pkg/p.go src/pkg/inner/q.go src/secret/key docs/a.txt docs/b.md .hidden/h .env \
  'sp ace/f' node_modules/x/y/z.js foobar fo 'a*b' axb a.b 'a+(b)|c$' '{a,b}' '#bar' '[x]' café cafes temp.log abc abbc; do
  echo "$file" >"$file"
done
ln -s README.md link

printf 'FROM scratch\nCOPY . /\n' >"$work/Dockerfile"

# The rules of one case are lines up to the next `--`.
cases() {
  cat <<'CASES'
foo
--
/foo
--
foo/
--
./foo//bar/
--
a/../foo
--
  foo  
--
#foo
 #bar
--
*.md
--
*
--
*/*.md
--
*/*/*
--
a?c
--
f*/b*
--
**/foo
--
**/*.go
--
foo/**
--
foo/**/y.go
--
**
!x.md
--
**/
--
**/b
--
**foo
--
[a-c]bc
--
[^a-c]*
--
a\*b
--
a.b
--
{a,b}
--
\[x\]
--
caf?
--
sp ace
--
sp*
--
link
--
*.md
!README.md
--
!README.md
*.md
--
*.md
!README*.md
README-secret.md
--
foo
!foo/bar
--
foo
!foo/bar/x
--
*
!src
src/secret
--
*
!src/**
--
*
!src/pkg/*.go
--
src
!src/pkg
src/pkg/inner
--
! foo
*.md
--
*
!/foo
--
.
--
/
--
../a
--
.*
--
**/.*
--
*
!.env
!*.md
--
node_modules
**/*_test.go
--
src/*
!src/*.go
--
foo/*
!foo/bar
foo/bar/deep
--
*/bar
--
**/deep/*
CASES
}

compare() { # rules
  printf '%s\n' "$1" >.dockerignore
  if ! DOCKER_BUILDKIT=1 timeout 60 "$docker_client" build --output "type=tar,dest=$work/out.tar" \
    -f "$work/Dockerfile" . >"$work/log" 2>&1; then
    fail "docker refused: $1" "$(tail -n 3 "$work/log")"
    return
  fi
  tar --list --quoting-style=literal -f "$work/out.tar" | sed 's,/$,,' | LC_ALL=C sort >"$work/from-docker"
  "$LISTER" "$PWD" | LC_ALL=C sort >"$work/from-us"
  expect_equal "rules: ${1//$'\n'/ ; }" "$(cat "$work/from-docker")" "$(cat "$work/from-us")"
}

rules=
while IFS= read -r line; do
  if [ "$line" = -- ]; then
    compare "$rules"
    rules=
  else
    rules=${rules:+$rules$'\n'}$line
  fi
done < <(cases; echo --)

# Three things that docker 20.10 does otherwise than moby/patternmatcher, which newer clients use and trilock follows:
# it walks past an exception that starts with a wildcard when the directory above is left out, it takes `+(|)` for
# operators of regular expressions, and it reads `**x` as `**/x`.
kept_by() { # rules
  printf '%s\n' "$1" >.dockerignore
  "$LISTER" "$PWD" | LC_ALL=C sort
}
expect_equal 'an exception with `**` is found everywhere' \
  "$(find . -name '*.go' | sed 's,^\./,,' | while read -r file; do
    while [ "$file" != . ]; do echo "$file"; file=$(dirname "$file"); done
  done | LC_ALL=C sort -u)" "$(kept_by $'*\n!**/*.go')"
kept_by '' >"$work/all"
expect_equal 'operators of regular expressions mean themselves' 1 \
  "$(comm -23 "$work/all" <(kept_by 'a+(b)|c$') | wc -l)"
expect_equal 'a leading `**` without a slash is any start of a path' $'#bar\nfoo/bar\nfoobar' \
  "$(comm -23 "$work/all" <(kept_by '**bar') | grep 'bar$')"

#include "schemas/depfile.hpp"

#include <doctest/doctest.h>

using namespace trilock;

namespace {

using Paths = std::vector<std::string>;

Paths paths_of(std::string_view text) {
  const Result<Paths> paths = parse_depfile(text);
  if (!paths) return {"error: " + paths.error().message};
  return *paths;
}

}  // namespace

// As gcc 12 and clang 19 wrote them for files with such names.
TEST_CASE("depfile: what gcc and clang write, with -MP") {
  CHECK(paths_of("o:1.o: m.c /usr/include/stdc-predef.h a\\#b.h in\\ c/x\\ y.h d$$e.h f:g.h \\\n h\\i.h k\\\\\\ l.h\n"
                 "/usr/include/stdc-predef.h:\na\\#b.h:\nin\\ c/x\\ y.h:\nd$$e.h:\nf:g.h:\nh\\i.h:\nk\\\\\\ l.h:\n") ==
        Paths{"m.c", "/usr/include/stdc-predef.h", "a#b.h", "in c/x y.h", "d$e.h", "f:g.h", "h\\i.h", "k\\ l.h"});
  CHECK(paths_of("o:1.o: m.c a\\#b.h in\\ c/x\\ y.h d$$e.h f:g.h\na\\#b.h:\nin\\ c/x\\ y.h:\nd$$e.h:\nf:g.h:\n") ==
        Paths{"m.c", "a#b.h", "in c/x y.h", "d$e.h", "f:g.h"});
}

TEST_CASE("depfile: targets and rules") {
  CHECK(paths_of("a.o: b c\n") == Paths{"b", "c"});
  CHECK(paths_of("a.o b.o : c") == Paths{"c"});
  CHECK(paths_of("a.o \\\n b.o: c\nd.o: e c\n") == Paths{"c", "e"});
  CHECK(paths_of("a.o:\n\nb:\n") == Paths{});
  CHECK(paths_of("") == Paths{});
  CHECK(paths_of("a.o: b b b\n") == Paths{"b"});
  CHECK(paths_of("a\\:b.o: c\\:d e:f\n") == Paths{"c:d", "e:f"});
  CHECK(paths_of("a.o: b: c\n") == Paths{"b:", "c"});  // what is no target keeps its colon
}

TEST_CASE("depfile: continuation lines, blanks and comments") {
  CHECK(paths_of("a.o: \\\n  b \\\n\tc\\\nd\n") == Paths{"b", "c", "d"});
  CHECK(paths_of("a.o: b \\\r\n c\r\n") == Paths{"b", "c"});
  CHECK(paths_of("# made by x\na.o: b # and c\n#end") == Paths{"b"});
  CHECK(paths_of("a.o: b#c\n") == Paths{"b#c"});
  CHECK(paths_of("a.o: b\\\n") == Paths{"b"});
  CHECK(paths_of("a.o: b \\") == Paths{"b", "\\"});  // nothing is continued at the end
}

TEST_CASE("depfile: backslashes and dollars") {
  CHECK(paths_of("a: b\\ c\n") == Paths{"b c"});
  CHECK(paths_of("a: b\\\\ c\n") == Paths{"b\\", "c"});
  CHECK(paths_of("a: b\\\\\\ c\n") == Paths{"b\\ c"});
  CHECK(paths_of("a: b\\\tc\n") == Paths{"b\tc"});
  CHECK(paths_of("a: b\\\\#c\n") == Paths{"b\\#c"});
  CHECK(paths_of("a: \\#c\n") == Paths{"#c"});
  CHECK(paths_of("a: b\\c\\\\d\n") == Paths{"b\\c\\\\d"});
  CHECK(paths_of("a: $$b$c $$$$\n") == Paths{"$b$c", "$$"});
  CHECK(paths_of("a\\\\: b\n") == Paths{"b"});
}

TEST_CASE("depfile: what is none") {
  CHECK(paths_of("a b c\n") == Paths{"error: line 1: expected `:` after the targets"});
  CHECK(paths_of("a: b\n\nELF \\\n x\n") == Paths{"error: line 4: expected `:` after the targets"});
  CHECK(paths_of(std::string_view("a: b\nc\0d: e", 11)) == Paths{"error: line 2 has a zero byte"});
}

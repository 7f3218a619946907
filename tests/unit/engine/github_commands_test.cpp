// Expectations: docs.github.com "Workflow commands for GitHub Actions", actions/toolkit packages/core/src/command.ts,
// actions/runner src/Runner.Common/ActionCommand.cs, and the GitHub Flavored Markdown specification for tables.
#include "engine/cli/github_commands.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

using namespace trilock;
using namespace trilock::cli;

namespace {

// Files of a repository whose workspace is `svc/`.
std::string resolve(std::string_view file, std::string_view package) {
  static const std::set<std::string, std::less<>> there{"main.go", "internal/x/x_test.go", "src/main.c"};
  if (file.starts_with("./")) file.remove_prefix(2);
  if (package == "example.com/m/internal/x" && there.contains("internal/x/" + std::string(file)))
    return "svc/internal/x/" + std::string(file);
  return there.contains(file) ? "svc/" + std::string(file) : std::string();
}

std::string commands_in(std::string out, std::string err = {}) {
  NodeReport report;
  report.out = std::move(out);
  report.err = std::move(err);
  std::string text;
  for (const Annotation& one : annotations_in(report, "go.test", resolve)) text += annotation_command(one);
  return text;
}

}  // namespace

TEST_CASE("data and properties are escaped as the toolkit does") {
  CHECK(escape_command_data("100% a\r\nb:c,d") == "100%25 a%0D%0Ab:c,d");
  CHECK(escape_command_property("100% a\r\nb:c,d") == "100%25 a%0D%0Ab%3Ac%2Cd");
}

TEST_CASE("an annotation names what it knows") {
  CHECK(annotation_command({.file = "a,b.go", .line = 3, .column = 7, .title = "go.vet", .message = "50%\nx"}) ==
        "::error file=a%2Cb.go,line=3,col=7,title=go.vet::50%25%0Ax\n");
  CHECK(annotation_command({.level = Annotation::Level::warning, .message = "m"}) == "::warning::m\n");
  CHECK(annotation_command({.line = 3, .title = "t", .message = "m"}) == "::error title=t::m\n");
}

TEST_CASE("output that could hold a command is guarded by a token, other output is not") {
  CHECK(group_of("go.test", "ok\n", "tok") == "::group::go.test\nok\n::endgroup::\n");
  for (const char* text : {"::error::x\n", "  ::set-output name=a::b\n", "done\n\t::stop-commands::x\n",
                           "x ##[error]y\n", "\xc2\xa0::add-mask::e\n", "::endgroup::\n"})
    CHECK(group_of("l", text, "tok") ==
          fmt::format("::group::l\n::stop-commands::tok\n{}::tok::\n::endgroup::\n", text));
}

TEST_CASE("a line of ours is no command, whatever it speaks of") {
  CHECK(harmless_line("env X: \"\" -> \"##[error]\"\n::error::x") == "env X: \"\" -> \"## [error]\" ::error::x");
  CHECK(harmless_line("  ::error::x") == "  \\::error::x");
}

TEST_CASE("what compilers and go vet say of a line becomes an annotation there") {
  CHECK(commands_in("", "# example.com/m\n./main.go:5:2: undefined: x\nvet: ./main.go:4:9: bad\n") ==
        "::error file=svc/main.go,line=5,col=2,title=go.test::undefined: x\n"
        "::error file=svc/main.go,line=4,col=9,title=go.test::bad\n");
  CHECK(commands_in("",
                    "src/main.c:3:7: error: expected ';'\nsrc/main.c:3:7: note: to match\n"
                    "src/main.c:9:1: warning: unused\nsrc/main.c:9: fatal error: gone\n") ==
        "::error file=svc/src/main.c,line=3,col=7,title=go.test::expected ';'\n"
        "::warning file=svc/src/main.c,line=9,col=1,title=go.test::unused\n"
        "::error file=svc/src/main.c,line=9,title=go.test::gone\n");
  CHECK(commands_in("\x1b[1mmain.go:5:2:\x1b[0m bad\n") ==
        "::error file=svc/main.go,line=5,col=2,title=go.test::bad\n");
}

TEST_CASE("go test names files relative to the package that it names afterwards") {
  CHECK(commands_in(
            "--- FAIL: TestX (0.00s)\n    x_test.go:12: got 1, want 2\nFAIL\nFAIL\texample.com/m/internal/x\t0.01s\n"
            "--- FAIL: TestY (0.00s)\n    x_test.go:3: other\nFAIL\texample.com/m/other\t0.01s\n") ==
        "::error file=svc/internal/x/x_test.go,line=12,title=go.test::got 1, want 2\n");
}

TEST_CASE("lines that only look like it do not") {
  CHECK(commands_in("12:30:01: started\nmain.go: fine\nmain.go:x: y\nmain.go:0: y\nabsent.go:1: x\nmain.go:5:2:\n"
                    "at http://main.go:80: x\n goroutine 1 [running]:\n\tmain.go:7 +0x1d\n") == "");
}

TEST_CASE("the summary has the counts and a table with failures first") {
  RunSummary summary;
  summary.nodes = 3;
  summary.duration_ms = 1900;
  summary.counts[static_cast<std::size_t>(Outcome::ran)] = 1;
  summary.counts[static_cast<std::size_t>(Outcome::unchanged)] = 1;
  summary.counts[static_cast<std::size_t>(Outcome::failed)] = 1;
  const std::vector<SummaryRow> rows{{"go.a", Outcome::unchanged, 0, ""},
                                     {"go.b[os=x|y]", Outcome::ran, 1200, "no earlier result"},
                                     {"command.c`", Outcome::failed, 300, "`a|b` <b>*failed*</b>\n&"}};
  CHECK(step_summary(summary, rows, 1 << 20) ==
        "### trilock run\n\n3 nodes: 1 ran, 1 unchanged, 1 failed in 1.9 s\n\n"
        "| outcome | node | duration | reason |\n|---|---|---:|---|\n"
        "| failed | `` command.c` `` | 0.3 s | \\`a\\|b\\` &lt;b>\\*failed\\*&lt;/b> &amp; |\n"
        "| ran | `go.b[os=x\\|y]` | 1.2 s | no earlier result |\n"
        "| unchanged | `go.a` |  |  |\n\n");
}

TEST_CASE("the summary is cut where it would be refused, after whole rows") {
  std::vector<SummaryRow> rows;
  for (int i = 0; i < 20'000; ++i)
    rows.push_back({fmt::format("command.n{}", i), Outcome::ran, 1, std::string(60, 'r')});
  const std::string text = step_summary({}, rows, 1 << 20);
  CHECK(text.size() <= 1 << 20);
  CHECK(text.size() > (1 << 20) - 300);
  const std::size_t last = text.find("\n… and ");
  REQUIRE(last != std::string::npos);
  CHECK(text[last - 1] == '\n');
  CHECK(step_summary({}, rows, 20).empty());
}

TEST_CASE("of many lines none is a command") {
  CHECK(without_commands("::error::x\n a ::b\n\t::group::\n") == "\\::error::x\n a ::b\n\t\\::group::\n");
  CHECK(without_commands("a\r::error::x") == "a\r\\::error::x");
  CHECK(without_commands("\xc2\xa0\xe3\x80\x80::add-mask::e") == "\xc2\xa0\xe3\x80\x80\\::add-mask::e");
  CHECK(without_commands("x ##[error]y") == "x ## [error]y");
  CHECK(without_commands("").empty());
  CHECK(without_commands("\n") == "\n");
}

#include "engine/cli/standard_output.hpp"

#include <doctest/doctest.h>

#include <string>

#include "engine/cli/report_text.hpp"
#include "schemas/utf8.hpp"

using namespace trilock;
using namespace trilock::cli;

namespace {

template <class... Values>
std::string filled(fmt::format_string<Shown<Values>...> format, const Values&... values) {
  return format_shown<Values...>(format, values...);
}

}  // namespace

TEST_CASE("output: what is filled in is shown and not obeyed, what is ours stays") {
  CHECK(filled("\x1b[1m{}\x1b[0m {} {:>4}\n", "a\x1b[31mb\nc", std::string("\r\a"), 7) ==
        "\x1b[1ma\\x1b[31mb\\x0ac\x1b[0m \\x0d\\x07    7\n");
  CHECK(filled("{}", std::string_view("\xe2\x80\xae \xc2\x9b \xff \xe2\x80\x8b é")) ==
        "\\u{202e} \\x9b \\xff \\u{200b} é");
  CHECK(filled("{}", Painted{"\x1b[2mx\x1b[0m"}) == "\x1b[2mx\x1b[0m");
  CHECK(filled("{:<6}|", "ab") == "ab    |");
  CHECK(shown_lines("a\n::error::b\x1b\n\n") == "a\n    ::error::b\\x1b");
}

TEST_CASE("output: secrets are hidden before they are escaped, those of before too") {
  hide_in_output(Redactor({{"A", "first\x1bsecret", EnvClass::secret}}));
  hide_in_output(Redactor({{"B", "second-secret", EnvClass::secret}, {"C", "declared-value", EnvClass::declared}}));
  hide_in_output(Redactor());
  CHECK(filled("{} {} {}", "x first\x1bsecret", "second-secret", "declared-value") == "x *** *** declared-value");
  CHECK(without_secrets("a first\x1bsecret b") == "a *** b");
}

TEST_CASE("output: characters that do something") {
  for (const char32_t bad : {0x00, 0x0a, 0x1b, 0x7f, 0x80, 0x9b, 0xad, 0x061c, 0x200b, 0x200e, 0x2028, 0x202a, 0x202e,
                             0x2066, 0x2069, 0xfeff, 0xe0001})
    CHECK(is_control(bad));
  // Letters, blanks, joiners of scripts and of emoji.
  for (const char32_t good : {0x20, 0x7e, 0xa0, 0xe9, 0x200c, 0x200d, 0x2027, 0x2070, 0x6f22, 0xfe0f, 0x1f600})
    CHECK_FALSE(is_control(good));
  CHECK(is_printable("größe 漢字"));
  CHECK_FALSE(is_printable("a\xff"));
}

TEST_CASE("output: messages of nodes keep their lines and nothing else") {
  NodeReport report;
  report.outcome = Outcome::failed;
  report.reason = "first\n\x1b[2Jsecond";
  report.help = "a\nb\x07";
  CHECK(failure_head("command.a", report, {}) == "error: command.a: first\n    \\x1b[2Jsecond\n");
  CHECK(help_line(report) == "  = help: a\n    b\\x07\n");
}

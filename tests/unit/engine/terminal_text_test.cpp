// Widths: Unicode's EastAsianWidth.txt and emoji-data.txt. Colors: no-color.org, bixense.com/clicolors, and what
// `FORCE_COLOR` is read as by Node's tools.
#include "engine/cli/terminal_text.hpp"

#include <doctest/doctest.h>

#include "engine/cli/bare_output.hpp"

using namespace trilock;
using namespace trilock::cli;
using namespace std::string_view_literals;

TEST_CASE("width: wide characters take two columns, combining ones none") {
  CHECK(display_width("plain") == 5);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("ｆｕ") == 4);  // fullwidth forms
  CHECK(display_width("ﾊﾝ") == 2);    // halfwidth forms
  CHECK(display_width("한글") == 4);  // composed Hangul
  CHECK(display_width("🚀") == 2);
  CHECK(display_width("e\u0301") == 1);   // combining acute
  CHECK(display_width("a\u200bb") == 2);  // zero width space
  CHECK(display_width("ünïcödé") == 7);
  CHECK(display_width("❤\ufe0f") == 2);   // the wide form of a narrow character
  CHECK(display_width("👩\u200d💻") == 4);  // no terminal takes more
  CHECK(display_width("\x1b[31mred\x1b[0m") == 3);
  CHECK(display_width("bad\xff") == 4);
}

TEST_CASE("fit: never wider than asked, never half a character, colors ended") {
  CHECK(fit("short", 5) == "short");
  CHECK(fit("longer", 5) == "long…");
  CHECK(fit("日本語", 5) == "日本…");
  CHECK(fit("日本語", 4) == "日…");
  CHECK(fit("x", 0) == "");
  CHECK(fit("xy", 1) == "…");
  CHECK(fit("\x1b[31mcolored\x1b[0m", 4) == "\x1b[31mcol…\x1b[0m");
  for (std::size_t columns = 0; columns < 30; ++columns)
    CHECK(display_width(fit("a日b🚀c❤\ufe0f e\u0301 \x1b[1mß한글 zzz", columns)) <= columns);
}

TEST_CASE("visible_line: what a terminal would show in the end") {
  CHECK(visible_line("10%\r50%\r100%", Colors::strip) == "100%");
  CHECK(visible_line("100%\r", Colors::strip) == "100%");
  CHECK(visible_line("100%\r\x1b[K", Colors::strip) == "100%");
  CHECK(visible_line("dos line\r", Colors::strip) == "dos line");
  CHECK(visible_line("a\bbc\b\bxy", Colors::strip) == "xy");
  CHECK(visible_line("é\bx", Colors::strip) == "x");
  CHECK(visible_line("bell\a null\0"sv.substr(0, 11), Colors::strip) == "bell null");
  CHECK(visible_line("tab\tstays", Colors::strip) == "tab\tstays");
  CHECK(visible_line("\xc2\x9b"
                     "31m csi",
                     Colors::strip) == "31m csi");  // a C1 control
  CHECK(visible_line("caf\xe9", Colors::strip) == "caf\xef\xbf\xbd");
}

TEST_CASE("visible_line: escape sequences go, colors stay where they are wanted") {
  const std::string line = "\x1b[2J\x1b[1;31mred\x1b[0m\x1b[5A \x1b]0;title\a\x1b]8;;http://x\x1b\\link\x1b(B";
  CHECK(visible_line(line, Colors::strip) == "red link");
  CHECK(visible_line(line, Colors::keep) == "\x1b[1;31mred\x1b[0m link\x1b[0m");
  CHECK(visible_line("\x1b[32mopen", Colors::keep) == "\x1b[32mopen\x1b[0m");
  CHECK(visible_line("cut \x1b[3", Colors::keep) == "cut ");
}

TEST_CASE("LastLine: across pieces, over carriage returns, the last complete line when nothing followed") {
  LastLine last;
  CHECK(last.text() == "");
  last.feed("first\nsec");
  CHECK(last.text() == "sec");
  last.feed("ond\n");
  CHECK(last.text() == "second");
  last.feed("\n\n");
  CHECK(last.text() == "second");
  last.feed("10%\r");
  CHECK(last.text() == "10%");
  last.feed("5");
  CHECK(last.text() == "5");
  last.feed("0%\r\x1b[3");
  last.feed("1mred");
  CHECK(last.text() == "red");
  last.feed("\n\t  indented");
  CHECK(last.text() == "indented");
  last.feed(std::string(100'000, 'x') + "end");
  CHECK(last.text().size() <= 4096);
  CHECK(last.text().ends_with("end"));
}

TEST_CASE("colors: NO_COLOR, then what forces them, then the terminal") {
  using Env = std::map<std::string, std::string>;
  const Env xterm{{"TERM", "xterm"}};
  CHECK(use_color(xterm, true));
  CHECK(!use_color(xterm, false));
  CHECK(!use_color(Env{{"TERM", "dumb"}}, true));
  CHECK(!use_color(Env{}, true));
  CHECK(!use_color(Env{{"TERM", "xterm"}, {"NO_COLOR", "1"}}, true));
  CHECK(use_color(Env{{"TERM", "xterm"}, {"NO_COLOR", ""}}, true));
  CHECK(use_color(Env{{"CLICOLOR_FORCE", "1"}}, false));
  CHECK(use_color(Env{{"FORCE_COLOR", "3"}}, false));
  CHECK(!use_color(Env{{"CLICOLOR_FORCE", "0"}}, false));
  CHECK(!use_color(Env{{"TERM", "xterm"}, {"FORCE_COLOR", "0"}}, true));
  CHECK(!use_color(Env{{"FORCE_COLOR", "1"}, {"NO_COLOR", "1"}}, true));
}

TEST_CASE("seconds") {
  CHECK(seconds(0) == "0.0 s");
  CHECK(seconds(5'250) == "5.2 s");
  CHECK(seconds(200'000) == "3 min 20 s");
}

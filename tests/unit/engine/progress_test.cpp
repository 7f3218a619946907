#include "engine/cli/progress.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "engine/cli/terminal_text.hpp"

using namespace trilock::cli;

namespace {

// As much of a terminal as the block asks of one (ECMA-48): CR, LF, cursor up and down, erase in line. One column a
// character, so it is fed ASCII. Fails on anything else.
class Terminal {
 public:
  Terminal(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows), screen_(rows) {}

  void write(std::string_view text) {
    while (!text.empty()) {
      if (text.starts_with("\x1b[")) {
        const std::size_t end = text.find_first_of("ABKm", 2);
        REQUIRE(end != std::string_view::npos);
        control(text.substr(2, end - 2), text[end]);
        text.remove_prefix(end + 1);
        continue;
      }
      REQUIRE(text[0] != '\x1b');
      put(text[0]);
      text.remove_prefix(1);
    }
  }

  // Everything that was ever scrolled away, and the screen, without empty rows at the end.
  [[nodiscard]] std::string all() const {
    std::string text;
    for (const std::string& line : history_) text += line + "\n";
    for (const std::string& line : screen_) text += line + "\n";
    while (text.ends_with("\n\n")) text.pop_back();
    return text == "\n" ? "" : text;
  }
  [[nodiscard]] std::size_t column() const { return column_; }

 private:
  void put(char c) {
    if (c == '\r') {
      column_ = 0;
    } else if (c == '\n') {
      column_ = 0;
      if (++row_ == rows_) scroll();
    } else {
      if (column_ == columns_) put('\n');
      std::string& line = screen_[row_];
      if (line.size() <= column_) line.resize(column_ + 1, ' ');
      line[column_++] = c;
    }
  }
  void scroll() {
    history_.push_back(screen_.front());
    screen_.erase(screen_.begin());
    screen_.emplace_back();
    --row_;
  }
  void control(std::string_view parameter, char final) {
    std::size_t number = 0;
    std::from_chars(parameter.data(), parameter.data() + parameter.size(), number);
    if (final == 'A') row_ -= std::min(row_, std::max<std::size_t>(1, number));
    if (final == 'B') row_ = std::min(rows_ - 1, row_ + std::max<std::size_t>(1, number));
    if (final == 'K' && number == 0 && screen_[row_].size() > column_) screen_[row_].resize(column_);
    if (final == 'K' && number == 2) screen_[row_].clear();
  }

  std::size_t columns_;
  std::size_t rows_;
  std::vector<std::string> screen_;
  std::vector<std::string> history_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

Progress three_running() {
  return {
      .done = 2,
      .total = 9,
      .left_ms = 11'500,
      .running = {{"image.service[libc=static]", 62'000, "#8 [build 3/7] RUN go build -o /out/service ./cmd/service"},
                  {"go.vet", 1'200, ""},
                  {"command.翻訳", 300, "訳しています: 第一章"}},
      .running_count = 3};
}

}  // namespace

TEST_CASE("the block at 80 columns") {
  CHECK(progress_lines(three_running(), {80, 24}, false) ==
        std::vector<std::string>{"[2/9] 3 running, about 12 s left",
                                 "  image.service[libc=static] 62.0 s  #8 [build 3/7] RUN go build -o /out/servi…",
                                 "  go.vet                      1.2 s",  //
                                 "  command.翻訳                0.3 s  訳しています: 第一章"});
}

TEST_CASE("the block at 40 and fewer columns: the times are kept, the rest gives way") {
  CHECK(progress_lines(three_running(), {40, 24}, false) ==
        std::vector<std::string>{"[2/9] 3 running, about 12 s left",     //
                                 "  image.service[libc=static] 62.0 s",  //
                                 "  go.vet                      1.2 s",  //
                                 "  command.翻訳                0.3 s"});
  CHECK(progress_lines(three_running(), {20, 24}, false) == std::vector<std::string>{"[2/9] 3 running, a…",  //
                                                                                     "  image.ser… 62.0 s",  //
                                                                                     "  go.vet      1.2 s",  //
                                                                                     "  command.…   0.3 s"});
}

TEST_CASE("no line reaches the last column and no block the last row, whatever the screen") {
  Progress progress = three_running();
  progress.running_count = 50;
  for (std::size_t columns = 1; columns < 90; ++columns)
    for (std::size_t rows = 1; rows < 8; ++rows) {
      const std::vector<std::string> lines = progress_lines(progress, {columns, rows}, true);
      CHECK(lines.size() <= std::max<std::size_t>(1, rows - 1));
      for (const std::string& line : lines) CHECK(display_width(line) <= std::max<std::size_t>(1, columns - 1));
    }
}

TEST_CASE("more nodes than rows: those that have run longest, and how many there are besides") {
  Progress progress = three_running();
  progress.running_count = 12;
  progress.left_ms.reset();
  const std::vector<std::string> lines = progress_lines(progress, {40, 5}, false);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "[2/9] 12 running");
  CHECK(lines[2].starts_with("  go.vet"));
  CHECK(lines[3] == "  … and 10 more");
}

TEST_CASE("the time left is said in words of its size") {
  Progress progress = three_running();
  const auto head = [&](std::uint64_t left_ms) {
    progress.left_ms = left_ms;
    return progress_lines(progress, {80, 24}, false)[0];
  };
  CHECK(head(1) == "[2/9] 3 running, about 1 s left");
  CHECK(head(90'000) == "[2/9] 3 running, about 2 min left");
  CHECK(head(2 * 3600'000 + 300'000) == "[2/9] 3 running, about 2 h 5 min left");
}

TEST_CASE("color dims all but the name") {
  Progress progress = three_running();
  CHECK(progress_lines(progress, {80, 24}, true)[2] == "  go.vet                    \x1b[2m  1.2 s\x1b[0m");
}

TEST_CASE("drawn over and over, a block leaves the lines above it and nothing of itself") {
  const std::uint32_t seed = 7;
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  for (int round = 0; round < 200; ++round) {
    const ScreenSize screen{10 + below(30), 2 + below(8)};
    Terminal terminal(screen.columns, screen.rows);
    LiveBlock block;
    std::string expected;
    terminal.write("before\n");
    expected += "before\n";
    for (std::size_t frame = 0; frame < 30; ++frame) {
      std::string above;
      for (std::size_t lines = below(3); lines > 0; --lines)
        above += std::string(below(screen.columns), static_cast<char>('a' + frame % 26)) + "x\n";
      std::vector<std::string> lines;
      for (std::size_t count = below(screen.rows); lines.size() < count;)
        lines.push_back(std::string(1 + below(screen.columns - 1), '#'));
      terminal.write(block.draw(above, lines, screen));
      expected += above;
      CHECK(terminal.column() == 0);
    }
    terminal.write("^C");  // what a terminal shows of Ctrl-C
    terminal.write(block.erase(screen));
    CAPTURE(seed);
    CAPTURE(round);
    REQUIRE(terminal.all() == expected);
  }
}

TEST_CASE("a block on a screen that became narrower is found where its broken lines begin") {
  LiveBlock block;
  static_cast<void>(block.draw("", {std::string(30, '#'), "##"}, {40, 10}));
  // 30 columns on a screen of 20 are two rows.
  CHECK(block.erase({20, 10}).starts_with("\r\x1b[3A"));
  static_cast<void>(block.draw("", {"#", "##"}, {40, 10}));
  CHECK(block.erase({40, 2}).starts_with("\r\x1b[1A"));  // never above the screen
  CHECK(block.erase({40, 10}) == "\r\x1b[2K");
}

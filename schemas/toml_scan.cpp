#include <fmt/format.h>

#include <vector>

#include "schemas/toml_syntax.hpp"
#include "schemas/utf8.hpp"

namespace trilock {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {
    if (!text_.starts_with("\xEF\xBB\xBF")) return;
    skipped_ = 3;
    text_.remove_prefix(skipped_);
  }

  TomlScan run() {
    while (!at_end()) next();
    scan_.scanned = offset_ + skipped_;
    if (!scan_.unclosed && !open_.empty()) scan_.unclosed = open_.back().place;
    return std::move(scan_);
  }

 private:
  struct Open {
    SyntaxError place;
    std::size_t dots = 0;  // of the key that is being read at this level
  };

  [[nodiscard]] bool at_end() const { return offset_ == text_.size() || scan_.not_text || scan_.barrier; }
  [[nodiscard]] bool sees(std::string_view expected) const { return text_.substr(offset_).starts_with(expected); }
  [[nodiscard]] SyntaxError here(std::string message) const { return {std::move(message), {}, line_, column_, 1}; }

  void advance(std::size_t code_points = 1) {
    for (; code_points > 0 && !at_end(); --code_points) {
      const CodePoint point = decode_utf8(text_.substr(offset_));
      if (!point.valid) {
        scan_.not_text = here(fmt::format("byte `0x{:02x}` is not UTF-8", static_cast<unsigned>(point.value)));
      } else if (point.value == 0) {
        scan_.not_text = here("NUL byte");
      }
      offset_ += point.size;
      if (point.value == '\n') {
        ++line_;
        column_ = 1;
      } else {
        ++column_;
      }
    }
  }

  void next() {
    switch (text_[offset_]) {
      case '#':
        while (!at_end() && !sees("\n")) advance();
        return;
      case '"':
      case '\'':
        return string(text_.substr(offset_, 1));
      case '[':
        return open("array is not closed");
      case '{':
        return open("inline table is not closed");
      case ']':
      case '}':
        close();
        break;
      case ',':
        dots_at_level() = 0;
        break;
      case '\n':
        if (open_.empty()) top_dots_ = 0;
        break;
      case '.':
        ++dots_at_level();
        check_depth();
        break;
      default:
        if (static_cast<unsigned char>(text_[offset_]) >= 0x80) return outside_ascii();
        break;
    }
    advance();
  }

  void outside_ascii() {
    const CodePoint point = decode_utf8(text_.substr(offset_));
    if (!point.valid) return advance();  // reports it
    scan_.barrier =
        here(fmt::format("character `{}` (U+{:04X}) outside of quotes",
                         escape_controls(text_.substr(offset_, point.size)), static_cast<unsigned>(point.value)));
  }

  void open(std::string_view message) {
    open_.push_back({here(std::string(message))});
    check_depth();
    advance();
  }

  void close() {
    if (!open_.empty()) open_.pop_back();
  }

  std::size_t& dots_at_level() { return open_.empty() ? top_dots_ : open_.back().dots; }

  // The sum over all levels, at most `max_toml_depth` of them.
  void check_depth() {
    std::size_t depth = top_dots_ + open_.size();
    for (const Open& level : open_) depth += level.dots;
    if (depth > max_toml_depth) scan_.barrier = here(fmt::format("nested deeper than {} levels", max_toml_depth));
  }

  void string(std::string_view quote) {
    const std::string triple = fmt::format("{0}{0}{0}", quote);
    const SyntaxError start = here("string is not closed");
    const bool multi_line = sees(triple);
    const std::string_view end = multi_line ? std::string_view(triple) : quote;
    advance(end.size());
    while (!at_end() && !sees(end)) {
      if (!multi_line && sees("\n")) return;  // a syntax error, which the library reports well
      advance(quote == "\"" && sees("\\") ? 2 : 1);
    }
    if (at_end()) {
      scan_.unclosed = start;
      scan_.unclosed->length = static_cast<std::uint32_t>(end.size());
      return;
    }
    advance(end.size());
    // Up to two quotes may stand in front of the closing three.
    for (int extra = 0; multi_line && extra < 2 && !at_end() && sees(quote); ++extra) advance();
  }

  std::string_view text_;
  std::size_t skipped_ = 0;  // a byte order mark
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
  std::vector<Open> open_;
  std::size_t top_dots_ = 0;
  TomlScan scan_;
};

}  // namespace

TomlScan scan_toml(std::string_view text) {
  return Scanner(text).run();
}

}  // namespace trilock

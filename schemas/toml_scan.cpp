#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "schemas/toml_syntax.hpp"
#include "schemas/utf8.hpp"

namespace trilock {
namespace {

enum Context : std::uint8_t { outside = 1, in_string = 2, in_comment = 4 };

// Where each byte may mean something.
constexpr std::array<std::uint8_t, 256> stops = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte)
    if (byte < 0x20 || byte >= 0x80) table[byte] = outside | in_string | in_comment;
  for (const unsigned char byte : std::string_view("#\"'[]{},.")) table[byte] |= outside;
  for (const unsigned char byte : std::string_view("\"'\\")) table[byte] |= in_string;
  return table;
}();

class Scanner {
 public:
  Scanner(std::string_view text, std::size_t part_bytes) : text_(text), part_bytes_(part_bytes) {
    scan_.parts.push_back({});
    if (!text_.starts_with("\xEF\xBB\xBF")) return;
    skipped_ = 3;
    text_.remove_prefix(skipped_);
  }

  TomlScan run() {
    while (!at_end()) next();
    scan_.scanned = offset_ + skipped_;
    if (!scan_.unclosed && !open_.empty()) {
      const Open& open = open_.back();
      scan_.unclosed =
          SyntaxError{open.array ? "array is not closed" : "inline table is not closed", {}, open.line, open.column, 1};
    }
    if (!may_cut_) scan_.parts.assign(1, {});
    if (!elsewhere_.empty()) drop_divided_titles();
    return std::move(scan_);
  }

 private:
  struct Open {
    bool array;
    std::uint32_t line;
    std::uint32_t column;
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

  // Passes over what is one code point a byte and means nothing there: nearly all of a document.
  void skip_plain(Context context) {
    const std::size_t begin = offset_;
    while (offset_ < text_.size() && (stops[static_cast<unsigned char>(text_[offset_])] & context) == 0) ++offset_;
    column_ += static_cast<std::uint32_t>(offset_ - begin);
  }

  void next() {
    skip_plain(outside);
    if (at_end()) return;
    switch (text_[offset_]) {
      case '#':
        while (!at_end() && !sees("\n")) {
          advance();
          skip_plain(in_comment);
        }
        return;
      case '"':
      case '\'':
        return string(text_[offset_]);
      case '[':
        if (open_.empty()) look_for_header();
        return open(true);
      case '{':
        return open(false);
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

  void open(bool array) {
    open_.push_back({array, line_, column_});
    check_depth();
    advance();
  }

  void close() {
    if (open_.empty()) return;
    if (open_.size() == 1 && header_) close_header(open_.back().dots);
    header_.reset();
    open_.pop_back();
  }

  void look_for_header() {
    std::size_t begin = offset_;
    while (begin > 0 && (text_[begin - 1] == ' ' || text_[begin - 1] == '\t')) --begin;
    if (begin > 0 && text_[begin - 1] != '\n') return;
    if (text_.substr(offset_).starts_with("[[")) may_cut_ = false;
    header_ = TomlPart{begin, line_ - 1};
    key_begins_ = offset_ + 1;
  }

  void close_header(std::size_t dots) {
    const std::string_view key = text_.substr(key_begins_, offset_ - key_begins_);
    const std::string_view title = is_bare(key) ? key : "";
    const std::size_t begin = header_->begin + skipped_;
    TomlPart& last = scan_.parts.back();
    if (dots == 1 && begin - last.begin >= part_bytes_)
      scan_.parts.push_back({begin, header_->lines_before, title});
    else if (dots == 1 && begin == last.begin)
      last.title = title;
    else if (title.empty() || !title.starts_with(last.title) || title.substr(last.title.size(), 1) != ".")
      see_beside(title, last);
  }

  // A header that is not of the part's table: that is not all that the part holds, and the header's own table is not
  // all in a part of its own.
  void see_beside(std::string_view title, TomlPart& part) {
    part.title = {};
    const std::size_t dot = title.find('.');
    if (dot != title.npos) elsewhere_.insert(title.substr(0, title.find('.', dot + 1)));
  }

  void drop_divided_titles() {
    for (TomlPart& part : scan_.parts)
      if (elsewhere_.contains(part.title)) part.title = {};
  }

  static bool is_bare(std::string_view key) {
    return std::ranges::all_of(key, [](unsigned char byte) {
      return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
             byte == '_' || byte == '-' || byte == '.';
    });
  }

  std::size_t& dots_at_level() { return open_.empty() ? top_dots_ : open_.back().dots; }

  // The sum over all levels, at most `max_toml_depth` of them.
  void check_depth() {
    std::size_t depth = top_dots_ + open_.size();
    for (const Open& level : open_) depth += level.dots;
    if (depth > max_toml_depth) scan_.barrier = here(fmt::format("nested deeper than {} levels", max_toml_depth));
  }

  [[nodiscard]] bool sees_thrice(char quote) const {
    return text_.size() - offset_ >= 3 && text_[offset_] == quote && text_[offset_ + 1] == quote &&
           text_[offset_ + 2] == quote;
  }

  void string(char quote) {
    const std::uint32_t line = line_;
    const std::uint32_t column = column_;
    const bool multi_line = sees_thrice(quote);
    const std::size_t quotes = multi_line ? 3 : 1;
    advance(quotes);
    skip_plain(in_string);
    while (!at_end() && !(multi_line ? sees_thrice(quote) : text_[offset_] == quote)) {
      if (!multi_line && text_[offset_] == '\n') return;  // a syntax error, which the library reports well
      advance(quote == '"' && text_[offset_] == '\\' ? 2 : 1);
      skip_plain(in_string);
    }
    if (at_end()) {
      scan_.unclosed = SyntaxError{"string is not closed", {}, line, column, static_cast<std::uint32_t>(quotes)};
      return;
    }
    advance(quotes);
    // Up to two quotes may stand in front of the closing three.
    for (int extra = 0; multi_line && extra < 2 && !at_end() && text_[offset_] == quote; ++extra) advance();
  }

  std::string_view text_;
  std::size_t skipped_ = 0;  // a byte order mark
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
  std::vector<Open> open_;
  std::size_t top_dots_ = 0;
  std::size_t part_bytes_;
  std::optional<TomlPart> header_;                  // that is open
  std::size_t key_begins_ = 0;                      // of that
  std::unordered_set<std::string_view> elsewhere_;  // tables with headers in parts that are not theirs
  bool may_cut_ = true;
  TomlScan scan_;
};

}  // namespace

TomlScan scan_toml(std::string_view text, std::size_t part_bytes) {
  return Scanner(text, part_bytes).run();
}

}  // namespace trilock

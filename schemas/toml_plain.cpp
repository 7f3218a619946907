// One pass, without looking back. Every function that reads something leaves the position behind it, or says false:
// then nothing that was read counts.
#include "schemas/toml_plain.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace trilock {
namespace {

// Duplicates are looked for key by key, so a longer table is left to the library.
constexpr std::size_t most_keys = 64;
constexpr std::size_t most_digits = 18;  // always fit into 64 bits

constexpr bool is_bare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

constexpr std::array<bool, 256> bare = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 128; ++i) table[i] = is_bare(static_cast<char>(i));
  return table;
}();

// What may stand in a string or a comment. That the rest is UTF-8 was seen by scan_toml.
constexpr std::array<bool, 256> printed = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = i == '\t' || (i >= 0x20 && i != 0x7f);
  return table;
}();

bool has_key(const ConfigTable& table, std::string_view key) {
  return std::ranges::any_of(table.entries, [&](const ConfigEntry& entry) { return entry.key == key; });
}

class PlainReader {
 public:
  PlainReader(std::string_view text, SourceId source, std::uint32_t lines_before)
      : text_(text), source_(source), line_(lines_before + 1) {}

  std::optional<ConfigTable> read() {
    while (at_ < text_.size()) {
      skip_blanks();
      const char c = peek();
      const bool good = c == '\n' || c == '#' || at_ == text_.size() || (c == '[' ? header() : top_level_pair());
      if (!good || !end_of_line()) return std::nullopt;
    }
    return std::move(root_);
  }

 private:
  struct Start {
    std::size_t at;
    std::uint32_t line;
    std::uint32_t column;
  };

  // 0 at the end: scan_toml lets no NUL pass.
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] std::string_view since(std::size_t begin) const { return text_.substr(begin, at_ - begin); }

  bool take(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  template <std::size_t size>
  void skip(const std::array<bool, size>& members) {
    while (at_ < text_.size() && members[static_cast<unsigned char>(text_[at_])]) ++at_;
  }

  bool end_of_line() {
    skip_blanks();
    if (peek() == '#') skip(printed);
    if (at_ == text_.size()) return true;
    if (!take('\n')) return false;
    next_line();
    return true;
  }

  void next_line() {
    ++line_;
    counted_ = at_;
    column_ = 1;
  }

  // Columns count code points: bytes that do not continue one.
  std::uint32_t column() {
    for (; counted_ < at_; ++counted_)
      if ((static_cast<unsigned char>(text_[counted_]) & 0xc0U) != 0x80) ++column_;
    return column_;
  }

  Start start() { return {at_, line_, column()}; }
  [[nodiscard]] Place place(const Start& start) { return {source_, start.line, start.column, column() - start.column}; }

  // A place ends with its first line.
  [[nodiscard]] Place place_of_lines(const Start& start) {
    if (line_ == start.line) return place(start);
    const std::size_t end = text_.find('\n', start.at);
    Place place{source_, start.line, start.column, 0};
    for (std::size_t i = start.at; i < end; ++i)
      if ((static_cast<unsigned char>(text_[i]) & 0xc0U) != 0x80) ++place.length;
    return place;
  }

  bool bare_key(std::string_view& key, Place& where) {
    const Start begin = start();
    skip(bare);
    key = since(begin.at);
    where = place(begin);
    return !key.empty();
  }

  // The table that the header opens becomes `current_`.
  bool header() {
    const Start begin = start();
    ++at_;
    std::string_view key;
    Place where;
    if (!bare_key(key, where)) return false;
    ConfigEntry child;
    const bool has_child = take('.');
    std::string_view name;
    if (has_child && !bare_key(name, child.place)) return false;
    if (!take(']')) return false;
    const Place whole = place(begin);

    auto [known, added] = index_.try_emplace(key, root_.entries.size());
    if (added) {
      root_.entries.push_back({std::string(key), where, Config{ConfigTable{}, whole}});
    } else if (!has_child || known->second < outside_of_tables_) {
      return false;
    }
    const std::size_t parent = known->second;
    ConfigTable& table = std::get<ConfigTable>(root_.entries[parent].value.data);
    parent_ = parent;
    in_child_ = has_child;
    if (!has_child) return true;
    if (!children_.insert({parent, name}).second) return false;
    child.key = name;
    child.value = Config{ConfigTable{}, whole};
    table.entries.push_back(std::move(child));
    return true;
  }

  bool top_level_pair() {
    if (!parent_) {
      if (!pair(root_)) return false;
      index_.emplace(last_key_, outside_of_tables_);
      ++outside_of_tables_;
      return true;
    }
    ConfigTable& table = std::get<ConfigTable>(root_.entries[*parent_].value.data);
    if (in_child_) return pair(std::get<ConfigTable>(table.entries.back().value.data));
    return pair(table) && children_.insert({*parent_, last_key_}).second;
  }

  bool pair(ConfigTable& table) {
    ConfigEntry entry;
    std::string_view key;
    if (!bare_key(key, entry.place)) return false;
    skip_blanks();
    if (!take('=')) return false;
    skip_blanks();
    if (table.entries.size() >= most_keys || has_key(table, key)) return false;
    entry.key = key;
    if (!value(entry.value)) return false;
    table.entries.push_back(std::move(entry));
    last_key_ = key;
    return true;
  }

  bool value(Config& config) {
    switch (peek()) {
      case '"':
      case '\'':
        return string(config);
      case '[':
        return array(config);
      case '{':
        return inline_table(config);
      default:
        return word(config);
    }
  }

  bool string(Config& config) {
    const Start begin = start();
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\\' &&
           printed[static_cast<unsigned char>(text_[at_])])
      ++at_;
    const std::string_view content = since(begin.at + 1);
    if (!take(quote)) return false;
    config.data = Text{std::string(content), {}};
    config.place = place(begin);
    return true;
  }

  bool word(Config& config) {
    const Start begin = start();
    skip(bare);
    const std::string_view word = since(begin.at);
    if (word == "true" || word == "false") {
      config.data = word == "true";
    } else {
      const bool digits = std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
      if (!digits || word.empty() || word.size() > most_digits || (word.size() > 1 && word.front() == '0'))
        return false;
      std::int64_t number = 0;
      for (const char c : word) number = number * 10 + (c - '0');
      config.data = number;
    }
    config.place = place(begin);
    return std::string_view(" \t\n,]}#").contains(peek()) || at_ == text_.size();
  }

  bool skip_lines() {
    for (;;) {
      skip_blanks();
      if (peek() != '#' && peek() != '\n') return true;
      if (!end_of_line()) return false;
    }
  }

  bool array(Config& config) {
    const Start begin = start();
    ++at_;
    ConfigArray& elements = config.data.emplace<ConfigArray>();
    for (bool more = true; more;) {
      if (!skip_lines()) return false;
      if (peek() == ']') break;
      if (!value(elements.emplace_back()) || !skip_lines()) return false;
      more = take(',');
    }
    if (!take(']')) return false;
    elements.shrink_to_fit();
    config.place = place_of_lines(begin);
    return true;
  }

  bool inline_table(Config& config) {
    const Start begin = start();
    ++at_;
    ConfigTable& table = config.data.emplace<ConfigTable>();
    skip_blanks();
    for (bool more = peek() != '}'; more;) {
      skip_blanks();
      if (!pair(table)) return false;
      skip_blanks();
      more = take(',');
    }
    if (!take('}')) return false;
    table.entries.shrink_to_fit();
    config.place = place_of_lines(begin);
    return true;
  }

  struct ChildHash {
    std::size_t operator()(const std::pair<std::size_t, std::string_view>& child) const {
      return std::hash<std::string_view>()(child.second) + child.first;
    }
  };

  std::string_view text_;
  SourceId source_;
  std::size_t at_ = 0;
  std::uint32_t line_;
  std::size_t counted_ = 0;  // up to where `column_` counts
  std::uint32_t column_ = 1;

  ConfigTable root_;
  std::size_t outside_of_tables_ = 0;  // so many entries of the root stand before the first header
  std::optional<std::size_t> parent_;  // of the root's entries, the one that the last header names
  bool in_child_ = false;              // whether it opened a table in that one
  std::string_view last_key_;
  std::unordered_map<std::string_view, std::size_t> index_;  // of the root
  std::unordered_set<std::pair<std::size_t, std::string_view>, ChildHash> children_;
};

}  // namespace

std::optional<ConfigTable> read_plain_toml(std::string_view text, SourceId source, std::uint32_t lines_before) {
  return PlainReader(text, source, lines_before).read();
}

}  // namespace trilock

// The library's messages, "Error while parsing <scope>: <reason>" with the place of one character, become messages of
// trilock: named as the user sees the thing, with the span of the whole token, key or header. What is not known here
// is passed on with its quotes and verbs adapted.
#include "schemas/toml_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::size_t longest_quoted = 40;  // code points of the file in a message

std::uint32_t narrow(std::size_t value) {
  return static_cast<std::uint32_t>(value);
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t start = text.find(before);
  if (start == std::string_view::npos) return "";
  text.remove_prefix(start + before.size());
  const std::size_t end = text.rfind(after);
  return end == std::string_view::npos ? "" : text.substr(0, end);
}

std::string shorten(std::string_view text) {
  const std::size_t cut = code_point_offset(text, longest_quoted);
  return escape_controls(text.substr(0, cut)) + (cut < text.size() ? "…" : "");
}

std::string without_blanks(std::string_view text) {
  std::string kept(text);
  std::erase_if(kept, [](char c) { return c == ' ' || c == '\t'; });
  return kept;
}

class Rewriter {
 public:
  Rewriter(const SyntaxError& reported, const TomlScan& scan, SourceId source, const SourceMap& sources)
      : error_(reported), scan_(scan), source_(source), sources_(sources) {
    constexpr std::string_view prefix = "Error while parsing ";
    std::string_view text = reported.message;
    if (text.starts_with(prefix)) {
      const std::size_t colon = text.find(": ");
      scope_ = text.substr(prefix.size(), colon - prefix.size());
      text.remove_prefix(std::min(text.size(), colon + 2));
    }
    reason_ = text;
    while (reason_.starts_with(' ')) reason_.remove_prefix(1);
    const std::size_t quoted = reason_.find("' is not ");
    if (reason_.starts_with('\'') && quoted != std::string_view::npos) reason_.remove_prefix(quoted + 2);
    look_at(reported.line);
    offset_ = code_point_offset(line_, reported.column - 1);
  }

  SyntaxError run() {
    if (scope_ == "table header" && reason_.starts_with("cannot ")) {
      redefined_header();
    } else if (reason_.starts_with("cannot redefine ")) {
      redefined_key();
    } else if (reason_.find("control characters") != std::string_view::npos) {
      control_character();
    } else if (reason_ == "encountered end-of-file") {
      end_of_file();
    } else if (!value_noun().empty()) {
      value();
    } else {
      other();
    }
    return error_;
  }

 private:
  void look_at(std::uint32_t line) {
    error_.line = line;
    line_ = sources_.line(source_, line);
  }

  void span(std::size_t begin, std::size_t end) {
    error_.column = narrow(count_code_points(line_.substr(0, begin)) + 1);
    error_.length = narrow(std::max<std::size_t>(1, count_code_points(line_.substr(begin, end - begin))));
  }

  // The characters around the reported place that would stand together as one bare value.
  std::string_view span_token() {
    constexpr std::string_view ends = " \t,]}[{#=\r\"'";
    std::size_t begin = std::min(offset_, line_.size());
    while (begin > 0 && ends.find(line_[begin - 1]) == std::string_view::npos) --begin;
    std::size_t end = std::min(line_.find_first_of(ends, begin), line_.size());
    if (begin == end && end < line_.size()) end += decode_utf8(line_.substr(end)).size;
    span(begin, end);
    return line_.substr(begin, end - begin);
  }

  [[nodiscard]] std::string found_here() const {
    if (offset_ < line_.size()) {
      const std::string_view rest = line_.substr(offset_);
      const CodePoint point = decode_utf8(rest);
      const std::string shown = escape_controls(rest.substr(0, point.size));
      if (point.value < 0x80) return fmt::format("`{}`", shown);
      return fmt::format("`{}` (U+{:04X})", shown, static_cast<unsigned>(point.value));
    }
    const std::string_view text = sources_.text(source_);
    return std::count(text.begin(), text.end(), '\n') < error_.line ? "end of file" : "end of line";
  }

  // The noun of the values that have a scope of their own; "value" where the library could not tell.
  [[nodiscard]] std::string_view value_noun() const {
    if (scope_.ends_with("integer")) return "integer";
    if (scope_.ends_with("floating-point")) return "float";
    if (scope_.starts_with("date-time")) return "date-time";
    if (scope_ == "date" || scope_ == "time") return scope_;
    return scope_ == "boolean" || scope_ == "value" ? "value" : "";
  }

  void value() {
    const std::string token = shorten(span_token());
    if (token.empty()) {
      error_.message = "expected a value, found " + found_here();
      return;
    }
    const std::string_view noun = value_noun();
    const bool word = noun == "value" || token.find_first_of("0123456789") == std::string::npos;
    if (word) {
      error_.message = fmt::format("expected a value, found `{}`", token);
    } else {
      error_.message = fmt::format("`{}` is not a valid {}: {}", token, noun, reworded_reason());
    }
    if (word || std::count(token.begin(), token.end(), '.') > 1) {
      error_.help = fmt::format("text is written in quotes: `\"{}\"`", token);
    }
  }

  void end_of_file() {
    if (scan_.unclosed && (scope_ == "array" || scope_ == "inline table" || scope_.ends_with("string"))) {
      error_ = *scan_.unclosed;
    } else if (scope_ == "table header") {
      error_.message = "expected `]`, found end of file";
    } else if (!value_noun().empty() && !line_.empty()) {
      offset_ = std::min(offset_, line_.size() - 1);
      value();
    } else if (scope_ == "key-value pair" && line_.find('=') == std::string_view::npos) {
      error_.message = "expected `=`, found end of file";
    } else if (scope_ == "key-value pair") {
      error_.message = "expected a value, found end of file";
    } else {
      error_.message = fmt::format("{} is not complete at the end of the file", scope_);
    }
  }

  void control_character() {
    if (offset_ >= line_.size() && scope_.ends_with("string")) {
      error_.message = "string is not closed on its line";
      error_.help = "a string of several lines is written between `\"\"\"` or `'''`";
    } else {
      error_.message = fmt::format("control character {} in a {}", found_here(), scope_);
    }
  }

  // The library reports a key that exists behind its `=`, and a part of a dotted key at that part.
  void redefined_key() {
    const bool dotted = reason_.ends_with("as dotted key-value pair");
    const std::size_t begin = key_begin();
    std::size_t end = std::min(offset_, line_.size());
    if (dotted) {
      end = std::min(line_.find_first_of(" \t.=", end), line_.size());
    } else {
      end = std::min(line_.rfind('=', end == 0 ? 0 : end - 1), end);
      while (end > begin && (line_[end - 1] == ' ' || line_[end - 1] == '\t')) --end;
    }
    span(begin, std::max(begin, end));
    const std::string key = shorten(line_.substr(begin, std::max(begin, end) - begin));
    if (dotted) {
      const std::string_view type = between(reason_, "existing ", " as dotted");
      error_.message = fmt::format("`{}` is already {} and cannot be extended", key, article(type));
    } else {
      error_.message = fmt::format("key `{}` is defined twice", key);
    }
  }

  // The start of the last key in front of the reported place: keys follow `{`, `,` or the start of the line.
  [[nodiscard]] std::size_t key_begin() const {
    std::size_t begin = 0;
    char quote = 0;
    for (std::size_t i = 0; i < std::min(offset_, line_.size()); ++i) {
      const char c = line_[i];
      if (quote != 0) {
        if (c == '\\' && quote == '"') ++i;
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '{' || c == ',') {
        begin = i + 1;
      }
    }
    return std::min(line_.find_first_not_of(" \t", begin), line_.size());
  }

  // An error in what the header's table is in comes when the line of the header has been left already.
  void redefined_header() {
    const bool inserted = reason_.starts_with("cannot insert");
    const bool twice = reason_.ends_with("'");
    const std::string_view key = between(reason_, "'", inserted ? "' into" : twice ? "'" : "' as");
    const std::string_view type = between(reason_, "existing ", fmt::format(" '{}'", key));

    bool parent = inserted || error_.column != narrow(header_begin() + 1);
    if (!twice && type != "table" && error_.line > 1) {
      const std::string_view previous = sources_.line(source_, error_.line - 1);
      if (is_header(previous, key) && !(type == "array" && previous.starts_with("[["))) {
        look_at(error_.line - 1);
        parent = true;
      }
    }
    const std::size_t end = line_.rfind(']');
    span(header_begin(), end == std::string_view::npos ? line_.size() : end + 1);

    if (inserted) {
      error_.message = fmt::format("`{}` cannot be added to an inline table", key);
    } else if (twice) {
      error_.message = fmt::format("table `{}` is defined twice", key);
    } else if (parent) {
      error_.message = fmt::format("`{}` cannot be added to {}", key, article(type));
    } else {
      const std::string_view wanted = reason_.ends_with("array-of-tables") ? "an array of tables" : "a table";
      error_.message = fmt::format("`{}` is already {} and cannot be {}", key, article(type), wanted);
    }
  }

  [[nodiscard]] std::size_t header_begin() const { return std::min(line_.find_first_not_of(" \t"), line_.size()); }

  [[nodiscard]] static bool is_header(std::string_view line, std::string_view key) {
    std::string header = without_blanks(line);
    header.resize(std::min(header.find('#'), header.size()));
    return header == fmt::format("[{}]", key) || header == fmt::format("[[{}]]", key);
  }

  [[nodiscard]] static std::string article(std::string_view type) {
    if (type.empty()) return "defined";
    const bool vowel = std::string_view("aeiou").find(type.front()) != std::string_view::npos;
    return fmt::format("{} {}", vowel ? "an" : "a", type);
  }

  // "expected comma or closing ']', saw 'x'" -> "expected `,` or `]`, found `x`"
  [[nodiscard]] std::string reworded_reason() const {
    struct Phrase {
      std::string_view theirs, ours;
    };
    static constexpr Phrase phrases[] = {
        {"expected keys, tables, whitespace or comments", "expected a key or a table header"},
        {"expected a comment or whitespace", "expected the end of the line"},
        {"expected comma or closing ']'", "expected `,` or `]`"},
        {"expected comma or closing '}'", "expected `,` or `}`"},
        {"expected value or closing ']', saw comma", "expected a value or `]`, found `,`"},
        {"expected key-value pair or closing '}', saw comma", "expected a key or `}`, found `,`"},
        {"expected key-value pair, saw closing '}' (dangling comma)", "expected a key, found `}`"},
        {"expected key or closing '}'", "expected a key or `}`"},
        {"expected bare key starting character or string delimiter", "expected a key"},
        {"tables with blank bare keys are explicitly prohibited", "expected a key, found `]`"},
        {"[[array-of-table]] brackets must be contiguous (i.e. [ [ this ] ] is prohibited)",
         "expected `[[` without a space in between"},
        {"multi-line strings are prohibited in", "a multi-line string cannot be part of"},
        {"vertical tabs '\\v' and form-feeds '\\f' are not legal line breaks in TOML",
         "vertical tabs and form feeds are no line breaks"},
        {"expected '\\n' after '\\r'", "expected a line feed after a carriage return"},
        {"unicode surrogates (U+D800 - U+DFFF) are explicitly prohibited", "a surrogate is no character"},
        {"values greater than U+10FFFF are invalid", "there is no character above U+10FFFF"},
        {"expected value-terminator", "expected the end of the value"},
        {"expected expected", "expected"},
        {"expected value", "expected a value"},
        {"encountered end-of-file", "it ends too early"},
        {"leading zeroes are prohibited", "leading zeros are not allowed"},
        {"is not representable in 64 bits", "it does not fit into 64 bits"},
        {" (inclusive)", ""},
    };
    std::string reason(reason_.substr(0, reason_.find(", saw '")));
    if (reason.size() < reason_.size()) reason += ", found " + found_here();
    for (const Phrase& phrase : phrases) {
      if (const auto at = reason.find(phrase.theirs); at != std::string::npos) {
        reason.replace(at, phrase.theirs.size(), phrase.ours);
      }
    }
    if (const auto at = reason.find(", saw "); at != std::string::npos) reason.replace(at, 6, ", found ");
    std::replace(reason.begin(), reason.end(), '\'', '`');
    return reason;
  }

  void other() { error_.message = reworded_reason(); }

  SyntaxError error_;
  const TomlScan& scan_;
  SourceId source_;
  const SourceMap& sources_;
  std::string_view scope_;  // into the reported message, as `reason_`
  std::string_view reason_;
  std::string_view line_;
  std::size_t offset_ = 0;  // of the reported place in `line_`
};

}  // namespace

SyntaxError rewrite_toml_error(const SyntaxError& reported, const TomlScan& scan, SourceId source,
                               const SourceMap& sources) {
  return Rewriter(reported, scan, source, sources).run();
}

}  // namespace trilock

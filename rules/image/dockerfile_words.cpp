#include "rules/image/dockerfile_words.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "schemas/json.hpp"

namespace trilock {
namespace {

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

void append(Word& word, const Word& from, std::size_t index) {
  word.text += from.text[index];
  word.at.push_back(from.at[index]);
}

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && blank(text[at])) ++at;
  return at;
}

DockerfileFlag make_flag(const Word& word) {
  DockerfileFlag flag;
  const auto equal = word.text.find('=');
  flag.name = word.text.substr(2, equal == std::string::npos ? equal : equal - 2);
  flag.has_value = equal != std::string::npos;
  if (flag.has_value) flag.value = word.part(equal + 1);
  return flag;
}

// A word of a flag line: up to a blank outside quotes, with quotes and backslashes resolved.
std::size_t read_flag_word(const Word& line, std::size_t at, Word& word) {
  char quote = 0;
  for (; at < line.text.size(); ++at) {
    const char c = line.text[at];
    if (quote == 0 && blank(c)) break;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote && quote != 0) {
      quote = 0;
    } else {
      if (c == '\\' && at + 1 < line.text.size()) ++at;
      append(word, line, at);
    }
  }
  return at;
}

class Expander {
 public:
  Expander(std::string_view text, char escape, const VariableLookup& lookup)
      : text_(text), escape_(escape), lookup_(lookup) {}

  std::string run(char stop) {
    std::string out;
    while (at_ < text_.size() && error.empty() && text_[at_] != stop) {
      const char c = text_[at_];
      if (c == '\'') {
        out += single_quoted();
      } else if (c == '"') {
        out += double_quoted();
      } else if (c == '$') {
        out += dollar();
      } else {
        if (c == escape_ && at_ + 1 < text_.size()) ++at_;
        out += text_[at_++];
      }
    }
    return out;
  }

  std::string error;
  bool unknown = false;

 private:
  std::string single_quoted() {
    const auto end = text_.find('\'', ++at_);
    if (end == std::string_view::npos) return error = "a `'` is never closed", "";
    const auto inner = text_.substr(at_, end - at_);
    at_ = end + 1;
    return std::string(inner);
  }

  std::string double_quoted() {
    std::string out;
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '$') {
        out += dollar();
        continue;
      }
      if (text_[at_] == escape_ && at_ + 1 < text_.size()) {
        const char next = text_[at_ + 1];
        if (next == '"' || next == '$' || next == escape_) ++at_;
      }
      out += text_[at_++];
    }
    if (at_ >= text_.size()) return error = "a `\"` is never closed", "";
    ++at_;
    return out;
  }

  std::string_view name() {
    const auto start = at_;
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    } else {
      while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_')) {
        ++at_;
      }
    }
    return text_.substr(start, at_ - start);
  }

  std::string dollar() {
    ++at_;
    const bool braces = at_ < text_.size() && text_[at_] == '{';
    if (braces) ++at_;
    const auto variable = name();
    if (!braces) {
      if (variable.empty()) return "$";
      return value_of(lookup_(variable));
    }
    if (variable.empty()) return error = "a `${` has no name after it", "";
    if (at_ < text_.size() && text_[at_] == '}') return ++at_, value_of(lookup_(variable));
    return modified(variable);
  }

  std::string value_of(VariableValue value) {
    if (value.kind == VariableValue::Kind::unknown) unknown = true;
    return std::move(value.text);
  }

  // After the name: `:-word}`, `-word}` and so on. The word is read in every case, for its end has to be found.
  std::string modified(std::string_view variable) {
    const bool colon = text_[at_ == text_.size() ? at_ - 1 : at_] == ':';
    if (colon) ++at_;
    const char modifier = at_ < text_.size() ? text_[at_] : '\0';
    if (modifier != '-' && modifier != '+' && modifier != '?') {
      return error = modifier == '\0'
                         ? "a `${` is never closed"
                         : fmt::format("`${{{}` has a modifier that is not known: `{}`", variable, modifier),
             "";
    }
    ++at_;
    const bool before = unknown;
    std::string word = run('}');
    const bool word_unknown = std::exchange(unknown, before);
    if (!error.empty()) return "";
    if (at_ >= text_.size()) return error = "a `${` is never closed", "";
    ++at_;
    VariableValue value = lookup_(variable);
    if (value.kind == VariableValue::Kind::unknown) return value_of(std::move(value));
    const bool set = value.kind == VariableValue::Kind::set && !(colon && value.text.empty());
    const bool use_word = modifier == '+' ? set : !set;
    if (modifier == '?' && !set) {
      return error = fmt::format("`{}`: {}", variable, word.empty() ? "not set" : word), "";
    }
    if (use_word) unknown = unknown || word_unknown;
    if (modifier == '+') return use_word ? word : "";
    return use_word ? word : value.text;
  }

  std::string_view text_;
  char escape_;
  const VariableLookup& lookup_;
  std::size_t at_ = 0;
};

// `word` as a heredoc, if it is one: digits, `<<`, an optional `-`, a name.
std::optional<Heredoc> heredoc_word(std::string_view word) {
  Heredoc doc;
  std::size_t at = 0;
  while (at < word.size() && std::isdigit(static_cast<unsigned char>(word[at])) != 0) ++at;
  if (at > 0 && std::from_chars(word.data(), word.data() + at, doc.descriptor).ec != std::errc{}) return {};
  if (word.substr(at, 2) != "<<") return {};
  at += 2;
  if (at < word.size() && word[at] == '-') doc.strip_tabs = true, ++at;
  const auto rest = word.substr(at);
  if (rest.empty() || rest.find('<') != std::string_view::npos) return {};
  const VariableLookup none = [](std::string_view name) {
    return VariableValue{VariableValue::Kind::set, fmt::format("${}", name)};
  };
  const auto name = expand_variables(rest, '\\', none);
  if (!name || !*name || (*name)->empty()) return {};
  doc.name = **name;
  doc.expand = rest.find_first_of("'\"") == std::string_view::npos;
  return doc;
}

}  // namespace

std::vector<DockerfileFlag> take_flags(Word& rest) {
  std::vector<DockerfileFlag> flags;
  std::size_t at = 0;
  while (true) {
    at = skip_blanks(rest.text, at);
    if (rest.text.compare(at, 2, "--") != 0) break;
    Word word;
    at = read_flag_word(rest, at, word);
    if (word.text == "--") break;
    flags.push_back(make_flag(word));
  }
  rest = rest.part(skip_blanks(rest.text, at));
  return flags;
}

std::vector<Word> split_fields(const Word& line) {
  std::vector<Word> words;
  for (std::size_t at = skip_blanks(line.text, 0); at < line.text.size(); at = skip_blanks(line.text, at)) {
    const auto start = at;
    while (at < line.text.size() && !blank(line.text[at])) ++at;
    words.push_back(line.part(start, at - start));
  }
  return words;
}

std::vector<Word> split_words(const Word& line, char escape) {
  std::vector<Word> words;
  for (std::size_t at = skip_blanks(line.text, 0); at < line.text.size(); at = skip_blanks(line.text, at)) {
    const auto start = at;
    char quote = 0;
    for (; at < line.text.size() && (quote != 0 || !blank(line.text[at])); ++at) {
      const char c = line.text[at];
      if (c == escape && quote != '\'' && at + 1 < line.text.size()) {
        ++at;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
    }
    words.push_back(line.part(start, std::min(at, line.text.size()) - start));
  }
  return words;
}

std::optional<std::vector<Word>> json_words(const Word& line) {
  const auto start = skip_blanks(line.text, 0);
  if (start >= line.text.size() || line.text[start] != '[') return {};
  const auto json = parse_json(line.text);
  if (!json || json->array() == nullptr) return {};
  std::vector<Word> words;
  for (const Json& element : *json->array()) {
    if (element.string() == nullptr) return {};
    words.push_back({*element.string(), std::vector<std::uint32_t>(element.string()->size(), line.at[start])});
  }
  return words;
}

std::vector<Heredoc> heredocs_of(const Word& line) {
  std::vector<Heredoc> docs;
  for (const Word& word : split_words(line, '\\')) {
    if (auto doc = heredoc_word(word.text)) docs.push_back(std::move(*doc));
  }
  return docs;
}

std::expected<std::optional<std::string>, std::string> expand_variables(std::string_view text, char escape,
                                                                        const VariableLookup& lookup) {
  Expander expander(text, escape, lookup);
  std::string out = expander.run('\0');
  if (!expander.error.empty()) return std::unexpected(expander.error);
  if (expander.unknown) return std::nullopt;
  return out;
}

}  // namespace trilock

#include "rules/command/shell_words.hpp"

#include <algorithm>
#include <cctype>

namespace trilock {
namespace {

constexpr int deepest = 100;
constexpr std::size_t longest_expression = 500;  // of arithmetic; so that a text of `((` costs no square of its length

bool ends_word(char c) {
  return std::string_view(" \t\n;&|<>()").find(c) != std::string_view::npos;
}

}  // namespace

bool is_shell_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool ShellWords::take(std::string_view expected) {
  if (!text_.substr(at_).starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

void ShellWords::skip_blanks() {
  for (;;) {
    if (peek() == ' ' || peek() == '\t')
      ++at_;
    else if (!take("\\\n"))
      return;
  }
}

ShellWords::Word ShellWords::read_word() {
  Word word;
  while (!done()) {
    const char c = peek();
    if ((c == '<' || c == '>') && peek(1) == '(' && word.empty) {
      at_ += 2;
      read_nested(word);
    } else if (ends_word(c)) {
      break;
    } else if (c == '\\') {
      read_escaped(word);
    } else if (c == '\'') {
      ++at_;
      add_quoted(word, text_.find('\'', at_));
    } else if (c == '"') {
      ++at_;
      read_double_quoted(word);
    } else if (c == '`') {
      read_backquoted(word);
    } else if (c == '$') {
      read_dollar(word);
    } else {
      // A pattern or a home directory becomes something else.
      if (c == '*' || c == '?' || (c == '~' && word.empty)) word.shell.plain = false;
      word.shell.text += text_.substr(at_, 1);
      ++at_;
    }
    word.empty = false;
  }
  return word;
}

void ShellWords::read_escaped(Word& word) {
  word.quoted = true;
  const char c = peek(1);
  at_ = std::min(at_ + 2, text_.size());
  if (c != '\n') word.shell.text += c == '\0' ? '\\' : c;
}

void ShellWords::add_quoted(Word& word, std::size_t end) {
  end = std::min(end, text_.size());
  word.shell.text += text_.substr(at_, end - at_);
  at_ = std::min(end + 1, text_.size());
  word.quoted = true;
}

void ShellWords::read_double_quoted(Word& word) {
  word.quoted = true;
  while (!done() && peek() != '"') {
    if (peek() == '\\' && std::string_view("$`\"\\\n").find(peek(1)) != std::string_view::npos) {
      if (peek(1) != '\n') word.shell.text += text_.substr(at_ + 1, 1);
      at_ = std::min(at_ + 2, text_.size());
    } else if (peek() == '`') {
      read_backquoted(word);
    } else if (peek() == '$' && peek(1) != '\'' && peek(1) != '"') {
      read_dollar(word);
    } else {
      word.shell.text += text_.substr(at_, 1);
      ++at_;
    }
  }
  if (!done()) ++at_;
}

void ShellWords::read_backquoted(Word& word) {
  word.shell.plain = false;
  ++at_;
  std::string inner;
  for (; !done() && peek() != '`'; ++at_) {
    if (peek() == '\\' && std::string_view("`\\$").find(peek(1)) != std::string_view::npos) ++at_;
    if (!done()) inner += peek();
  }
  if (!done()) ++at_;
  if (depth_ < deepest) read_script(inner, depth_ + 1);
}

void ShellWords::read_dollar(Word& word) {
  ++at_;
  if (peek() == '\'') {
    ++at_;
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != '\'') end += text_[end] == '\\' ? 2 : 1;
    return add_quoted(word, end);
  }
  if (take("\"")) return read_double_quoted(word);
  if (peek() == '(') {
    word.shell.plain = false;
    if (peek(1) == '(' && skip_arithmetic(2)) return;
    ++at_;
    return read_nested(word);
  }
  if (peek() == '{') return skip_braces(word);
  if (!is_shell_name_character(peek()) && std::string_view("@*#?-$!").find(peek()) == std::string_view::npos) {
    word.shell.text += "$";
    return;
  }
  word.shell.plain = false;
  if (is_shell_name_character(peek()))
    while (!done() && is_shell_name_character(peek())) ++at_;
  else
    ++at_;
}

// The commands of a substitution, whose opening is read.
void ShellWords::read_nested(Word& word) {
  word.shell.plain = false;
  if (depth_ == deepest) {
    at_ = text_.size();
    return;
  }
  ++depth_;
  read_substitution();
  --depth_;
}

bool ShellWords::skip_arithmetic(std::size_t opening) {
  std::size_t open = 2;
  const std::size_t last = std::min(text_.size(), at_ + longest_expression);
  for (std::size_t end = at_ + opening; end < last; ++end) {
    if (text_[end] == '(') ++open;
    if (text_[end] != ')') continue;
    if (--open == 1 && text_.substr(end, 2) != "))") return false;
    if (open > 1) continue;
    at_ = end + 2;
    return true;
  }
  return false;
}

void ShellWords::skip_braces(Word& word) {
  word.shell.plain = false;
  if (depth_ == deepest) {
    at_ = text_.size();
    return;
  }
  ++depth_;
  ++at_;
  Word inner;  // what is read in it for its substitutions
  while (!done() && peek() != '}') {
    const char c = peek();
    if (c == '\\') {
      at_ = std::min(at_ + 2, text_.size());
    } else if (c == '\'') {
      ++at_;
      add_quoted(inner, text_.find('\'', at_));
    } else if (c == '"') {
      ++at_;
      read_double_quoted(inner);
    } else if (c == '`') {
      read_backquoted(inner);
    } else if (c == '$') {
      read_dollar(inner);
    } else {
      ++at_;
    }
  }
  if (!done()) ++at_;
  --depth_;
}

}  // namespace trilock

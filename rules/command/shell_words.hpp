// The words of a shell script: quotes are taken off, and what is expanded only when the script runs is passed over, but
// for the commands in it. POSIX.1-2024, Shell Command Language, 2.2 and 2.6. Belongs to one thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace trilock {

struct ShellWord {
  std::string text;   // without its quotes
  bool plain = true;  // false: what it becomes is known only when it is expanded
  friend bool operator==(const ShellWord&, const ShellWord&) = default;
};

// Reads a text from its beginning; never beyond its end.
class ShellWords {
 public:
  // `depth`: how many substitutions it stands in. What is nested too deep to be meant is passed over.
  ShellWords(std::string_view text, int depth) : text_(text), depth_(depth) {}
  ShellWords(const ShellWords&) = delete;
  ShellWords& operator=(const ShellWords&) = delete;

 protected:
  ~ShellWords() = default;

  // The commands of a substitution that has begun, to its `)`, which is taken.
  virtual void read_substitution() = 0;
  // Those between backquotes.
  virtual void read_script(std::string_view text, int depth) = 0;

  struct Word {
    ShellWord shell;
    bool quoted = false;
    bool empty = true;  // nothing was there
  };
  Word read_word();
  void skip_blanks();
  // An expression that begins at the `((` which `opening` characters end. False, and nothing is read, when it does not
  // end as one does: then it is a subshell in a subshell.
  bool skip_arithmetic(std::size_t opening);

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool take(std::string_view expected);

  std::string_view text_;
  std::size_t at_ = 0;

 private:
  void add_quoted(Word& word, std::size_t end);
  void read_escaped(Word& word);
  void read_double_quoted(Word& word);
  void read_backquoted(Word& word);
  void read_dollar(Word& word);
  void read_nested(Word& word);
  void skip_braces(Word& word);

  int depth_;
};

[[nodiscard]] bool is_shell_name_character(char c);

}  // namespace trilock

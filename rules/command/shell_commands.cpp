// One pass over the text. What a word means depends on where it stands: a keyword is one only where a command may
// begin, a `)` ends a pattern of `case`, a subshell or a substitution. Substitutions are read by the same loop, one
// level deeper.
#include "rules/command/shell_commands.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace trilock {
namespace {

// A command may begin right after these.
constexpr std::array<std::string_view, 11> openers = {"!",    "coproc", "do",    "elif",  "else", "if",
                                                      "then", "time",   "until", "while", "{"};
// These end a compound command; what follows up to the next separator is no command.
constexpr std::array<std::string_view, 4> closers = {"done", "esac", "fi", "}"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

class Reader final : public ShellWords {
 public:
  Reader(std::string_view text, int depth, ShellScript& script) : ShellWords(text, depth), script_(script) {}

  void read() { read_list('\0'); }

 private:
  enum class Case : std::uint8_t { subject, in, pattern, body };
  // Where a list is: the command that is being read, and what it is nested in.
  struct List {
    ShellCommand command;
    bool at_command = true;   // the next word may be a keyword or the name of a command
    bool no_command = false;  // words that are none: of `for`, behind `done`
    std::size_t parentheses = 0;
    std::vector<Case> cases;
  };

  void read_substitution() override { read_list(')'); }
  void read_script(std::string_view text, int depth) override { Reader(text, depth, script_).read(); }

  // Up to `end`, which is taken: of a substitution its `)`. `\0`: to the end of the text.
  void read_list(char end) {
    List list;
    while (!done()) {
      skip_blanks();
      if (done()) break;
      if (peek() == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      if (peek() == ')' && end == ')' && list.parentheses == 0 && !in_pattern(list)) {
        ++at_;
        break;
      }
      if (!read_operator(list)) read_command_word(list);
    }
    end_command(list);
  }

  static bool in_pattern(const List& list) { return !list.cases.empty() && list.cases.back() == Case::pattern; }

  void end_command(List& list) {
    if (!list.command.empty() && !list.no_command) script_.commands.push_back(std::move(list.command));
    list.command.clear();
    list.at_command = true;
    list.no_command = false;
  }

  bool read_operator(List& list) {
    const char c = peek();
    if (c == '<' || c == '>' || (c == '&' && peek(1) == '>')) return read_redirection(list);
    if (c == '(') return read_parenthesis(list);
    if (c == ')') {
      ++at_;
      end_command(list);
      if (in_pattern(list)) {
        list.cases.back() = Case::body;
      } else {
        if (list.parentheses > 0) --list.parentheses;
        list.no_command = true;  // redirections may follow, and then a separator
      }
      return true;
    }
    if (c != '\n' && c != ';' && c != '&' && c != '|') return false;
    if (c == '|' && in_pattern(list)) {
      ++at_;
      return true;
    }
    const bool ends_case = take(";;&") || take(";;") || take(";&");
    if (!ends_case) ++at_;
    // `case x` and its `in` may stand on lines of their own.
    if (c == '\n' && !list.cases.empty() && list.cases.back() == Case::in) return read_here_documents();
    end_command(list);
    if (ends_case && !list.cases.empty()) list.cases.back() = Case::pattern;
    return c != '\n' || read_here_documents();
  }

  bool read_parenthesis(List& list) {
    if (in_pattern(list)) {
      ++at_;
      return true;
    }
    if (list.at_command && list.command.empty() && peek(1) == '(' && skip_arithmetic(2)) {
      list.no_command = true;
      return true;
    }
    ++at_;
    // A function: its name is the command that was read so far.
    if (list.command.size() == 1 && list.command.front().plain) {
      skip_blanks();
      if (take(")")) {
        script_.functions.insert(std::move(list.command.front().text));
        list.command.clear();
        list.at_command = true;
        return true;
      }
    }
    end_command(list);
    ++list.parentheses;
    return true;
  }

  bool read_redirection(List& list) {
    if ((peek() == '<' || peek() == '>') && peek(1) == '(') {  // bash: a process substitution
      read_command_word(list);
      return true;
    }
    if (take("<<<")) {
      skip_blanks();
      static_cast<void>(read_word());
      return true;
    }
    const bool indented = text_.substr(at_).starts_with("<<-");
    if (take("<<-") || take("<<")) {
      skip_blanks();
      here_documents_.push_back({read_word().shell.text, indented});
      return true;
    }
    while (peek() == '<' || peek() == '>' || peek() == '&' || peek() == '|') ++at_;
    skip_blanks();
    static_cast<void>(read_word());
    return true;
  }

  bool read_here_documents() {
    for (const auto& [end, indented] : std::exchange(here_documents_, {})) {
      while (!done()) {
        const std::size_t line_end = std::min(text_.find('\n', at_), text_.size());
        std::string_view line = text_.substr(at_, line_end - at_);
        at_ = std::min(line_end + 1, text_.size());
        if (indented) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
        if (line == end) break;
      }
    }
    return true;
  }

  void read_command_word(List& list) {
    const std::size_t before = at_;
    Word word = read_word();
    if (at_ == before) {  // a character that begins nothing
      ++at_;
      return;
    }
    const std::string_view text = word.shell.text;
    const bool bare = !word.quoted && word.shell.plain;
    // The number of a redirection.
    if (bare && (peek() == '<' || peek() == '>') && text.find_first_not_of("0123456789") == text.npos) return;
    if (!list.cases.empty() && read_case_word(list, bare ? text : "")) return;
    if (bare && list.at_command && list.command.empty() && read_keyword(list, text)) return;
    if (list.no_command) return;
    const bool assigns = list.at_command && is_assignment(word);
    if (assigns && peek() == '(' && text.ends_with('=')) skip_array();
    list.at_command = assigns;
    list.command.push_back(std::move(word.shell));
  }

  // Words that are no commands: of what `case` looks at, `in`, and patterns.
  bool read_case_word(List& list, std::string_view word) {
    Case& state = list.cases.back();
    if (state == Case::body) return false;
    if (state == Case::pattern) {
      if (word == "esac") {
        list.cases.pop_back();
        list.no_command = true;
      }
      return true;
    }
    state = state == Case::subject ? Case::in : Case::pattern;
    return true;
  }

  bool read_keyword(List& list, std::string_view word) {
    if (is_one_of(word, openers)) {
      if (word == "time") {
        skip_blanks();
        take("-p");
      }
      return true;
    }
    if (is_one_of(word, closers)) {
      if (word == "esac" && !list.cases.empty()) list.cases.pop_back();
      list.no_command = true;
      list.at_command = false;
    } else if (word == "case") {
      list.cases.push_back(Case::subject);
    } else if (word == "for" || word == "select") {
      read_loop_head(list);
    } else if (word == "function") {
      skip_blanks();
      script_.functions.insert(read_word().shell.text);
      skip_blanks();
      if (take("(")) {
        skip_blanks();
        take(")");
      }
    } else if (word == "[[") {
      skip_test();
      list.no_command = true;
      list.at_command = false;
    } else {
      return false;
    }
    return true;
  }

  // `for NAME do`, `for NAME in WORD…;`, `for ((…));`
  void read_loop_head(List& list) {
    skip_blanks();
    if (text_.substr(at_).starts_with("((")) {
      skip_arithmetic(2);
      list.no_command = true;
      return;
    }
    static_cast<void>(read_word());
    skip_blanks();
    const std::size_t before = at_;
    const Word next = read_word();
    if (next.shell.text == "do" && !next.quoted) return;
    at_ = before;
    list.no_command = true;
    list.at_command = false;
  }

  void skip_test() {
    while (!done()) {
      skip_blanks();
      const std::size_t before = at_;
      const Word word = read_word();
      if (at_ == before) ++at_;
      if (word.shell.text == "]]" && !word.quoted) return;
    }
  }

  void skip_array() {
    ++at_;
    while (!done() && !take(")")) {
      const std::size_t before = at_;
      static_cast<void>(read_word());
      if (at_ == before) ++at_;
    }
  }

  static bool is_assignment(const Word& word) {
    const std::string_view text = word.shell.text;
    std::size_t end = 0;
    while (end < text.size() && is_shell_name_character(text[end])) ++end;
    if (end == 0 || std::isdigit(static_cast<unsigned char>(text.front())) != 0) return false;
    if (end < text.size() && text[end] == '[') end = std::min(text.find(']', end), text.size() - 1) + 1;
    return text.substr(end).starts_with('=') || text.substr(end).starts_with("+=");
  }

  ShellScript& script_;
  std::vector<std::pair<std::string, bool>> here_documents_;  // announced and not read yet: how they end, and `<<-`
};

}  // namespace

ShellScript read_shell_script(std::string_view text) {
  ShellScript script;
  Reader(text, 0, script).read();
  return script;
}

}  // namespace trilock

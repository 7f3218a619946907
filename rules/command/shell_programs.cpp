#include "rules/command/shell_programs.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <utility>

#include "rules/command/shell_commands.hpp"

namespace trilock {
namespace {

constexpr int deepest = 20;  // commands of commands, scripts in scripts

// Of POSIX and bash.
constexpr auto builtins = std::to_array<std::string_view>(
    {".",       ":",       "[",         "alias",    "bg",       "bind",    "break",   "builtin", "caller",  "cd",
     "command", "compgen", "complete",  "compopt",  "continue", "declare", "dirs",    "disown",  "echo",    "enable",
     "eval",    "exec",    "exit",      "export",   "false",    "fc",      "fg",      "getopts", "hash",    "help",
     "history", "jobs",    "kill",      "let",      "local",    "logout",  "mapfile", "popd",    "printf",  "pushd",
     "pwd",     "read",    "readarray", "readonly", "return",   "set",     "shift",   "shopt",   "source",  "suspend",
     "test",    "times",   "trap",      "true",     "type",     "typeset", "ulimit",  "umask",   "unalias", "unset",
     "wait",    "]",       "]]",        "}"});

constexpr auto shells = std::to_array<std::string_view>({"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"});

// Programs and builtins that start the command behind their options. `with_value` holds the letters of options that
// take the next word, `operands` is how many words come before the command.
struct Wrapper {
  std::string_view name;
  std::string_view with_value;
  std::size_t operands = 0;
};
constexpr std::array<Wrapper, 14> wrappers = {{{"builtin", ""},
                                               {"command", ""},
                                               {"env", "uCS"},
                                               {"exec", "a"},
                                               {"flock", "wE", 1},
                                               {"ionice", "cnpt"},
                                               {"nice", "n"},
                                               {"nohup", ""},
                                               {"setsid", ""},
                                               {"stdbuf", "ioe"},
                                               {"sudo", "ughpCTRDr"},
                                               {"time", "fo"},
                                               {"timeout", "ks", 1},
                                               {"xargs", "aEIiLlnPsd"}}};

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view base_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_assignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == 0 || equals == word.npos) return false;
  return word.substr(0, equals).find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_[]+") == word.npos;
}

class Finder {
 public:
  void script(std::string_view text, int depth) {
    if (depth > deepest) return;
    ShellScript found = read_shell_script(text);
    functions_.merge(found.functions);
    for (const ShellCommand& words : found.commands) command(words, depth);
  }

  void command(std::span<const ShellWord> words, int depth) {
    while (!words.empty() && is_assignment(words.front().text)) words = words.subspan(1);
    if (depth > deepest || words.empty() || !words.front().plain || words.front().text.empty()) return;
    const std::string& name = words.front().text;
    const std::string_view base = base_of(name);
    found_.push_back(name);
    words = words.subspan(1);
    if (contains(shells, base)) return shell(words, depth);
    if (base == "find") return find(words, depth);
    if (name == "eval" || name == "trap") {
      if (!words.empty() && words.front().plain) script(words.front().text, depth + 1);
      return;
    }
    const auto wrapper = std::ranges::find(wrappers, base, &Wrapper::name);
    if (wrapper == wrappers.end()) return;
    if (base == "command" && !words.empty() && (words.front().text == "-v" || words.front().text == "-V")) return;
    words = behind_options(words, wrapper->with_value);
    while (base == "env" && !words.empty() && is_assignment(words.front().text)) words = words.subspan(1);
    command(words.subspan(std::min(wrapper->operands, words.size())), depth + 1);
  }

  [[nodiscard]] std::vector<std::string> programs() const {
    std::vector<std::string> names;
    std::set<std::string_view> seen;
    for (const std::string& name : found_)
      if (!contains(builtins, name) && !functions_.contains(name) && seen.insert(name).second) names.push_back(name);
    return names;
  }

 private:
  // `-abc` are three options, of which the last may take what follows.
  static std::span<const ShellWord> behind_options(std::span<const ShellWord> words, std::string_view with_value) {
    while (!words.empty() && words.front().text.starts_with('-') && words.front().text.size() > 1) {
      const std::string_view option = words.front().text;
      words = words.subspan(1);
      if (option == "--") break;
      if (option.starts_with("--")) continue;
      const std::size_t letter = option.find_first_of(with_value);
      if (letter + 1 == option.size() && !words.empty()) words = words.subspan(1);
    }
    return words;
  }

  // `sh -euc TEXT`, `bash -o pipefail -c TEXT`.
  void shell(std::span<const ShellWord> words, int depth) {
    bool from_argument = false;
    while (!words.empty() && (words.front().text.starts_with('-') || words.front().text.starts_with('+'))) {
      const std::string_view option = words.front().text;
      words = words.subspan(1);
      if (option == "--") break;
      const bool is_long = option.starts_with("--");
      from_argument = from_argument || (!is_long && option.contains('c'));
      const bool takes_value =
          is_long ? option == "--rcfile" || option == "--init-file" : option.find_first_of("oO") != option.npos;
      if (takes_value && !words.empty()) words = words.subspan(1);
    }
    if (from_argument && !words.empty() && words.front().plain) script(words.front().text, depth + 1);
  }

  // Each `-exec COMMAND ;` and `-exec COMMAND +`.
  void find(std::span<const ShellWord> words, int depth) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words[i].text;
      if (word != "-exec" && word != "-execdir" && word != "-ok" && word != "-okdir") continue;
      const std::size_t begin = std::min(++i, words.size());
      while (i < words.size() && words[i].text != ";" && words[i].text != "+") ++i;
      command(words.subspan(begin, i - begin), depth + 1);
    }
  }

  std::vector<std::string> found_;
  std::set<std::string, std::less<>> functions_;
};

}  // namespace

std::vector<std::string> programs_of_script(std::string_view script) {
  Finder finder;
  finder.script(script, 0);
  return finder.programs();
}

std::vector<std::string> programs_of_command(std::span<const std::string> words) {
  std::vector<ShellWord> plain;
  for (const std::string& word : words) plain.push_back({word, true});
  Finder finder;
  finder.command(plain, 0);
  return finder.programs();
}

}  // namespace trilock

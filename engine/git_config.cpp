#include "engine/git_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cache/settings_file.hpp"

namespace trilock {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t largest_config = 16 * 1024 * 1024;
constexpr int deepest_include = 10;  // MAX_INCLUDE_DEPTH of git

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : rest_(text), file_(file) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  Result<std::vector<GitSetting>> parse() {
    while (skip_blanks()) {
      const char c = rest_.front();
      const bool understood = c == '#' || c == ';' ? skip_line() : c == '[' ? section() : variable();
      if (!understood)
        return fail(ErrorKind::invalid, fmt::format("cannot read `{}`: bad line {}", file_, line_),
                    "it is no configuration of git; `git config --list` says the same");
    }
    return std::move(settings_);
  }

 private:
  bool skip_blanks() {
    while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == '\n')) take();
    return !rest_.empty();
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++line_;
    return c;
  }

  bool skip_line() {
    while (!rest_.empty() && rest_.front() != '\n') take();
    return true;
  }

  // "[core]", "[filter "lfs"]", and the old "[branch.main]".
  bool section() {
    take();
    section_.clear();
    while (!rest_.empty() && (is_name_character(rest_.front()) || rest_.front() == '.')) section_ += lower(take());
    if (!rest_.empty() && is_blank(rest_.front())) {
      while (!rest_.empty() && is_blank(rest_.front())) take();
      if (rest_.empty() || take() != '"') return false;
      section_ += '.';
      for (;;) {
        if (rest_.empty() || rest_.front() == '\n') return false;
        char c = take();
        if (c == '"') break;
        if (c == '\\' && (rest_.empty() || (c = take()) == '\n')) return false;
        section_ += c;
      }
    }
    if (rest_.empty() || take() != ']') return false;
    section_ += '.';
    return true;
  }

  bool variable() {
    std::string name;
    while (!rest_.empty() && is_name_character(rest_.front())) name += lower(take());
    if (name.empty()) return false;
    while (!rest_.empty() && is_blank(rest_.front())) take();
    std::string text;
    if (!rest_.empty() && rest_.front() == '=') {
      take();
      if (!value(text)) return false;
    } else if (!rest_.empty() && rest_.front() != '\n' && rest_.front() != '#' && rest_.front() != ';') {
      return false;
    }
    settings_.push_back({section_ + name, std::move(text), file_});
    return true;
  }

  // To the end of the line, or of those that it is continued on; blanks at both ends do not count.
  bool value(std::string& text) {
    bool quoted = false;
    std::size_t kept = 0;  // of `text`, without blanks behind it
    while (!rest_.empty() && is_blank(rest_.front())) take();
    while (!rest_.empty()) {
      if (rest_.front() == '\n') {
        if (quoted) return false;
        break;
      }
      char c = take();
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        break;
      }
      if (c == '"') {
        quoted = !quoted;
        kept = text.size();
        continue;
      }
      const bool escaped = c == '\\';
      if (escaped) {
        if (rest_.starts_with("\r\n")) take();
        if (rest_.empty()) break;
        c = take();
        if (c == '\n') continue;
        constexpr std::string_view letters = "tbn\\\"";
        const std::size_t which = letters.find(c);
        if (which == std::string_view::npos) return false;
        c = "\t\b\n\\\""[which];
      }
      text += c;
      if (quoted || escaped || !is_blank(c)) kept = text.size();
    }
    text.resize(kept);
    return !quoted;
  }

  std::string_view rest_;
  const std::string& file_;
  std::size_t line_ = 1;
  std::string section_;  // with the dot behind it; "" before the first
  std::vector<GitSetting> settings_;
};

bool is_include(std::string_view key) {
  return key == "include.path" || (key.starts_with("includeif.") && key.ends_with(".path"));
}

Status read(const std::string& file, const std::string& home, int depth, std::vector<GitSetting>& settings) {
  const Result<std::string> text = read_settings_file(file, largest_config);
  if (!text && text.error().kind == ErrorKind::not_found) return {};
  if (!text) return std::unexpected(text.error());
  Result<std::vector<GitSetting>> found = parse_git_config(*text, file);
  if (!found) return std::unexpected(found.error());
  for (GitSetting& setting : *found) {
    if (is_include(setting.key)) {
      std::string path = setting.value;
      if (path.starts_with("~/")) path = home + path.substr(1);
      if (depth == deepest_include || path.starts_with('~') || path.starts_with("%(") || path.contains('\0'))
        return fail(ErrorKind::invalid, fmt::format("`{}` of `{}` cannot be followed", setting.key, file),
                    "git would take settings from there that trilock cannot look at; write the path in full, or remove "
                    "the setting");
      if (!path.starts_with('/')) path = file.substr(0, file.rfind('/') + 1) + path;
      if (Status included = read(path, home, depth + 1, settings); !included) return included;
    }
    settings.push_back(std::move(setting));
  }
  return {};
}

struct Off {
  std::string_view key;
  std::string_view value;
};

// Those for which an empty value means something else than nothing.
constexpr std::array special = {
    Off{"core.fsmonitor", "false"},
    Off{"core.hookspath", "/dev/null"},
    Off{"core.pager", "cat"},
    Off{"core.usebuiltinfsmonitor", "0"},
    Off{"pager", "false"},
    Off{"filter.required", "false"},
    Off{"hook.enabled", "false"},
    Off{"gpg.program", "false"},
    Off{"log.showsignature", "false"},
    Off{"protocol.allow", "never"},
    Off{"submodule.recurse", "false"},
    Off{"status.submodulesummary", "false"},
};

// The last words of names of keys that name programs, of today's git and in all likelihood of tomorrow's.
constexpr std::array program_words = {
    "askpass"sv,  "browser"sv, "clean"sv,      "cmd"sv,         "command"sv, "driver"sv,   "editor"sv,
    "external"sv, "filter"sv,  "fsmonitor"sv,  "helper"sv,      "hook"sv,    "httpd"sv,    "pager"sv,
    "process"sv,  "program"sv, "proxy"sv,      "receivepack"sv, "smudge"sv,  "textconv"sv, "tool"sv,
    "trigger"sv,  "tunnel"sv,  "uploadpack"sv, "vcs"sv,         "viewer"sv};

// Sections of which every key is a program's, or its path.
constexpr std::array program_sections = {"browser."sv, "difftool."sv, "guitool."sv,
                                         "hook."sv,    "man."sv,      "mergetool."sv};

}  // namespace

Result<std::vector<GitSetting>> parse_git_config(std::string_view text, const std::string& file) {
  return Parser(text, file).parse();
}

Status read_git_config(const std::string& file, const std::string& home, std::vector<GitSetting>& settings) {
  return read(file, home, 0, settings);
}

std::optional<std::string_view> git_program_off(std::string_view key) {
  const std::string_view section = key.substr(0, key.find('.'));
  const std::string_view name = key.substr(key.rfind('.') + 1);
  const bool alone = section.size() + 1 + name.size() == key.size();
  const auto known = std::ranges::find_if(special, [&](const Off& off) {
    if (off.key == key || off.key == section) return true;
    // "filter.required" stands for `filter.NAME.required`.
    const std::size_t dot = off.key.find('.');
    return !alone && off.key.substr(0, dot) == section && dot != off.key.npos && off.key.substr(dot + 1) == name;
  });
  if (known != special.end()) return known->value;
  const auto ends = [&](std::string_view word) { return name.ends_with(word); };
  const auto begins = [&](std::string_view with) { return key.starts_with(with); };
  if (std::ranges::any_of(program_words, ends) || std::ranges::any_of(program_sections, begins)) return "";
  return std::nullopt;
}

}  // namespace trilock

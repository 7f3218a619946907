#include "rules/command/build_files.hpp"

#include <algorithm>
#include <utility>

namespace trilock {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// A scalar of YAML on one line: quotes and a comment behind it taken off. Of escapes only `\"`, `\\` and `''` are
// known; others leave their backslash.
std::string yaml_scalar(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    const char quote = text.front();
    std::string value;
    for (std::size_t i = 1; i < text.size(); ++i) {
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      const bool escaped =
          quote == '"' ? text[i] == '\\' && (next == '"' || next == '\\') : text[i] == quote && next == quote;
      if (escaped) ++i;
      if (!escaped && text[i] == quote) break;
      value += text[i];
    }
    return value;
  }
  return std::string(trimmed(text.substr(0, text.find(" #"))));
}

bool is_plain(std::string_view text) {
  return !text.empty() && !text.contains("{{") && !text.contains('$') && !text.contains(": ");
}

bool is_target_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.front() != '.' && name.front() != '-' && std::ranges::all_of(name, allowed);
}

// The elements of `[a, b]`.
void add_flow_list(std::string_view text, std::vector<std::string>& list) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (std::string word = yaml_scalar(text.substr(0, comma)); is_plain(word)) list.push_back(std::move(word));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
}

// Walks the lines of a Taskfile by their indentation: the section `tasks`, in it the targets, in them their keys.
class TaskfileReader {
 public:
  std::vector<BuildTarget> read(std::string_view text) {
    while (!text.empty()) {
      const std::string_view line = take_line(text);
      const std::size_t indent = line.find_first_not_of(' ');
      if (indent == line.npos || line[indent] == '#') continue;
      take(indent, trimmed(line));
    }
    std::erase_if(targets_, [](const Read& each) { return each.internal; });
    std::vector<BuildTarget> result;
    for (Read& each : targets_) result.push_back(std::move(each.target));
    return result;
  }

 private:
  struct Read {
    BuildTarget target;
    bool internal = false;
  };

  void take(std::size_t indent, std::string_view line) {
    if (indent == 0) {
      in_tasks_ = line.starts_with("tasks:");
      name_indent_ = key_indent_ = 0;
    } else if (in_tasks_ && (name_indent_ == 0 || indent == name_indent_)) {
      name_indent_ = indent;
      begin_target(line);
    } else if (in_tasks_ && indent > name_indent_ && in_target_) {
      if (key_indent_ == 0) key_indent_ = indent;
      if (line.starts_with("- "))
        add_element(line.substr(2));
      else if (indent == key_indent_)
        begin_key(line);
    }
  }

  void begin_target(std::string_view line) {
    key_indent_ = 0;
    list_ = nullptr;
    const bool quoted = line.front() == '"' || line.front() == '\'';
    const std::size_t end = quoted ? line.find(line.front(), 1) : line.find(": ");
    std::string name = quoted ? yaml_scalar(line) : std::string(line.substr(0, end));
    if (!quoted && end == line.npos && name.ends_with(':')) name.pop_back();
    in_target_ = is_target_name(name);
    if (in_target_) targets_.push_back({{std::move(name), {}, {}, {}}, false});
  }

  void begin_key(std::string_view line) {
    list_ = nullptr;
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return;
    const std::string_view key = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    Read& read = targets_.back();
    if (key == "desc" && is_plain(yaml_scalar(value))) read.target.description = yaml_scalar(value);
    if (key == "internal" && value == "true") read.internal = true;
    if (key == "sources") list_ = &BuildTarget::sources;
    if (key == "generates") list_ = &BuildTarget::results;
    if (list_ != nullptr) add_flow_list(value, read.target.*list_);
  }

  void add_element(std::string_view text) {
    if (list_ == nullptr) return;
    if (std::string word = yaml_scalar(text); is_plain(word))
      (targets_.back().target.*list_).push_back(std::move(word));
  }

  std::vector<Read> targets_;
  bool in_tasks_ = false;
  bool in_target_ = false;
  std::size_t name_indent_ = 0;
  std::size_t key_indent_ = 0;
  std::vector<std::string> BuildTarget::*list_ = nullptr;
};

// The names before the colon of a rule; empty for any other line.
std::vector<std::string> rule_names(std::string_view line, std::string_view& rest) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos || line.front() == '\t' || line.front() == ' ' || line.front() == '#') return {};
  if (const std::size_t equals = line.find('='); equals != line.npos && equals <= colon + 2) return {};
  rest = line.substr(colon + 1);
  std::vector<std::string> names;
  std::string_view left = trimmed(line.substr(0, colon));
  while (!left.empty()) {
    const std::size_t blank = std::min(left.find_first_of(" \t"), left.size());
    names.emplace_back(left.substr(0, blank));
    left = trimmed(left.substr(blank));
  }
  return names;
}

// What stands behind the colon, up to the recipe, a comment, or what is for the order only; not variables of the
// target.
std::vector<std::string> prerequisites(std::string_view rest) {
  std::vector<std::string> words;
  if (rest.starts_with(':')) rest.remove_prefix(1);
  if (rest.contains('=')) return words;
  std::string_view left = trimmed(rest.substr(0, rest.find_first_of("#;|\\")));
  while (!left.empty()) {
    const std::size_t blank = std::min(left.find_first_of(" \t"), left.size());
    const std::string_view word = left.substr(0, blank);
    if (is_plain(word) && !word.contains('%')) words.emplace_back(word);
    left = trimmed(left.substr(blank));
  }
  return words;
}

}  // namespace

std::vector<BuildTarget> taskfile_targets(std::string_view text) {
  return TaskfileReader().read(text);
}

std::vector<BuildTarget> makefile_targets(std::string_view text) {
  std::vector<BuildTarget> targets;
  std::string comment;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with("#")) {
      comment = std::string(trimmed(line.substr(std::min(line.find_first_not_of('#'), line.size()))));
      continue;
    }
    std::string_view rest;
    const std::vector<std::string> names = line.empty() ? std::vector<std::string>() : rule_names(line, rest);
    for (const std::string& name : names) {
      if (!is_target_name(name) || name.contains(':')) continue;
      if (std::ranges::find(targets, name, &BuildTarget::name) != targets.end()) continue;
      BuildTarget target{.name = name, .description = comment, .sources = {}, .results = {}};
      const std::size_t help = rest.find("## ");
      if (help != rest.npos) target.description = std::string(trimmed(rest.substr(help + 3)));
      target.sources = prerequisites(rest);
      targets.push_back(std::move(target));
    }
    if (!names.empty() || line.empty()) comment.clear();
  }
  return targets;
}

}  // namespace trilock

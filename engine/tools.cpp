#include "engine/tools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "cache/hash.hpp"
#include "engine/process.hpp"

namespace trilock {
namespace {

// Linux follows so many interpreters of interpreters (BINPRM_MAX_RECURSION) and reads so much of a script's first line
// (BINPRM_BUF_SIZE).
constexpr int most_interpreters = 4;
constexpr std::size_t longest_line = 256;

constexpr std::string_view answers_are_lines = "first line of a script";

// The first line of a script is kept by the script's content alone, so it can never be stale.
FastDigest question_of(const FastDigest& content) {
  return fast_digest(fmt::format("{}: {}", answers_are_lines, content.hex()));
}

// A zero can be in none of them.
std::string memo_key(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (const std::string_view part : parts) key.append(part).append(1, '\0');
  return key;
}

std::string_view take_word(std::string_view& text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The program that `env` starts: its first argument that is neither an option nor an assignment.
std::string_view program_of_env(std::string_view arguments) {
  for (std::string_view word = take_word(arguments); !word.empty(); word = take_word(arguments))
    if (!word.starts_with('-') && word.find('=') == std::string_view::npos) return word;
  return {};
}

}  // namespace

void Tools::remember(const std::vector<StoredAnswer>& answers) {
  const std::lock_guard lock(mutex_);
  for (const StoredAnswer& stored : answers) {
    if (!stored.fingerprint.starts_with(answers_are_lines)) continue;
    const auto hex = std::string_view(stored.fingerprint).substr(answers_are_lines.size());
    const auto content = FastDigest::from_hex(hex);
    if (content && stored.question == question_of(*content)) of_content_.insert_or_assign(*content, stored.answer);
  }
}

std::vector<StoredAnswer> Tools::take_new_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fresh_, {});
}

Result<Tool> Tools::identify(const std::string& name, std::string path) {
  const Result<ContentDigests> digests = tree_.strong_digest(path);
  if (!digests) return std::unexpected(digests.error());
  return Tool{.name = name, .path = std::move(path), .identity = digests->strong.hex(), .version = {}};
}

Result<Tool> Tools::find(const std::string& name, const std::string& path_variable) {
  const std::string key = memo_key({name, path_variable});
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = found_.find(key); found != found_.end()) return found->second;
  }
  const SourceTree::AskedFor everybody(SourceTree::everybody);  // who gets it from memory does not look
  const std::string path = find_executable(tree_, name, path_variable, "");
  if (path.empty()) return fail(ErrorKind::tool_missing, fmt::format("`{}` is not in PATH", name));
  Result<Tool> tool = identify(name, path);
  // One that lies in the workspace may be made anew by any node.
  if (!tool || path.starts_with(tree_.root() + "/")) return tool;
  const std::lock_guard lock(mutex_);
  found_.emplace(key, *tool);
  return tool;
}

std::string Tools::first_line(const std::string& path) {
  const Result<FastDigest> content = tree_.digest(path);
  if (!content) return {};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = of_content_.find(*content); known != of_content_.end()) return known->second;
  }
  const Result<std::string> start = tree_.disk().read_start(tree_.absolute(path), longest_line);
  if (!start) return {};
  std::string line;
  if (start->starts_with("#!")) line = start->substr(2, std::min(start->find('\n'), start->size()) - 2);
  const std::lock_guard lock(mutex_);
  if (of_content_.emplace(*content, line).second)
    fresh_.push_back({question_of(*content), std::string(answers_are_lines) + content->hex(), line});
  return line;
}

std::vector<Tool> Tools::interpreters(const std::string& name, const std::string& path,
                                      const std::string& path_variable) {
  const std::string key = memo_key({name, path, path_variable});
  const bool may_change = path.starts_with(tree_.root() + "/");
  std::optional<SourceTree::AskedFor> everybody;
  if (!may_change) {
    const std::lock_guard lock(mutex_);
    if (const auto known = interpreters_.find(key); known != interpreters_.end()) return known->second;
    everybody.emplace(SourceTree::everybody);
  }
  std::vector<Tool> tools;
  const auto add = [&](Result<Tool> tool) {
    if (!tool) return false;
    tools.push_back(*std::move(tool));
    return true;
  };
  std::string script = path;
  for (int depth = 0; depth < most_interpreters && !script.empty(); ++depth) {
    const std::string line = first_line(script);
    std::string_view rest = line;
    const std::string interpreter(take_word(rest));
    script.clear();
    if (!interpreter.starts_with('/')) break;
    if (!add(identify(fmt::format("{} of {}", name_of(interpreter), name), interpreter))) break;
    script = interpreter;
    if (name_of(interpreter) != "env") continue;
    const std::string program(program_of_env(rest));
    if (program.empty()) continue;
    script = find_executable(tree_, program, path_variable, tree_.root());
    if (script.empty() || !add(identify(fmt::format("{} of {}", name_of(program), name), script))) break;
  }
  if (!may_change) {
    const std::lock_guard lock(mutex_);
    interpreters_.emplace(key, tools);
  }
  return tools;
}

}  // namespace trilock

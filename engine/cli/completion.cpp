#include "engine/cli/completion.hpp"

#include <algorithm>
#include <utility>

namespace trilock::cli {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

const FlagSpec* find_flag(const CommandSpec& command, std::string_view name) {
  for (const FlagId id : command.flags) {
    const FlagSpec& flag = flag_spec(id);
    const auto names = split(flag.names, ',');
    if (std::ranges::find(names, name) != names.end()) return &flag;
  }
  return nullptr;
}

void add_value(const FlagSpec& flag, std::string_view prefix, Completions& found) {
  for (const std::string_view choice : flag.choices)
    found.candidates.push_back({std::string(prefix).append(choice), {}});
  if (flag.value == "FILE") found.paths = Completions::Paths::files;
  if (flag.value == "DIR") found.paths = Completions::Paths::directories;
}

void add_flags(const CommandSpec& command, Completions& found) {
  for (const FlagId id : command.flags) {
    const FlagSpec& flag = flag_spec(id);
    for (const std::string_view name : split(flag.names, ','))
      found.candidates.push_back({std::string(name), std::string(flag.help)});
  }
  found.candidates.push_back({"--help", "print this help"});
}

// What the words before the cursor say.
struct Before {
  const FlagSpec* awaiting = nullptr;  // the flag whose value comes next
  bool only_operands = false;          // after `--`
  std::size_t operands = 0;
  Invocation invocation;  // what is needed to find the pipeline
};

void take_value(const FlagSpec& flag, const std::string& value, Invocation& invocation) {
  if (flag.id == FlagId::directory) invocation.directory = value;
  if (flag.id == FlagId::file) invocation.file = value;
  if (flag.id == FlagId::var_file) invocation.var_files.push_back(value);
  const std::size_t equals = value.find('=');
  if (flag.id == FlagId::var && equals != std::string::npos)
    invocation.vars.emplace_back(value.substr(0, equals), value.substr(equals + 1));
}

Before read(const CommandSpec& command, std::span<const std::string> words) {
  Before before;
  for (const std::string& word : words) {
    if (before.awaiting != nullptr) {
      take_value(*std::exchange(before.awaiting, nullptr), word, before.invocation);
      continue;
    }
    if (before.only_operands || !word.starts_with('-') || word == "-") {
      ++before.operands;
      continue;
    }
    if (word == "--") {
      before.only_operands = true;
      continue;
    }
    const std::size_t equals = word.find('=');
    const FlagSpec* flag = find_flag(command, word.substr(0, equals));
    if (flag == nullptr || flag->value.empty()) continue;
    if (equals == std::string::npos)
      before.awaiting = flag;
    else
      take_value(*flag, word.substr(equals + 1), before.invocation);
  }
  return before;
}

}  // namespace

Completions complete(std::span<const std::string> words,
                     const std::function<std::vector<Completions::Candidate>(const Invocation&)>& labels) {
  Completions found;
  if (words.size() <= 1) {
    for (const CommandSpec& command : command_table())
      found.candidates.push_back({std::string(command.name), std::string(command.summary)});
    if (!words.empty() && words[0].starts_with('-'))
      found.candidates = {{"--help", "print help"}, {"--version", "print the version"}};
    return found;
  }
  const auto command = std::ranges::find(command_table(), words[0], &CommandSpec::name);
  if (command == command_table().end()) return found;
  const std::string& partial = words.back();
  const Before before = read(*command, words.subspan(1, words.size() - 2));
  if (before.awaiting != nullptr) {
    add_value(*before.awaiting, "", found);
    return found;
  }
  if (partial.starts_with('-') && !before.only_operands) {
    const std::size_t equals = partial.find('=');
    if (equals == std::string::npos)
      add_flags(*command, found);
    else if (const FlagSpec* flag = find_flag(*command, partial.substr(0, equals)))
      add_value(*flag, partial.substr(0, equals + 1), found);
    return found;
  }
  const bool takes_more = command->operands.ends_with("...") || before.operands == 0;
  if (!takes_more) return found;
  if (command->operands.contains("LABEL")) {
    found.candidates = labels(before.invocation);
  } else if (command->operands.contains('|')) {
    for (const std::string_view choice : split(command->operands, '|'))
      found.candidates.push_back({std::string(choice), {}});
  }
  return found;
}

}  // namespace trilock::cli

#include "rules/image/stages.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace trilock {
namespace {

constexpr std::array<std::string_view, 24> predefined_args = {"HTTP_PROXY",
                                                              "http_proxy",
                                                              "HTTPS_PROXY",
                                                              "https_proxy",
                                                              "FTP_PROXY",
                                                              "ftp_proxy",
                                                              "NO_PROXY",
                                                              "no_proxy",
                                                              "ALL_PROXY",
                                                              "all_proxy",
                                                              "TARGETPLATFORM",
                                                              "TARGETOS",
                                                              "TARGETARCH",
                                                              "TARGETVARIANT",
                                                              "BUILDPLATFORM",
                                                              "BUILDOS",
                                                              "BUILDARCH",
                                                              "BUILDVARIANT",
                                                              "TARGETSTAGE",
                                                              "SOURCE_DATE_EPOCH",
                                                              "BUILDKIT_SYNTAX",
                                                              "BUILDKIT_INLINE_CACHE",
                                                              "BUILDKIT_MULTI_PLATFORM",
                                                              "BUILDKIT_CONTEXT_KEEP_GIT_DIR"};

// Global ARGs, as far as the file has been read.
class GlobalScope {
 public:
  GlobalScope(const std::vector<BuildArg>& given, std::string_view platform) : given_(given) {
    set_platform("TARGET", platform.empty() ? native_platform() : platform);
    set_platform("BUILD", native_platform());
  }

  void declare(const Word& word, char escape, std::uint32_t line, std::vector<DockerfileProblem>& problems) {
    const auto equal = word.text.find('=');
    const std::string name = word.text.substr(0, equal);
    VariableValue value;
    if (const auto arg = std::ranges::find(given_, name, &BuildArg::name); arg != given_.end()) {
      value = arg->text ? VariableValue{VariableValue::Kind::set, *arg->text}
                        : VariableValue{VariableValue::Kind::unknown, {}};
    } else if (equal != std::string::npos) {
      const auto text = expand_variables(word.text.substr(equal + 1), escape, lookup());
      if (!text) problems.push_back({line, text.error(), {}});
      value.kind = !text || *text ? VariableValue::Kind::set : VariableValue::Kind::unknown;
      if (text && *text) value.text = **text;
    } else if (std::ranges::find(predefined_args, name) != predefined_args.end()) {
      return;
    }
    variables_.emplace_back(name, std::move(value));
  }

  [[nodiscard]] VariableLookup lookup() const {
    return [this](std::string_view name) {
      for (auto each = variables_.rbegin(); each != variables_.rend(); ++each) {
        if (each->first == name) return each->second;
      }
      return VariableValue{};
    };
  }

 private:
  void set(std::string name, std::string_view text) {
    variables_.emplace_back(std::move(name), VariableValue{VariableValue::Kind::set, std::string(text)});
  }
  void set_platform(std::string_view prefix, std::string_view platform) {
    const auto slash = std::min(platform.find('/'), platform.size());
    const auto rest = platform.substr(std::min(slash + 1, platform.size()));
    const auto second = std::min(rest.find('/'), rest.size());
    set(fmt::format("{}PLATFORM", prefix), platform);
    set(fmt::format("{}OS", prefix), platform.substr(0, slash));
    set(fmt::format("{}ARCH", prefix), rest.substr(0, second));
    set(fmt::format("{}VARIANT", prefix), rest.substr(std::min(second + 1, rest.size())));
  }

  const std::vector<BuildArg>& given_;
  std::vector<std::pair<std::string, VariableValue>> variables_;
};

std::optional<std::uint32_t> stage_number(std::string_view text, std::uint32_t limit) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || number >= limit) return {};
  return number;
}

// The last stage of that name before stage `limit`.
std::optional<std::uint32_t> earlier_stage(const Dockerfile& file, std::string_view name, std::uint32_t limit) {
  const auto found = file.stage_named(name);
  if (!found || *found < limit) return found;
  for (std::uint32_t index = limit; index-- > 0;) {
    if (file.stages[index].name == file.stages[*found].name) return index;
  }
  return {};
}

// The value of `from=` in the comma-separated list of a --mount flag.
std::optional<Word> mount_from(const Word& mount) {
  for (std::size_t at = 0; at <= mount.text.size();) {
    const auto comma = std::min(mount.text.find(',', at), mount.text.size());
    const std::string_view field = std::string_view(mount.text).substr(at, comma - at);
    if (field.starts_with("from=")) return mount.part(at + 5, field.size() - 5);
    at = comma + 1;
  }
  return {};
}

void add_from(const Dockerfile& file, const DockerfileStage& stage, const VariableLookup& lookup,
              std::vector<ImageUse>& uses, std::vector<DockerfileProblem>& problems) {
  if (stage.base.text.empty()) return;
  ImageUse use{ImageUse::Kind::from, stage.index, stage.line, stage.base.span(), stage.base.text};
  const auto name = expand_variables(stage.base.text, file.escape, lookup);
  if (!name) {
    problems.push_back({stage.line, name.error(), {}});
  } else if (*name && (*name)->empty()) {
    problems.push_back({stage.line, fmt::format("`{}` is empty after expansion", stage.base.text),
                        "give the variable a default in an `ARG` before the first `FROM`, or a value in `args`"});
  } else if (*name) {
    use.stage = earlier_stage(file, **name, stage.index);
    if (!use.stage && **name != "scratch") use.image = **name;
  }
  uses.push_back(std::move(use));
}

void add_named(const Dockerfile& file, const DockerfileInstruction& instruction, ImageUse::Kind kind, const Word& name,
               std::vector<ImageUse>& uses) {
  const auto stage = static_cast<std::uint32_t>(instruction.stage);
  ImageUse use{kind, stage, instruction.line, name.span(), name.text};
  use.stage = stage_number(name.text, stage);
  if (!use.stage) use.stage = earlier_stage(file, name.text, stage);
  if (!use.stage && name.text != "scratch") use.image = name.text;
  if (!name.text.empty()) uses.push_back(std::move(use));
}

}  // namespace

std::string_view native_platform() {
#if defined(__aarch64__)
  return "linux/arm64";
#elif defined(__arm__)
  return "linux/arm/v7";
#elif defined(__riscv)
  return "linux/riscv64";
#elif defined(__powerpc64__)
  return "linux/ppc64le";
#elif defined(__s390x__)
  return "linux/s390x";
#elif defined(__i386__)
  return "linux/386";
#else
  return "linux/amd64";
#endif
}

std::vector<ImageUse> image_uses(const Dockerfile& file, const std::vector<BuildArg>& args, std::string_view platform,
                                 std::vector<DockerfileProblem>& problems) {
  std::vector<ImageUse> uses;
  GlobalScope scope(args, platform);
  for (const DockerfileInstruction& instruction : file.instructions) {
    if (instruction.name == "FROM") {
      add_from(file, file.stages[static_cast<std::size_t>(instruction.stage)], scope.lookup(), uses, problems);
    } else if (instruction.stage < 0) {
      for (const Word& word : instruction.args) scope.declare(word, file.escape, instruction.line, problems);
    } else if (instruction.name == "COPY" || instruction.name == "ADD") {
      if (const auto* from = instruction.flag("from")) {
        add_named(file, instruction, ImageUse::Kind::copy, from->value, uses);
      }
    } else if (instruction.name == "RUN") {
      for (const DockerfileFlag& flag : instruction.flags) {
        const auto from = flag.name == "mount" ? mount_from(flag.value) : std::nullopt;
        if (from) add_named(file, instruction, ImageUse::Kind::mount, *from, uses);
      }
    }
  }
  return uses;
}

std::optional<std::uint32_t> target_stage(const Dockerfile& file, std::string_view target) {
  const auto count = static_cast<std::uint32_t>(file.stages.size());
  if (target.empty()) return count == 0 ? std::nullopt : std::optional(count - 1);
  if (const auto named = file.stage_named(target)) return named;
  return stage_number(target, count);
}

std::vector<bool> reachable_stages(const Dockerfile& file, const std::vector<ImageUse>& uses, std::uint32_t target) {
  std::vector<bool> reached(file.stages.size(), false);
  if (target < reached.size()) reached[target] = true;
  // A stage refers to earlier ones only.
  for (std::uint32_t stage = target + 1; stage-- > 0;) {
    if (!reached[stage]) continue;
    for (const ImageUse& use : uses) {
      if (use.in_stage == stage && use.stage) reached[*use.stage] = true;
    }
  }
  return reached;
}

bool declares_arg(const Dockerfile& file, std::string_view name) {
  if (std::ranges::find(predefined_args, name) != predefined_args.end()) return true;
  return std::ranges::any_of(file.instructions, [&](const DockerfileInstruction& instruction) {
    return instruction.name == "ARG" && std::ranges::any_of(instruction.args, [&](const Word& word) {
             return std::string_view(word.text).substr(0, word.text.find('=')) == name;
           });
  });
}

}  // namespace trilock

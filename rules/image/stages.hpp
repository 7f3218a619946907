// Where a Dockerfile names images, and which stages a build reaches. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/image/dockerfile.hpp"
#include "rules/image/dockerfile_words.hpp"

namespace trilock {

// An image or a stage, named by FROM, COPY --from or RUN --mount from=. Only FROM expands variables, with global ARGs
// (Dockerfile reference, "Understand how ARG and FROM interact"; BuildKit refuses variables in the other two).
struct ImageUse {
  enum class Kind : std::uint8_t { from, copy, mount } kind = Kind::from;
  std::uint32_t in_stage = 0;
  std::uint32_t line = 0;
  FileSpan span;  // of the name, for replacing it
  std::string written;
  std::string image;                   // expanded; "" when it is a stage or not known before other nodes have run
  std::optional<std::uint32_t> stage;  // when it names a stage
};

// A build argument that the pipeline gives; without text when it refers to a node that has not run.
struct BuildArg {
  std::string name;
  std::optional<std::string> text;
};

// In the order of the file. `platform` is "os/arch[/variant]". Problems: a variable that cannot be expanded.
[[nodiscard]] std::vector<ImageUse> image_uses(const Dockerfile& file, const std::vector<BuildArg>& args,
                                               std::string_view platform, std::vector<DockerfileProblem>& problems);

// The stage that a target means, by name or number; the last one for "".
[[nodiscard]] std::optional<std::uint32_t> target_stage(const Dockerfile& file, std::string_view target);

// By stage: whether building `target` needs it. Other stages are skipped by all builders that trilock drives.
[[nodiscard]] std::vector<bool> reachable_stages(const Dockerfile& file, const std::vector<ImageUse>& uses,
                                                 std::uint32_t target);

// Whether an ARG of the file declares the name, or BuildKit predefines it.
[[nodiscard]] bool declares_arg(const Dockerfile& file, std::string_view name);

// The platform of this machine: "linux/amd64".
[[nodiscard]] std::string_view native_platform();

}  // namespace trilock

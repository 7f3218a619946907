// How commands that run nothing ask the go command (Question::Quiet). Measured with strace, go 1.19 to 1.24: `go env`
// starts the C compiler to see what flags it takes, a toolchain line of go.mod another go, GOFLAGS any program, and
// `go list` loads modules, by programs of version control too. Thread rule: any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "rules/go/go_environment.hpp"
#include "rules/rule.hpp"

namespace trilock {

// For `go env`. `settings_file` is the one of `go env -w`, "" for none.
[[nodiscard]] Question::Quiet quiet_go_env(const GoEnvironment& environment, std::string settings_file,
                                           const SourceTree& tree);

// For `go list`, when it is known what is set. `flags` are those of the command line; `vendored`: whether there is a
// vendor directory, which is taken by itself.
[[nodiscard]] Question::Quiet quiet_go_list(Question::Quiet env, const GoSettings& settings,
                                            std::span<const std::string> flags, bool vendored);

// GOFLAGS without flags that start programs or let go change files.
[[nodiscard]] std::string harmless_go_flags(std::string_view goflags, bool vendored);

// Whether a go command failed for want of what a quiet question keeps from it: a download, another toolchain, a change
// of go.mod.
[[nodiscard]] bool is_failure_of_quiet(std::string_view message);

}  // namespace trilock

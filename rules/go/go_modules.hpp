// The modules whose sources are on this disk and may change: the main module, or those that a go.work uses, and what
// a `replace` directive takes from a directory.
// Source: The Go Modules Reference, "go.mod files", "Workspaces" (https://go.dev/ref/mod).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/source_tree.hpp"

namespace trilock {

// All paths are relative to the workspace, or absolute where they lie outside.
struct GoModules {
  // go.mod, go.sum, go.work, go.work.sum and vendor/modules.txt of all of them, whether or not they exist.
  std::vector<std::string> files;
  std::vector<std::string> roots;  // directories that hold a go.mod; "" is the workspace
};

// As `go` finds them from `dir`. `gowork` is the value of GOWORK: "", "off" or a path. Files that cannot be read or
// parsed are left to `go` to complain about.
[[nodiscard]] GoModules find_go_modules(SourceTree& tree, const std::string& dir, std::string_view gowork);

// The directories that a go.mod replaces modules with (`replace a => ./b`), or that a go.work uses, as written.
[[nodiscard]] std::vector<std::string> local_directories(std::string_view text);

// A wildcard passes over a directory whose files all lie behind build constraints, without a word of it. The content
// of such files decides all the same.
enum class GoContent : std::uint8_t { none, sources, sources_and_tests };

// A text that changes when a file is added to, or removed from, one of the modules: a new source file, a new package
// below `./...`, a new file that a `go:embed` pattern matches. Paths in `skip`, with all below, do not count. With
// `content` the text changes with the content of source files outside vendor directories too.
[[nodiscard]] std::string state_of_modules(SourceTree& tree, const GoModules& modules,
                                           std::span<const std::string> skip, GoContent content);

}  // namespace trilock

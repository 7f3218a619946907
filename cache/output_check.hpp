// How the disk differs from recorded outputs, and whether recorded outputs may be used at all. For outputs.cpp and
// output_restore.cpp.
// Thread rule: any thread, as long as two nodes do not share an output.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cache/source_tree.hpp"
#include "schemas/action.hpp"

namespace trilock {

struct Difference {
  enum class Kind : std::uint8_t {
    missing,  // not on disk
    type,     // a file, directory, symlink or other thing where another of these should be
    content,  // of a file
    target,   // of a symlink
    mode,     // only that
    extra,    // on disk, not recorded
  } kind;
  std::string path;
  const OutputEntry* entry = nullptr;  // null for extra
  FileType type = FileType::other;     // on disk; unless missing
  std::uint32_t mode = 0;              // on disk; unless missing
  std::string target;                  // on disk; of a symlink
};

// Visits the differences in an order in which parents come before what is below them, until `visit` is false. What is
// below a directory that is missing or of another type is missing; what is below an extra one goes unmentioned.
// `entries` must be usable. Ends in the error of the first file that cannot be looked at.
Status each_difference(SourceTree& tree, std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries,
                       const std::function<bool(const Difference&)>& visit);

// "`bin/app` has other content"
[[nodiscard]] std::string describe(const Difference& difference);

// "" when writing `entries` touches nothing but the outputs: paths are clean, ascending, at or below an output, below
// directories only, and symlinks do not lead out. Otherwise what is wrong. Entries may come from another machine.
[[nodiscard]] std::string unusable_entry(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries);

// "" when a symlink at `path` with this target is relative and leads to `inside` or below it ("" is the workspace).
// Otherwise how it does not: "is absolute". A `..` after a name is refused, because where it leads depends on what that
// name is a symlink to; without it, and with every symlink checked, no chain of them can lead out.
[[nodiscard]] std::string symlink_fault(std::string_view path, std::string_view target, std::string_view inside);

// Whether `path` is `dir` or below it; everything is below "".
[[nodiscard]] bool is_at_or_below(std::string_view path, std::string_view dir);

// The output that `path` is, or is below: of several the outermost. Null when there is none.
[[nodiscard]] const OutputSpec* output_of(std::span<const OutputSpec> outputs, std::string_view path);

[[nodiscard]] std::string_view parent_path(std::string_view path);  // "" for a name without a slash

inline constexpr std::uint32_t output_mode_bits = 0777;  // setuid, setgid and the sticky bit are not kept

}  // namespace trilock

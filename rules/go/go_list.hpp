// What `go list -deps` says of the packages of a build: which files each of them is made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/result.hpp"

namespace trilock {

struct GoPackage {
  std::string import_path;  // a variant for a test ends in " [pkg.test]"
  std::string dir;          // absolute
  bool standard = false;    // of the standard library; such a package has nothing but `uses_cgo`
  bool root = false;        // named on the command line, not only imported
  bool is_program = false;  // package main
  bool uses_cgo = false;
  std::vector<std::string> files;      // that are compiled or embedded; relative to `dir`
  std::vector<std::string> tests;      // of its own tests; relative to `dir`
  std::vector<std::string> ignored;    // that build constraints leave out; relative to `dir`
  std::vector<std::string> cgo_flags;  // #cgo CFLAGS, CPPFLAGS, CXXFLAGS and LDFLAGS, with ${SRCDIR} replaced
  std::string module_path;             // "" for the standard library and for files named one by one
  std::string module_version;          // "" for the main module and for a module replaced by a directory
};

// The argument of `go list -f` whose output read_go_packages reads: one JSON object a line. Not `-json`, which also
// works out for every package whether it is stale, and prints the standard library in full.
[[nodiscard]] std::string_view go_list_format();

// ErrorKind::tool_failed when the text is not what `go list` writes with that format.
[[nodiscard]] Result<std::vector<GoPackage>> read_go_packages(std::string_view out);

}  // namespace trilock

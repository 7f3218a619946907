// What the one tool of builds in tests does: a pure function from arguments and files to files, so that a build can be
// run, and can be worked out without running it.
//
//   true OUTPUT INPUT…           OUTPUT is made of the arguments and the content of every INPUT
//   true fail                    exits with 1
//   true lossy OUTPUT SALT INPUT…        OUTPUT is one of three texts, whatever the inputs
//   true pair OUTPUT-A OUTPUT-B SALT INPUT…   A is as lossy makes it, B as `mix` does
//   true tree DIRECTORY SALT INPUT…      a directory with an executable, a symlink, a name with a blank, an empty
//   folder true scan OUTPUT DEPFILE INPUT…      follows lines `include PATH` of the inputs; writes what it read to
//   DEPFILE
//
// All but the first two exit with 1 when an INPUT begins with `bad`, or an included file does not exist. A directory
// as an INPUT stands for the file `sum` in it. Thread rule: free functions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schemas/action.hpp"

namespace trilock::test {

struct MadeEntry {
  EntryType type = EntryType::file;
  std::uint32_t mode = 0644;  // 0 for a symlink
  std::string content;        // or the target of a symlink
  friend bool operator==(const MadeEntry&, const MadeEntry&) = default;
};
using Made = std::map<std::string, MadeEntry>;  // by path, relative to the working directory; parents come first

struct Effects {
  int exit_code = 0;
  std::string err;
  Made made;                      // declared outputs
  Made passing;                   // a depfile
  std::vector<std::string> read;  // by `scan`, beyond its arguments too; sorted
};

using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;

[[nodiscard]] Effects run_program(const std::vector<std::string>& argv, const ReadFile& read);

}  // namespace trilock::test

// Configuration of git, as far as one must know it to keep git from starting programs that it names. What lies in a
// repository (`.git/config`) is as little trusted as the repository: whoever unpacked or shared it wrote it.
// Source: git's documentation, git-config, "Syntax", "Includes"; compared with git's own reading in
// tests/unit/engine/git_test.cpp. Thread rule: functions of values and of the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/result.hpp"

namespace trilock {

struct GitSetting {
  std::string key;  // "core.fsmonitor", "filter.LFS.clean": lower case but for the part between
  std::string value;
  std::string file;  // where it stands
};

// Without following includes. invalid: a line that is none of git's; the message names `file`.
[[nodiscard]] Result<std::vector<GitSetting>> parse_git_config(std::string_view text, const std::string& file);

// All settings of a file and of what it includes, under whatever condition, added to `settings`. A file that does not
// exist has none. `home` is what `~/` means in an include. invalid: an include that cannot be followed, what is no
// regular file, or what parse_git_config says.
Status read_git_config(const std::string& file, const std::string& home, std::vector<GitSetting>& settings);

// What to set a key to, so that git starts no program that it names; nothing for a key that names none. Any key whose
// name says that it is a program's counts, known or not.
[[nodiscard]] std::optional<std::string_view> git_program_off(std::string_view key);

}  // namespace trilock

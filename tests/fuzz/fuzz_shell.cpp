// Any text as a shell script is read to its end, and gives names of programs that are none of its builtins.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/command/shell_programs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  for (const std::string& name : trilock::programs_of_script(script))
    if (name.empty() || name == "cd") std::abort();
  return 0;
}

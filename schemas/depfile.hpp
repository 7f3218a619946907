// Depfiles: what a compiler read, as a fragment of a Makefile. `gcc -MD -MF x.d`, `clang -MD`, `protoc
// --dependency_out`, `rustc --emit=dep-info` and many others write them.
//
//   out/main.o: src/main.c include/a\ b.h /usr/include/stdio.h
//   include/a\ b.h:
//
// Understood as the GNU make manual has it ("Rule Syntax"), as far as compilers use it: a backslash before a blank,
// `#` or `:` takes its meaning away (before a blank two of them are one), `$$` is `$`, a backslash at the end of a
// line continues it, `#` at the beginning of a word begins a comment. A colon ends the targets where a word ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schemas/result.hpp"

namespace trilock {

// The prerequisites of all rules, as they are written there, each once, in the order of the text. Targets are
// dropped, so the rules without prerequisites that `-MP` writes say nothing. ErrorKind::invalid with the line for what
// is no depfile.
[[nodiscard]] Result<std::vector<std::string>> parse_depfile(std::string_view text);

}  // namespace trilock

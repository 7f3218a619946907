// The stored form of an ActionResult: in the state database and in the action cache.
//
//   "trilockR"                8 bytes
//   format version            1 byte, 1
//   fields                    in ascending order of their tag; those of one tag in the order of the list
//   XXH3-128 of all before    16 bytes
//
//   field:   tag (1 byte), length (number), payload
//   number:  LEB128, unsigned, in the fewest bytes
//   result:  1 key (16 bytes)  2 output*  3 value*  4 witness*  5 out  6 err  7 duration_ms (number)  8 explanation*
//            9 discovered* (path)
//   output:  1 path  2 type (number)  3 mode (number)  4 size (number)  5 blob (32)  6 content (16)  7 symlink_target
//   value, witness, explanation:  1 name  2 value
//
// A field whose value is empty or zero is left out, except the key; so equal results have equal bytes.
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

// What of a result is written. The two halves of one result hold its key both.
enum class ResultPart : std::uint8_t {
  whole,
  essence,  // key, outputs, values, witness, duration, discovered: what a run needs to know that nothing is to be done
  detail,   // key, out, err, explanation: what is only shown
};

[[nodiscard]] std::string encode(const ActionResult& result, ResultPart part = ResultPart::whole);

// Never trusts its input: any truncation, excess, damage or unknown version is ErrorKind::corrupt. Says nothing of
// whether the paths are safe to write to: see restore_outputs.
[[nodiscard]] Result<ActionResult> decode(std::string_view bytes);

}  // namespace trilock

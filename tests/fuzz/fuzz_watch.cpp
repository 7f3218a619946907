// Any packet is a question, an answer or neither; what was read is written as the same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/watch/message.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto question = trilock::read_question(bytes);
  if (question) require(trilock::to_bytes(*question) == bytes);
  const auto answer = trilock::read_answer(bytes);
  if (answer) require(trilock::to_bytes(*answer) == bytes);
  require(!question || !answer);
  return 0;
}

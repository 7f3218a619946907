// Writes another result into a state database, as one who knows its form would, for tests of what a run believes.
//   state_forger DB LABEL move OLD NEW      the entry of the output OLD lies at NEW
//   state_forger DB LABEL drop PATH         there is no entry of PATH
//   state_forger DB LABEL mode PATH MODE    it has this mode, octal
//   state_forger DB LABEL size PATH SIZE    and this size
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "cache/state_db.hpp"

namespace {

bool forge(trilock::ActionResult& result, const std::vector<std::string>& words) {
  const auto entry = std::ranges::find(result.outputs, words[1], &trilock::OutputEntry::path);
  if (entry == result.outputs.end()) return false;
  if (words[0] == "drop") {
    result.outputs.erase(entry);
  } else if (words.size() < 3) {
    return false;
  } else if (words[0] == "move") {
    entry->path = words[2];
  } else if (words[0] == "mode") {
    entry->mode = static_cast<std::uint32_t>(std::stoul(words[2], nullptr, 8));
  } else if (words[0] == "size") {
    entry->size = std::stoull(words[2]);
  } else {
    return false;
  }
  std::ranges::sort(result.outputs, {}, &trilock::OutputEntry::path);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) return 2;
  std::string warning;
  auto db = trilock::StateDb::open(words[0], warning);
  if (!db || !warning.empty()) return 2;
  auto result = (*db)->result(words[1]);
  if (!result || !*result || !forge(**result, {words.begin() + 2, words.end()})) return 1;
  (*db)->record_result(words[1], **result);
  return (*db)->flush() ? 0 : 1;
}

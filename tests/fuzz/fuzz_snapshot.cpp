// Any bytes are a snapshot or none; one that was read is used within its bounds. The sum would keep the fuzzer out of
// all that lies behind it, so it is made right.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cache/hash.hpp"
#include "cache/snapshot.hpp"
#include "cache/snapshot_check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trilock;
  SnapshotBuilder builder;
  const FileStat stat{};
  builder.add("/", ".", false, &stat);
  std::string bytes = builder.finish({.words = {"w"}, .variables = {"V"}, .root = "/"}).value_or("");
  // The input lies over a right one, from the number of bytes on.
  constexpr std::size_t sum = offsetof(SnapshotHeader, sum);
  constexpr std::size_t begin = sum + sizeof(FastDigest);
  bytes.resize(std::max(bytes.size(), begin + size));
  if (size > 0) std::memcpy(bytes.data() + begin, data, size);
  const std::uint64_t count = bytes.size();
  if (size % 2 == 0) std::memcpy(bytes.data() + offsetof(SnapshotHeader, bytes), &count, sizeof count);
  const FastDigest right = fast_digest(std::string_view(bytes).substr(begin));
  std::memcpy(bytes.data() + sum, right.data.data(), sizeof right);

  std::vector<std::uint64_t> aligned((bytes.size() + 7) / 8);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto view = SnapshotView::over({reinterpret_cast<const char*>(aligned.data()), bytes.size()});
  if (!view) return 0;
  for (const auto& places : {view->words(), view->variables()})
    for (const std::uint32_t place : places) static_cast<void>(view->is(place, "x"));
  static_cast<void>(view->text(view->header().report));
  static_cast<void>(is_as_recorded(*view, 1));
  return 0;
}

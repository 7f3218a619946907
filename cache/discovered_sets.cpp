#include "cache/discovered_sets.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/hash.hpp"

namespace trilock {
namespace {

constexpr std::string_view magic = "trilockD\x01";
constexpr std::size_t checksum_size = sizeof(FastDigest::data);

void put_number(std::string& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

bool take_number(std::string_view& from, std::size_t& value) {
  if (from.size() < 4) return false;
  value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(from[static_cast<std::size_t>(i)]);
  from.remove_prefix(4);
  return true;
}

bool take_path(std::string_view& from, std::string& path) {
  std::size_t size = 0;
  if (!take_number(from, size) || size == 0 || size > from.size()) return false;
  path = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

bool take_set(std::string_view& from, PathSet& set) {
  std::size_t count = 0;
  if (!take_number(from, count) || count > from.size()) return false;
  for (std::size_t i = 0; i < count; ++i) {
    std::string path;
    if (!take_path(from, path) || (!set.empty() && path <= set.back())) return false;
    set.push_back(std::move(path));
  }
  return true;
}

}  // namespace

std::string encode_path_sets(const std::vector<PathSet>& sets) {
  std::string out(magic);
  for (const PathSet& set : sets) {
    put_number(out, set.size());
    for (const std::string& path : set) {
      put_number(out, path.size());
      out += path;
    }
  }
  return out.append(fast_digest(out).view());
}

Result<std::vector<PathSet>> decode_path_sets(std::string_view bytes) {
  const auto damaged = [] { return fail(ErrorKind::corrupt, "the stored sets of discovered inputs are damaged"); };
  if (bytes.size() < magic.size() + checksum_size || !bytes.starts_with(magic)) return damaged();
  const std::string_view checksum = bytes.substr(bytes.size() - checksum_size);
  bytes.remove_suffix(checksum_size);
  if (fast_digest(bytes).view() != checksum) return damaged();
  bytes.remove_prefix(magic.size());
  std::vector<PathSet> sets;
  while (!bytes.empty())
    if (!take_set(bytes, sets.emplace_back())) return damaged();
  return sets;
}

bool put_first(std::vector<PathSet>& sets, const PathSet& set) {
  const auto known = std::ranges::find(sets, set);
  if (known == sets.begin() && known != sets.end()) return false;
  if (known != sets.end()) sets.erase(known);
  sets.insert(sets.begin(), set);
  if (sets.size() > most_path_sets) sets.resize(most_path_sets);
  return true;
}

}  // namespace trilock

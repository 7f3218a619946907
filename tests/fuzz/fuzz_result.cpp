// Any bytes give a result or an error; a result that was read is written as the same bytes, and one that is taken up
// for a node means nothing but files in what that node declares. The checksum would keep the fuzzer out of all that
// lies behind it, so every input is tried a second time in a frame that is right.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cache/hash.hpp"
#include "cache/recorded_result.hpp"
#include "cache/result_codec.hpp"

namespace {

using Entries = std::map<std::string, const trilock::OutputEntry*, std::less<>>;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    parts.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return parts;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) path += (path.empty() ? "" : "/") + part;
  return path;
}

// Where a path leads, as a kernel would find out among these entries; it aborts when it leaves the workspace. "" after
// too many links.
std::string resolved(const Entries& entries, std::string_view path, int& links) {
  std::vector<std::string> at;
  for (const std::string& part : parts_of(path)) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      require(!at.empty());
      at.pop_back();
      continue;
    }
    at.push_back(part);
    const auto entry = entries.find(joined(at));
    if (entry == entries.end() || entry->second->type != trilock::EntryType::symlink) continue;
    if (--links < 0) return {};
    at.pop_back();
    require(!entry->second->symlink_target.starts_with('/'));
    const std::string next = resolved(entries, joined(at) + "/" + entry->second->symlink_target, links);
    if (next.empty()) return {};
    at = parts_of(next);
  }
  return joined(at);
}

std::string resolved(const Entries& entries, std::string_view path) {
  int links = 40;
  return resolved(entries, path, links);
}

bool is_in(std::string_view path, std::string_view output) {
  return path.starts_with(output) && (path.size() == output.size() || path[output.size()] == '/');
}

void check_meaning(std::string_view bytes) {
  const std::vector<trilock::OutputSpec> outputs = {{"", "a", {}}, {"", "b/c", {}}};
  const auto result = trilock::read_recorded(bytes, outputs);
  if (!result) return require(result.error().kind == trilock::ErrorKind::corrupt);
  Entries entries;
  for (const trilock::OutputEntry& entry : result->outputs) require(entries.emplace(entry.path, &entry).second);
  for (const trilock::OutputSpec& output : outputs) require(entries.contains(output.path));
  for (const auto& [path, entry] : entries) {
    for (const std::string& part : parts_of(path)) require(!part.empty() && part != "." && part != "..");
    require(path.find('\0') == std::string::npos);
    const bool in_a = is_in(path, "a");
    require(in_a || is_in(path, "b/c"));
    require((entry->mode & ~0777U) == 0);
    // What is written to it stays where it says: no parent of it is a link.
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    require(resolved(entries, parent) == parent);
    const bool below = path != "a" && path != "b/c";
    if (const std::string target = resolved(entries, path); below && !target.empty())
      require(is_in(target, in_a ? "a" : "b/c"));
  }
}

void check(std::string_view bytes) {
  check_meaning(bytes);
  const auto result = trilock::decode(bytes);
  if (!result) return require(result.error().kind == trilock::ErrorKind::corrupt);
  require(trilock::encode(*result) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  std::string framed = "trilockR\x01";
  framed.append(bytes);
  framed.append(trilock::fast_digest(framed).view());
  check(framed);
  return 0;
}

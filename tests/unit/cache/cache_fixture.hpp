// What the tests of the cache directory share: results with blobs, ready to be published.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "cache/cache_directory.hpp"
#include "cache/hash.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/source_tree.hpp"

namespace trilock::test {

inline BlobSource bytes_source(std::string_view bytes) {
  return {.digest = strong_digest(bytes), .size = bytes.size(), .path = {}, .bytes = std::string(bytes)};
}

inline BlobSource file_source(const std::string& path, std::string_view bytes) {
  return {.digest = strong_digest(bytes), .size = bytes.size(), .path = path, .bytes = {}};
}

inline StrongDigest action_of(std::string_view name) {
  return strong_digest("action " + std::string(name));
}

// The result of an action that wrote these contents to the files out0, out1, …; with a directory, to files below `dir`.
enum class Shape : std::uint8_t { files, directory };
inline ActionResult result_with(const std::vector<std::string>& contents, Shape shape) {
  ActionResult result;
  result.values = {{"digest", "sha256:1"}};
  if (shape == Shape::directory)
    result.outputs.push_back({.path = "dir", .type = EntryType::directory, .mode = 0755, .size = 0, .blob = {}});
  for (std::size_t i = 0; i < contents.size(); ++i)
    result.outputs.push_back({.path = (shape == Shape::directory ? "dir/out" : "out") + std::to_string(i),
                              .type = EntryType::file,
                              .mode = 0644,
                              .size = contents[i].size(),
                              .blob = strong_digest(contents[i]),
                              .content = {},
                              .symlink_target = {}});
  return result;
}

inline Publication publication_of(std::string_view name, const std::vector<std::string>& contents,
                                  Shape shape = Shape::files) {
  const ActionResult result = result_with(contents, shape);
  std::vector<OutputSpec> outputs;
  if (shape == Shape::directory) outputs.push_back({"", "dir", {}});
  if (shape == Shape::files)
    for (const OutputEntry& entry : result.outputs) outputs.push_back({"", entry.path, {}});
  ResultMessages messages = encode_result(result, outputs);
  Publication publication{
      .action = action_of(name), .result = seal_result(messages.result, action_of(name)), .blobs = {}};
  for (const std::string& content : contents) publication.blobs.push_back(bytes_source(content));
  for (Message& message : messages.blobs)
    publication.blobs.push_back(
        {.digest = message.digest, .size = message.bytes.size(), .path = {}, .bytes = std::move(message.bytes)});
  return publication;
}

inline void publish(CacheDirectory& cache, const Publication& publication) {
  REQUIRE(cache.publish({&publication, 1}).has_value());
}

// Keeps the bytes of these outputs as they are in the workspace, as Publisher::add does for a result.
inline Status keep_outputs(SourceTree& tree, CacheDirectory& cache, std::span<const OutputEntry> entries) {
  Publication publication{.action = action_of("outputs"), .result = {}, .blobs = {}};
  for (const OutputEntry& entry : entries) {
    if (entry.type != EntryType::file) continue;
    Result<BlobSource> captured = cache.capture(tree.absolute(entry.path), entry.blob, entry.size);
    if (!captured) {
      for (const BlobSource& blob : publication.blobs) cache.discard(blob);
      return std::unexpected(captured.error());
    }
    publication.blobs.push_back(std::move(*captured));
  }
  return cache.publish({&publication, 1});
}

}  // namespace trilock::test

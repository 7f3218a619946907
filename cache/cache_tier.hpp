// One place where results and blobs are kept: the cache directory of this machine, a directory that several machines
// share, a server. What names a result is the SHA-256 of its serialized `Action`; a result is a serialized
// `ActionResult` (cache/remote_api/messages.hpp), whose bytes a tier hands on as they are.
//
// A tier never fails a build: whatever goes wrong while reading is a miss, and while writing is worth a warning. So the
// errors below say why there was nothing, for statistics and `why`; what the user has to know comes through
// `take_warnings`, each thing once.
// Thread rule: all functions may be called from any thread at once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

// A blob to be kept. Its bytes are those of the file at `path`, or `bytes` when `path` is empty.
struct BlobSource {
  StrongDigest digest;
  std::uint64_t size = 0;
  std::string path;  // absolute; the file stays as it is until `publish` has returned
  std::string bytes;
  bool describes = false;  // part of what describes the action; no result refers to it
};

// A result and every blob that it refers to, and besides those the messages that describe its action, which nothing
// refers to. A digest may stand in it twice; the empty blob may be left out.
struct Publication {
  StrongDigest action;
  std::string result;
  std::vector<BlobSource> blobs;
};

// A blob that is wanted as a file.
struct BlobRequest {
  StrongDigest digest;
  std::uint64_t size = 0;
  std::string path;  // absolute; must not exist
  std::uint32_t mode = 0644;
};

class CacheTier {
 public:
  virtual ~CacheTier() = default;

  // For messages: "the cache directory `/mnt/ci`", "the cache `https://ci.example/cache`".
  [[nodiscard]] virtual std::string_view name() const = 0;

  // The serialized result of an action. not_found: there is none, or a blob that it refers to is missing. corrupt:
  // there was one that cannot be used. io: the tier cannot be asked. A tier that can tell cheaply makes sure that the
  // blobs are there; the others find out in `fetch`, and so every caller must be ready for a blob that is missing.
  virtual Result<std::string> result(const StrongDigest& action) = 0;

  // The bytes of a small blob (a Tree, a Directory, an Action, a log): size and digest are verified. `size` 0 stands
  // for a size that is not known.
  virtual Result<std::string> blob(const StrongDigest& digest, std::uint64_t size) = 0;

  // Puts a blob as a file at `path`, which must not exist, with `mode`: whole, of this size and digest, or not at all.
  virtual Status fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) = 0;

  // Several of these, in any order, until one fails. A tier that waits for a network asks for many at once.
  virtual Status fetch_all(std::span<const BlobRequest> requests) {
    for (const BlobRequest& request : requests)
      if (Status status = fetch(request.digest, request.size, request.path, request.mode); !status) return status;
    return {};
  }

  // Keeps results: of each the blobs first and then the result, so that no reader ever finds a result without its
  // blobs. Several at once share what is dear (a sync, a connection). Blobs that are there already are not written
  // again; a result takes the place of an older one of the same action. An error says that some were not kept; it is
  // not repeated in `take_warnings`.
  virtual Status publish(std::span<const Publication> publications) = 0;

  // What the user should be told since the last call, as texts for `warning:`.
  virtual std::vector<std::string> take_warnings() = 0;
};

// `fetch_all` of some tier, or of several.
using FetchAll = std::function<Status(std::span<const BlobRequest>)>;
[[nodiscard]] inline FetchAll blobs_from(CacheTier& tier) {
  return [&tier](std::span<const BlobRequest> requests) { return tier.fetch_all(requests); };
}

}  // namespace trilock

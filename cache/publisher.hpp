// Keeps results behind the back of those who make them. The outputs of a node are captured in the caller's thread,
// since they may change afterwards; a background thread then publishes what many nodes left with one sync. Results that
// others may have go on to the shared tier from a thread of its own, so that a slow server holds nobody up.
//
// Nothing here fails a build: what could not be kept is a warning, one for each tier.
// Thread rule: all functions may be called from any thread at once. The tiers outlive the publisher.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache_directory.hpp"
#include "cache/cache_tier.hpp"

namespace trilock {

struct PublisherLimits {
  std::chrono::milliseconds delay{500};                          // that a result may wait for others to share a sync
  std::uint64_t batch_bytes = std::uint64_t{64} << 20;           // captured; with more a batch does not wait
  std::uint64_t waiting_bytes = std::uint64_t{1} << 30;          // captured; with more `add` waits for the disk
  std::uint64_t waiting_shared_bytes = std::uint64_t{64} << 20;  // in memory; with more a result is not shared
};

class Publisher {
 public:
  // How far a result may go.
  enum class Reach : std::uint8_t { local, shared };
  // `shared` is null when there is no such tier, or it may only be read.
  Publisher(CacheDirectory& local, CacheTier* shared, PublisherLimits limits = {});
  ~Publisher();  // flushes
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Captures the files and queues the publication; its result is sealed here (see cache/remote_api/messages.hpp).
  // corrupt: a file has changed, so the result must not be kept anywhere. Any other error: it was not kept.
  Status add(Publication publication, Reach reach);

  // Nothing that was added waits for more to share a batch with. Returns at once.
  void hurry();
  // Waits until everything added before is published, or was given up.
  void flush();

  // From now on nothing more is given to the shared tier: the user waits for the end.
  void leave_shared();

  // Since the last call, what could not be kept; the first failure of each tier only.
  [[nodiscard]] std::vector<std::string> take_warnings();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trilock

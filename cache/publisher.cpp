#include "cache/publisher.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cache/remote_api/messages.hpp"
#include "cache/thread_start.hpp"

namespace trilock {
namespace {

struct Item {
  Publication publication;
  Publisher::Reach reach = Publisher::Reach::local;
  std::uint64_t weight = 0;  // in bytes: on disk in the local lane, in memory in the shared one
};

// A queue with a thread that takes batches from it. The thread is started by the first item; where it is refused, those
// who push do the work.
class Lane {
 public:
  using Work = std::function<void(std::vector<Item>)>;
  Lane(Work work, std::chrono::milliseconds delay, std::uint64_t batch_weight)
      : work_(std::move(work)), delay_(delay), batch_weight_(batch_weight) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  ~Lane() {
    {
      const std::lock_guard lock(lock_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void push(Item item) {
    std::unique_lock lock(lock_);
    ++added_;
    weight_ += item.weight;
    items_.push_back(std::move(item));
    if (!thread_.joinable() && !has_no_thread_) thread_ = start_thread([this] { run(); });
    has_no_thread_ = !thread_.joinable();
    if (has_no_thread_) return work_off(lock);
    if (items_.size() == 1 || weight_ >= batch_weight_) wake_.notify_one();
  }

  // Waits until less than this is queued or being worked on.
  void wait_below(std::uint64_t weight) {
    std::unique_lock lock(lock_);
    settled_.wait(lock, [&] { return weight_ + working_ < weight; });
  }

  [[nodiscard]] std::uint64_t weight() {
    const std::lock_guard lock(lock_);
    return weight_ + working_;
  }

  // Whoever is queued now waits for nobody else to share a batch with.
  void hurry() {
    const std::lock_guard lock(lock_);
    want_all();
  }

  void flush() {
    std::unique_lock lock(lock_);
    const std::uint64_t all = added_;
    want_all();
    settled_.wait(lock, [&] { return finished_ >= all; });
  }

 private:
  void want_all() {
    wanted_ = std::max(wanted_, added_);
    wake_.notify_one();
  }

  void run() {
    std::unique_lock lock(lock_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !items_.empty(); });
      if (items_.empty()) return;
      wake_.wait_for(lock, waits_, [this] { return stopping_ || wanted_ > finished_ || weight_ >= batch_weight_; });
      waits_ = std::min(2 * waits_, delay_);
      work_on_batch(lock);
    }
  }

  // Where a thread is refused: one of those that bring something takes what all bring meanwhile.
  void work_off(std::unique_lock<std::mutex>& lock) {
    if (std::exchange(is_worked_off_, true)) return;
    while (!items_.empty()) work_on_batch(lock);
    is_worked_off_ = false;
  }

  void work_on_batch(std::unique_lock<std::mutex>& lock) {
    std::vector<Item> batch = std::exchange(items_, {});
    items_.reserve(batch.size());  // the next one will be about as large
    working_ = std::exchange(weight_, 0);
    const std::size_t count = batch.size();
    lock.unlock();
    work_(std::move(batch));
    lock.lock();
    working_ = 0;
    finished_ += count;
    settled_.notify_all();
  }

  const Work work_;
  const std::chrono::milliseconds delay_;
  // Of the next batch. Those of a short run wait less, so that its end has little left to do; a long run has few syncs.
  std::chrono::milliseconds waits_ = delay_ / 8;
  const std::uint64_t batch_weight_;
  std::mutex lock_;
  std::condition_variable wake_;     // the thread: there is something to do
  std::condition_variable settled_;  // those who wait: a batch is done
  std::vector<Item> items_;
  std::uint64_t weight_ = 0;   // of items_
  std::uint64_t working_ = 0;  // of the batch that is being worked on
  std::uint64_t added_ = 0;    // items ever
  std::uint64_t finished_ = 0;
  std::uint64_t wanted_ = 0;  // `finished_` that someone waits for
  bool stopping_ = false;
  bool has_no_thread_ = false;
  bool is_worked_off_ = false;
  std::thread thread_;
};

std::uint64_t bytes_in_memory(const Publication& publication) {
  std::uint64_t bytes = publication.result.size();
  for (const BlobSource& blob : publication.blobs) bytes += blob.bytes.size();
  return bytes;
}

}  // namespace

struct Publisher::Impl {
  Impl(CacheDirectory& local_tier, CacheTier* shared_tier, PublisherLimits with)
      : local(local_tier),
        shared(shared_tier),
        limits(with),
        shared_lane([this](std::vector<Item> batch) { publish_shared(std::move(batch)); }, with.delay,
                    with.waiting_shared_bytes),
        local_lane([this](std::vector<Item> batch) { publish_local(std::move(batch)); }, with.delay, with.batch_bytes) {
  }

  void publish_local(std::vector<Item> batch);
  void publish_shared(std::vector<Item> batch);
  void share(Item item);
  void report(const CacheTier& tier, bool& reported, const std::string& message);

  CacheDirectory& local;
  CacheTier* const shared;
  const PublisherLimits limits;

  std::atomic<bool> shared_is_left = false;

  std::mutex warnings_lock;
  std::vector<std::string> warnings;
  bool reported_local = false;
  bool reported_shared = false;

  // The local lane fills the shared one, so it ends first.
  Lane shared_lane;
  Lane local_lane;
};

void Publisher::Impl::report(const CacheTier& tier, bool& reported, const std::string& message) {
  const std::lock_guard lock(warnings_lock);
  if (std::exchange(reported, true)) return;
  warnings.push_back(fmt::format("not every result is kept in {}: {}", tier.name(), message));
}

void Publisher::Impl::publish_local(std::vector<Item> batch) {
  std::vector<Publication> publications;
  publications.reserve(batch.size());
  for (Item& item : batch) publications.push_back(std::move(item.publication));
  const Status status = local.publish(publications);
  if (!status) report(local, reported_local, status.error().message);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].publication = std::move(publications[i]);
    // What was captured is a blob now. When it could not be kept, the shared tier finds that the file is missing.
    for (BlobSource& blob : batch[i].publication.blobs)
      if (!blob.path.empty()) blob.path = local.path_of(CacheKind::cas, blob.digest);
    if (batch[i].reach == Reach::shared && shared != nullptr) share(std::move(batch[i]));
  }
}

void Publisher::Impl::share(Item item) {
  if (shared_is_left) return;
  item.weight = bytes_in_memory(item.publication);
  if (shared_lane.weight() + item.weight > limits.waiting_shared_bytes)
    return report(*shared, reported_shared, "it is slower than results are made");
  shared_lane.push(std::move(item));
}

void Publisher::Impl::publish_shared(std::vector<Item> batch) {
  if (shared_is_left) return;
  std::vector<Publication> publications;
  publications.reserve(batch.size());
  for (Item& item : batch) publications.push_back(std::move(item.publication));
  const Status status = shared->publish(publications);
  if (!status) report(*shared, reported_shared, status.error().message);
}

Publisher::Publisher(CacheDirectory& local, CacheTier* shared, PublisherLimits limits)
    : impl_(std::make_unique<Impl>(local, shared, limits)) {}

Publisher::~Publisher() {
  flush();
}

Status Publisher::add(Publication publication, Reach reach) {
  Item item{.publication = {}, .reach = reach, .weight = 0};
  std::vector<BlobSource>& blobs = publication.blobs;
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    if (blobs[i].path.empty()) continue;
    Result<BlobSource> captured = impl_->local.capture(blobs[i].path, blobs[i].digest, blobs[i].size);
    if (!captured) {
      for (std::size_t earlier = 0; earlier < i; ++earlier) impl_->local.discard(blobs[earlier]);
      if (captured.error().kind != ErrorKind::corrupt)
        impl_->report(impl_->local, impl_->reported_local, captured.error().message);
      return std::unexpected(captured.error());
    }
    blobs[i] = std::move(*captured);
    item.weight += blobs[i].size;
  }
  publication.result = seal_result(publication.result, publication.action);
  item.publication = std::move(publication);
  impl_->local_lane.wait_below(impl_->limits.waiting_bytes);
  impl_->local_lane.push(std::move(item));
  return {};
}

void Publisher::hurry() {
  impl_->local_lane.hurry();
}

void Publisher::flush() {
  impl_->local_lane.flush();
  impl_->shared_lane.flush();
}

void Publisher::leave_shared() {
  impl_->shared_is_left = true;
}

std::vector<std::string> Publisher::take_warnings() {
  const std::lock_guard lock(impl_->warnings_lock);
  return std::exchange(impl_->warnings, {});
}

}  // namespace trilock

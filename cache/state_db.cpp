// The life of the state database: made when first written to, set aside when damaged, written behind the callers'
// backs. Two locks, never held together by one thread for long: `queue_lock` guards what waits to be written, so that
// recording never waits for the disk; `tables_lock` guards the connection.
#include "cache/state_db.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "cache/file_system.hpp"
#include "cache/own_file.hpp"
#include "cache/result_codec.hpp"
#include "cache/state_tables.hpp"
#include "cache/thread_start.hpp"

namespace trilock {
namespace {

// Rows lie all over their tables, so a batch writes about a page for each, and one that is ten times as large writes
// little more in all. What a kill takes away with it is still in the cache directory, which is written sooner.
constexpr std::size_t batch_rows = 4096;
constexpr std::chrono::milliseconds batch_delay{1000};
// Those of a short run come sooner, while its nodes wait for their processes; its end has less left to do.
constexpr std::chrono::milliseconds first_batch_delay = batch_delay / 16;
constexpr std::string_view in_memory = ":memory:";
constexpr std::array<std::string_view, 4> sqlite_suffixes = {"", "-wal", "-shm", "-journal"};
// Of one statement, in vain. Nothing takes as long but the wait for another process.
constexpr std::chrono::seconds longest_wait{2};

using Clock = std::chrono::steady_clock;

Error in_context(std::string_view path, const Error& error) {
  return {error.kind, fmt::format("state database `{}`: {}", path, error.message), error.help};
}

}  // namespace

struct StateDb::Impl {
  Impl(std::string database_path, Boot now) : path(std::move(database_path)), boot(std::move(now)) {}

  Status open_tables();
  Status open_existing();
  Status take_own_files() const;
  Status set_aside(std::string_view reason);
  void consider_giving_up(const Error& why, Clock::time_point began);
  template <class Rows, class Query>
  Result<Rows> read(Query query);
  template <class Write>
  Status write(Write write);
  void queue_row(StateRow row);
  void queued(std::size_t rows);
  void write_batches();
  void write_batch(std::unique_lock<std::mutex>& lock);
  Status flush();

  const std::string path;
  const Boot boot;
  std::int64_t doubted_since_ns = std::numeric_limits<std::int64_t>::max();

  std::mutex tables_lock;
  std::unique_ptr<StateTables> tables;  // null while there is no file
  std::optional<Error> given_up;
  std::string warning;

  std::mutex queue_lock;
  std::condition_variable wake;     // the writer: there is something to do
  std::condition_variable settled;  // those who flush: a batch is done
  std::vector<StateRow> queue;
  std::uint64_t recorded = 0;  // rows ever queued
  std::uint64_t finished = 0;  // of those, written or lost
  std::uint64_t wanted = 0;    // `finished` that someone waits for
  std::optional<Error> error;  // the first since the last flush
  bool stopping = false;
  bool has_no_writer = false;
  std::thread writer;
};

// --- the file. All of these are called with tables_lock held. ---

Status StateDb::Impl::open_tables() {
  if (tables) return {};
  if (path != in_memory) {
    std::error_code ignored;  // SQLite says what is wrong when the directory is not there
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    if (Status own = take_own_files(); !own) return own;
  }
  Result<std::unique_ptr<StateTables>> opened = StateTables::open(path, boot);
  if (!opened) return std::unexpected(opened.error());
  tables = std::move(*opened);
  doubted_since_ns = tables->doubted_since_ns();
  return {};
}

// SQLite would wait for a fifo, follow a link of the log's name, and give its files the mode that the umask leaves. It
// makes the others with the mode of the first. What is not ours is as useless as what is damaged.
Status StateDb::Impl::take_own_files() const {
  for (const std::string_view suffix : sqlite_suffixes) {
    const OwnUse use = suffix.empty() ? OwnUse::change : OwnUse::read;
    const Result<Descriptor> file = open_own_file(path + std::string(suffix), use);
    struct stat stat {};
    if (file && ::fstat(file->get(), &stat) == 0 && stat.st_nlink > 1)
      return fail(ErrorKind::corrupt, fmt::format("`{}{}` has a second name elsewhere", path, suffix));
    if (file || file.error().kind == ErrorKind::not_found) continue;
    const ErrorKind kind = file.error().kind == ErrorKind::invalid ? ErrorKind::corrupt : file.error().kind;
    return fail(kind, file.error().message);
  }
  return {};
}

Status StateDb::Impl::open_existing() {
  Status status = open_tables();
  if (status || status.error().kind != ErrorKind::corrupt) return status;
  return set_aside(status.error().message);
}

// Afterwards there is no file, and the next write makes one. A log that stayed behind would be replayed into it, so
// it goes along.
Status StateDb::Impl::set_aside(std::string_view reason) {
  tables.reset();
  if (path == in_memory) return {};
  const std::string broken = path + ".broken";
  std::error_code code;
  std::filesystem::remove_all(broken, code);
  std::filesystem::rename(path, broken, code);
  if (code && code != std::errc::no_such_file_or_directory) {
    return fail_errno(fmt::format("cannot set `{}` aside", path), code.value());
  }
  std::filesystem::remove_all(broken + "-wal", code);
  std::filesystem::rename(path + "-wal", broken + "-wal", code);
  for (const std::string_view suffix : sqlite_suffixes) std::filesystem::remove_all(path + std::string(suffix), code);
  warning =
      fmt::format("the state database `{}` cannot be used ({}) and has been set aside; nodes will be looked at afresh",
                  path, reason);
  return {};
}

// What failed after seconds has waited for a lock, and SQLite would wait as long in each of the statements to come.
void StateDb::Impl::consider_giving_up(const Error& why, Clock::time_point began) {
  if (why.kind == ErrorKind::io && Clock::now() - began >= longest_wait) given_up = why;
}

template <class Rows, class Query>
Result<Rows> StateDb::Impl::read(Query query) {
  const std::lock_guard lock(tables_lock);
  if (!tables) return Rows{};
  if (given_up) return std::unexpected(in_context(path, *given_up));
  const auto began = Clock::now();
  Result<Rows> rows = query(*tables);
  if (rows) return rows;
  consider_giving_up(rows.error(), began);
  if (rows.error().kind != ErrorKind::corrupt) return std::unexpected(in_context(path, rows.error()));
  const Status status = set_aside(rows.error().message);
  if (!status) return std::unexpected(status.error());
  return Rows{};
}

// A database that turns out to be damaged is set aside and the rows go into a new one.
template <class Write>
Status StateDb::Impl::write(Write write) {
  const std::lock_guard lock(tables_lock);
  for (bool again = false;; again = true) {
    if (given_up) return std::unexpected(in_context(path, *given_up));
    const auto began = Clock::now();
    Status status = open_tables();
    if (status) status = write(*tables);
    if (status) return {};
    consider_giving_up(status.error(), began);
    if (again || status.error().kind != ErrorKind::corrupt) return std::unexpected(in_context(path, status.error()));
    if (Status aside = set_aside(status.error().message); !aside) return aside;
  }
}

// --- the writer ---

void StateDb::Impl::queue_row(StateRow row) {
  const std::lock_guard lock(queue_lock);
  queue.push_back(std::move(row));
  queued(1);
}

// With queue_lock held, after that many rows were added.
void StateDb::Impl::queued(std::size_t rows) {
  recorded += rows;
  // Where a thread is refused, whoever waits for the rows writes them.
  if (!writer.joinable() && !has_no_writer) writer = start_thread([this] { write_batches(); });
  has_no_writer = !writer.joinable();
  if (queue.size() == rows || queue.size() >= batch_rows) wake.notify_one();
}

void StateDb::Impl::write_batches() {
  std::unique_lock lock(queue_lock);
  for (std::chrono::milliseconds delay = first_batch_delay;; delay = std::min(2 * delay, batch_delay)) {
    wake.wait(lock, [this] { return stopping || !queue.empty(); });
    if (queue.empty()) return;
    wake.wait_for(lock, delay, [this] { return stopping || wanted > finished || queue.size() >= batch_rows; });
    write_batch(lock);
  }
}

void StateDb::Impl::write_batch(std::unique_lock<std::mutex>& lock) {
  std::vector<StateRow> batch = std::exchange(queue, {});
  queue.reserve(batch.size());  // the next one will be about as large
  lock.unlock();
  const Status status = write([&](StateTables& to) { return to.write(batch); });
  lock.lock();
  finished += batch.size();
  if (!status && !error) error = status.error();
  settled.notify_all();
}

Status StateDb::Impl::flush() {
  std::unique_lock lock(queue_lock);
  const std::uint64_t all = recorded;
  if (has_no_writer && !queue.empty()) write_batch(lock);
  if (finished < all) {
    wanted = std::max(wanted, all);
    wake.notify_one();
    settled.wait(lock, [&] { return finished >= all; });
  }
  if (std::optional<Error> first = std::exchange(error, std::nullopt)) return std::unexpected(*first);
  return {};
}

// --- the contract ---

StateDb::StateDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

StateDb::~StateDb() {
  {
    const std::lock_guard lock(impl_->queue_lock);
    impl_->stopping = true;
  }
  impl_->wake.notify_one();
  if (impl_->writer.joinable()) impl_->writer.join();
  if (impl_->has_no_writer) static_cast<void>(impl_->flush());
}

Result<std::unique_ptr<StateDb>> StateDb::open(const std::string& path, std::string& warning, Boot boot) {
  auto impl = std::make_unique<Impl>(path, std::move(boot));
  if (path != in_memory) {
    const std::string_view network = network_file_system_of(path);
    if (!network.empty()) {
      return fail(ErrorKind::invalid,
                  fmt::format("the state database `{}` cannot be kept on a file system of type {}", path, network),
                  "set the environment variable TRILOCK_STATE_DIR to a directory on a local disk");
    }
  }
  std::error_code code;
  if (path == in_memory || std::filesystem::exists(std::filesystem::symlink_status(path, code))) {
    const Status status = impl->open_existing();
    if (!status) return std::unexpected(in_context(path, status.error()));
  }
  warning = std::exchange(impl->warning, {});
  return std::unique_ptr<StateDb>(new StateDb(std::move(impl)));
}

std::string StateDb::take_warning() {
  const std::lock_guard lock(impl_->tables_lock);
  return std::exchange(impl_->warning, {});
}

Result<std::vector<FileDigest>> StateDb::file_digests() {
  return impl_->read<std::vector<FileDigest>>([](StateTables& tables) { return tables.file_digests(); });
}

Result<std::vector<FileDigest>> StateDb::file_digests(std::span<const std::string> paths) {
  return impl_->read<std::vector<FileDigest>>([=](StateTables& tables) { return tables.file_digests(paths); });
}

Result<std::vector<StoredResult>> StateDb::results() {
  return impl_->read<std::vector<StoredResult>>([](StateTables& tables) { return tables.results(); });
}

Result<std::vector<StoredResult>> StateDb::results(std::span<const std::string> labels) {
  return impl_->read<std::vector<StoredResult>>([=](StateTables& tables) { return tables.results(labels); });
}

Result<std::optional<ActionResult>> StateDb::result(const std::string& label) {
  using Row = std::optional<ResultRow>;
  const Result<Row> row = impl_->read<Row>([&](StateTables& tables) { return tables.result(label); });
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  Result<ActionResult> result = decode((*row)->essence);
  Result<ActionResult> detail = decode((*row)->detail);
  if (!result || !detail || result->key != (*row)->key || detail->key != (*row)->key) return std::nullopt;
  result->out = std::move(detail->out);
  result->err = std::move(detail->err);
  result->explanation = std::move(detail->explanation);
  return std::move(*result);
}

namespace {

// What cannot be read any more is a file that nobody is known to have made.
Result<std::vector<OutputEntry>> entries_of(const Result<std::vector<MadeRow>>& rows) {
  if (!rows) return std::unexpected(rows.error());
  std::vector<OutputEntry> entries;
  for (const MadeRow& row : *rows)
    if (Result<ActionResult> made = decode(row.bytes)) std::ranges::move(made->outputs, std::back_inserter(entries));
  return entries;
}

}  // namespace

Result<std::vector<OutputEntry>> StateDb::made(const std::string& label) {
  return entries_of(impl_->read<std::vector<MadeRow>>([&](StateTables& tables) { return tables.made({&label, 1}); }));
}

Result<std::vector<OutputEntry>> StateDb::made() {
  return entries_of(impl_->read<std::vector<MadeRow>>([](StateTables& tables) { return tables.made(); }));
}

Result<std::vector<StoredAnswer>> StateDb::answers() {
  return impl_->read<std::vector<StoredAnswer>>([](StateTables& tables) { return tables.answers(); });
}

Result<std::vector<std::pair<std::string, std::uint64_t>>> StateDb::durations() {
  using Rows = std::vector<std::pair<std::string, std::uint64_t>>;
  return impl_->read<Rows>([](StateTables& tables) { return tables.durations(); });
}

Result<std::vector<std::pair<std::string, std::uint64_t>>> StateDb::durations(std::span<const std::string> labels) {
  using Rows = std::vector<std::pair<std::string, std::uint64_t>>;
  return impl_->read<Rows>([=](StateTables& tables) { return tables.durations(labels); });
}

Result<std::vector<RunRow>> StateDb::runs(std::size_t newest) {
  return impl_->read<std::vector<RunRow>>([=](StateTables& tables) { return tables.runs(newest); });
}

Result<std::vector<RunNodeRow>> StateDb::run_nodes(std::int64_t run) {
  return impl_->read<std::vector<RunNodeRow>>([=](StateTables& tables) { return tables.run_nodes(run); });
}

void StateDb::record_digests(std::vector<FileDigest> rows) {
  if (rows.empty()) return;
  const std::lock_guard lock(impl_->queue_lock);
  for (FileDigest& row : rows) impl_->queue.emplace_back(std::move(row));
  impl_->queued(rows.size());
}

void StateDb::record_result(std::string label, const ActionResult& result) {
  impl_->queue_row(
      ResultRow{std::move(label), result.key, encode(result, ResultPart::essence), encode(result, ResultPart::detail)});
}

void StateDb::forget_result(std::string label) {
  impl_->queue_row(ForgottenResult{std::move(label)});
}

void StateDb::record_made(std::string label, const std::vector<OutputEntry>& outputs) {
  ActionResult made;
  made.outputs = outputs;
  impl_->queue_row(MadeRow{std::move(label), encode(made)});
}

void StateDb::record_answer(StoredAnswer answer) {
  impl_->queue_row(std::move(answer));
}

Result<std::int64_t> StateDb::begin_run(std::int64_t started_ms) {
  std::int64_t id = 0;
  const Status status = impl_->write([&](StateTables& tables) -> Status {
    const Result<std::int64_t> inserted = tables.insert_run(started_ms);
    if (!inserted) return std::unexpected(inserted.error());
    id = *inserted;
    return {};
  });
  if (!status) return std::unexpected(status.error());
  return id;
}

void StateDb::record_run_node(RunNodeRow row) {
  impl_->queue_row(std::move(row));
}

Result<std::vector<LookupCount>> StateDb::lookups(std::size_t newest) {
  return impl_->read<std::vector<LookupCount>>([=](StateTables& tables) { return tables.lookups(newest); });
}

void StateDb::record_lookups(std::int64_t run, std::vector<LookupCount> counts) {
  if (!counts.empty()) impl_->queue_row(RunLookups{run, std::move(counts)});
}

void StateDb::end_run(RunRow row) {
  impl_->queue_row(row);
}

std::int64_t StateDb::doubted_since_ns() const {
  return impl_->doubted_since_ns;
}

Status StateDb::flush() {
  return impl_->flush();
}

}  // namespace trilock

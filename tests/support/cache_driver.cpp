// A program of the tests that uses a cache directory as nodes do, without any: for what takes processes that are
// killed, machines that crash, and figures. Exit code 1: something was wrong; 2: it was called wrongly.
//
//   cache_driver publish CACHE NAME TREE       keeps a tree as the output of an action; prints its digest
//   cache_driver restore CACHE NAME WORKSPACE  puts it back as `tree` there
//   cache_driver fetch CACHE NAME DIRECTORY    puts its files there; prints `hit` or `miss`, and the warnings
//   cache_driver flood CACHE SEED              publishes small results until it is stopped or fails; prints each
//   cache_driver hammer CACHE SEED SECONDS     looks up, checks, publishes
//   cache_driver evict CACHE BYTES SECONDS     evicts all the time
//   cache_driver writer CACHE ACTION           whose result that is: `trilock`, `other` or `damaged`
//   cache_driver audit CACHE                   every result whole, every blob with its digest
//   cache_driver hash fast|strong TREE         hashes every file; prints MB/s
//   cache_driver lookup DATABASE               prints µs for one look-up of a result
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cache/cache_gc.hpp"
#include "cache/hash.hpp"
#include "cache/outputs.hpp"
#include "cache/publication.hpp"
#include "cache/publisher.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/state_db.hpp"

namespace trilock::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

int complain(std::string_view what) {
  fmt::print(stderr, "{}\n", what);
  return 1;
}

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

ActionMessages action_called(const std::string& name) {
  PortableAction action;
  action.arguments = {"make", name};
  action.output_paths = {"tree"};
  return encode_action(action);
}

const std::vector<OutputSpec> tree_output = {{"", "tree", {}}};

int publish(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  const fs::path tree_path = fs::canonical(words[2]);
  SourceTree tree(*disk, tree_path.parent_path());
  const std::vector<OutputSpec> outputs = {{"", tree_path.filename(), {}}};
  const Result<OutputScan> scan = scan_outputs(tree, outputs);
  if (!scan) return complain(scan.error().message);
  CacheDirectory cache(*disk, words[0]);
  const auto start = Clock::now();
  {
    Publisher publisher(cache, nullptr);
    ActionResult result;
    result.outputs = scan->entries;
    if (Status added =
            publisher.add(make_publication(tree, action_called(words[1]), result, outputs), Publisher::Reach::local);
        !added)
      return complain(added.error().message);
    publisher.flush();
    for (const std::string& warning : publisher.take_warnings()) return complain(warning);
  }
  fmt::print("{}\n{:.1f} ms for {} entries\n", action_called(words[1]).digest.hex(), ms_since(start),
             scan->entries.size());
  return 0;
}

Result<DecodedResult> look_up(CacheDirectory& cache, const StrongDigest& action) {
  const Result<std::string> bytes = cache.result(action);
  if (!bytes) return std::unexpected(bytes.error());
  return decode_result(*bytes,
                       [&](const StrongDigest& digest, std::uint64_t size) { return cache.blob(digest, size); });
}

int restore(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, words[0]);
  const Result<DecodedResult> found = look_up(cache, action_called(words[1]).digest);
  if (!found) return complain(found.error().message);
  SourceTree tree(*disk, fs::canonical(words[2]));
  const auto start = Clock::now();
  const Status restored =
      restore_outputs(tree, blobs_from(cache), tree_output, found->result.outputs, tree.absolute(".trilock/tmp"));
  if (!restored) return complain(restored.error().message);
  fmt::print("{:.1f} ms for {} entries\n", ms_since(start), found->result.outputs.size());
  return 0;
}

int fetch(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, words[0]);
  const Result<DecodedResult> found = look_up(cache, action_called(words[1]).digest);
  Status status = found ? Status{} : std::unexpected(found.error());
  if (found) {
    fs::create_directories(words[2]);
    for (std::size_t i = 0; status && i < found->result.outputs.size(); ++i) {
      const OutputEntry& entry = found->result.outputs[i];
      if (entry.type != EntryType::file) continue;
      status = cache.fetch(entry.blob, entry.size, fmt::format("{}/{}", words[2], i), entry.mode);
    }
  }
  fmt::print("{}\n", status ? "hit" : "miss");
  for (const std::string& warning : cache.take_warnings()) fmt::print("warning: {}\n", warning);
  return 0;
}

// What action `number` makes is a function of the number, so that whoever restores it can tell whether it is right.
// Some contents are shared by many actions, some are empty, some are larger than a buffer.
std::vector<std::string> contents_of(unsigned number) {
  std::vector<std::string> contents;
  std::mt19937 random(number);
  for (unsigned i = 0; i < 1 + number % 4; ++i) {
    const std::size_t size = random() % 4 == 0 ? random() % 300'000 : random() % 5000;
    std::string content(size, static_cast<char>('a' + number % 26));
    for (std::size_t at = 0; at + 8 < size; at += 64) content.replace(at, 8, fmt::format("{:08x}", random()));
    contents.push_back(number % 5 == 0 ? fmt::format("shared {}", i) : std::move(content));
  }
  return contents;
}

Publication publication_of(unsigned number) {
  ActionResult result;
  result.outputs.push_back({.path = "tree", .type = EntryType::directory, .mode = 0755, .size = 0, .blob = {}});
  Publication publication;
  std::vector<BlobSource> files;
  for (const std::string& content : contents_of(number)) {
    const StrongDigest digest = strong_digest(content);
    result.outputs.push_back({.path = fmt::format("tree/{}", files.size()),
                              .type = EntryType::file,
                              .mode = 0644,
                              .size = content.size(),
                              .blob = digest,
                              .content = {},
                              .symlink_target = {}});
    files.push_back({.digest = digest, .size = content.size(), .path = {}, .bytes = content});
  }
  ActionMessages action = action_called(std::to_string(number));
  ResultMessages messages = encode_result(result, tree_output);
  publication.action = action.digest;
  publication.result = seal_result(messages.result, action.digest);
  publication.blobs = std::move(files);
  for (auto* list : {&messages.blobs, &action.messages})
    for (Message& message : *list) {
      const std::uint64_t size = message.bytes.size();
      publication.blobs.push_back(
          {.digest = message.digest, .size = size, .path = {}, .bytes = std::move(message.bytes)});
    }
  return publication;
}

int flood(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, words[0]);
  const auto seed = static_cast<unsigned>(std::stoul(words[1]));
  for (unsigned i = 0;; i += 8) {
    std::vector<Publication> batch;
    for (unsigned k = 0; k < 8; ++k) batch.push_back(publication_of(seed * 1'000'000 + i + k));
    if (Status status = cache.publish(batch); !status) return complain(status.error().message);
    for (const Publication& one : batch) fmt::print("{}\n", one.action.hex());
    std::fflush(stdout);
  }
}

// One look-up as a node does it. 0, or what is wrong.
std::string use(CacheDirectory& cache, Disk& disk, unsigned number, const std::string& stage, bool& hit) {
  const Result<DecodedResult> found = look_up(cache, action_called(std::to_string(number)).digest);
  if (!found) return found.error().kind == ErrorKind::not_found ? "" : found.error().message;
  const std::vector<std::string> expected = contents_of(number);
  if (found->result.outputs.size() != expected.size() + 1) return "a result has other outputs than its action makes";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const OutputEntry& entry = found->result.outputs[i + 1];
    const std::string path = fmt::format("{}/{}", stage, i);
    (void)disk.remove(path);
    const Status fetched = cache.fetch(entry.blob, entry.size, path, entry.mode);
    if (!fetched && fetched.error().kind == ErrorKind::not_found) return {};  // was evicted meanwhile
    if (!fetched) return fetched.error().message;
    if (disk.read(path).value_or("") != expected[i]) return "a restored file has other bytes than its action makes";
  }
  hit = true;
  return {};
}

int hammer(const Words& words) {
  constexpr unsigned actions = 200;
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, words[0]);
  std::mt19937 random(static_cast<unsigned>(std::stoul(words[1])));
  const std::string stage = words[0] + ".stage-" + words[1];
  fs::create_directories(stage);
  const auto end = Clock::now() + std::chrono::seconds(std::stoi(words[2]));
  std::size_t hits = 0;
  std::size_t misses = 0;
  while (Clock::now() < end) {
    const unsigned number = random() % actions;
    bool hit = false;
    if (const std::string wrong = use(cache, *disk, number, stage, hit); !wrong.empty()) return complain(wrong);
    ++(hit ? hits : misses);
    if (hit && random() % 8 != 0) continue;
    std::vector<Publication> batch;
    for (unsigned i = 0; i < 1 + random() % 12; ++i) batch.push_back(publication_of((number + i) % actions));
    if (Status status = cache.publish(batch); !status) return complain(status.error().message);
  }
  for (const std::string& warning : cache.take_warnings()) return complain(warning);
  fmt::print("{} hits, {} misses\n", hits, misses);
  return 0;
}

int evict(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  const GcLimits limits{.max_size = std::stoull(words[1]), .max_age_ns = {}, .min_age_ns = 0};
  const auto end = Clock::now() + std::chrono::seconds(std::stoi(words[2]));
  std::uint64_t removed = 0;
  while (Clock::now() < end) {
    const Result<std::optional<GcReport>> report = collect_garbage(*disk, words[0], limits);
    if (!report) return complain(report.error().message);
    if (*report) removed += (*report)->results.files + (*report)->blobs.files;
  }
  fmt::print("{} files evicted\n", removed);
  return 0;
}

int writer(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  const CacheDirectory cache(*disk, words[0]);
  const std::optional<StrongDigest> action = StrongDigest::from_hex(words[1]);
  if (!action) return complain("no digest");
  const Result<std::string> bytes = disk->read_plain(cache.path_of(CacheKind::ac, *action), largest_result);
  if (!bytes) return complain(bytes.error().message);
  const Result<ResultWriter> who = check_seal(*bytes, *action);
  fmt::print("{}\n", !who ? "damaged" : *who == ResultWriter::trilock ? "trilock" : "other");
  return 0;
}

int audit(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  CacheDirectory cache(*disk, words[0], CacheDirectory::Access::read);
  const Result<VerifyReport> report = verify_cache(*disk, cache, Repair::no);
  if (!report) return complain(report.error().message);
  for (const CacheFault& fault : report->faults)
    fmt::print("{} {} {}\n", to_string(fault.kind), fault.digest.hex(), fault.what);
  fmt::print("{} results, {} blobs, {} faults\n", report->checked.results.files, report->checked.blobs.files,
             report->faults.size());
  return report->faults.empty() ? 0 : 1;
}

int hash(const Words& words) {
  const std::unique_ptr<Disk> disk = make_real_disk();
  std::uint64_t bytes = 0;
  const auto start = Clock::now();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(words[1])) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path();
    if (words[0] == "fast" ? !disk->hash_fast(path).has_value() : !disk->hash_plain(path).has_value())
      return complain("cannot read " + path);
    bytes += entry.file_size();
  }
  fmt::print("{:.0f} MB/s\n", static_cast<double>(bytes) / 1000 / ms_since(start));
  return 0;
}

int lookup(const Words& words) {
  constexpr int rows = 10'000;
  std::string warning;
  Result<std::unique_ptr<StateDb>> db = StateDb::open(words[0], warning);
  if (!db) return complain(db.error().message);
  const auto label = [](int row) { return fmt::format("command.n{}", row); };
  ActionResult result;
  result.values = {{"out", "value"}};
  result.explanation = {{"rule", "command"}, {"input", "a"}};
  for (int row = 0; row < rows; ++row) (*db)->record_result(label(row), result);
  if (Status flushed = (*db)->flush(); !flushed) return complain(flushed.error().message);
  std::mt19937 random(1);
  const auto start = Clock::now();
  for (int i = 0; i < rows; ++i) {
    const Result<std::optional<ActionResult>> found = (*db)->result(label(static_cast<int>(random() % rows)));
    if (!found || !*found) return complain("a result is missing");
  }
  fmt::print("{:.2f} us\n", ms_since(start) * 1000 / rows);
  return 0;
}

struct Verb {
  std::string_view name;
  std::size_t words;
  int (*run)(const Words&);
};
constexpr Verb verbs[] = {
    {"publish", 3, publish}, {"restore", 3, restore}, {"fetch", 3, fetch},   {"flood", 2, flood}, {"hammer", 3, hammer},
    {"evict", 3, evict},     {"audit", 1, audit},     {"writer", 2, writer}, {"hash", 2, hash},   {"lookup", 1, lookup},
};

int main(int argc, char** argv) {
  const Words words(argv + std::min(argc, 2), argv + argc);
  for (const Verb& verb : verbs)
    if (argc > 1 && verb.name == argv[1] && verb.words == words.size()) return verb.run(words);
  fmt::print(stderr, "the head of tests/support/cache_driver.cpp says how to call this\n");
  return 2;
}

}  // namespace
}  // namespace trilock::test

int main(int argc, char** argv) {
  return trilock::test::main(argc, argv);
}

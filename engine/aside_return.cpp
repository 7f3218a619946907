#include "engine/aside_return.hpp"

#include <ranges>
#include <utility>

#include "cache/output_check.hpp"
#include "engine/displaced.hpp"
#include "engine/scratch.hpp"

namespace trilock {
namespace {

class Return {
 public:
  Return(Disk& disk, const AsidePlaces& places, AsideReturn& report)
      : disk_(disk), places_(places), displaced_(disk, places.state_dir), report_(report) {}

  // False when something could not be done, which is said.
  bool give_back(const AsideOutput& aside) {
    const std::string output = places_.workspace + "/" + aside.output;
    const std::string kept = places_.scratch_root + "/" + aside.kept;
    const std::string rest = kept + std::string(half_back);
    if (aside.kept.empty()) return settled(make_room(aside, output, ""), "");
    if (disk_.stat(rest)) return settled(move_entry_back(disk_, rest, output), aside.output, aside.kept);
    if (!disk_.stat(kept)) return true;
    Status done = make_room(aside, output, kept);
    if (done) done = disk_.make_directories(std::string(parent_path(output)));
    if (done) done = put_back(disk_, kept, output);
    return settled(done, aside.output, aside.kept);
  }

 private:
  bool settled(const Status& done, const std::string& back, const std::string& kept = "") {
    if (done && !back.empty()) report_.back.push_back(back);
    if (done) return true;
    report_.errors.push_back(done.error().message);
    if (kept.empty()) return false;
    report_.kept.push_back(kept);
    report_.kept.push_back(kept + std::string(half_back));
    return false;
  }

  Status make_room(const AsideOutput& aside, const std::string& output, const std::string& kept) {
    const Result<FileStat> there = disk_.stat(output);
    if (!there && there.error().kind == ErrorKind::not_found) return {};
    if (!there) return std::unexpected(there.error());
    if (is_worth_nothing(*there, output, kept)) {
      const Status removed = disk_.remove(output);
      return is_empty_directory(output) ? Status() : removed;  // a mount point stays, which is not in the way
    }
    Result<std::string> displaced = displaced_.take(output, aside.output);
    if (!displaced) return std::unexpected(displaced.error());
    report_.displaced.push_back(std::move(*displaced));
    return {};
  }

  // An empty directory, or a file that is what goes back.
  bool is_worth_nothing(const FileStat& there, const std::string& output, const std::string& kept) {
    if (there.type == FileType::directory) return is_empty_directory(output);
    if (there.type != FileType::file) return false;
    if (kept.empty()) return there.size == 0;
    const Result<FileStat> old = disk_.stat(kept);
    if (!old || old->type != FileType::file || old->size != there.size) return false;
    const Result<FastDigest> before = disk_.hash_fast(kept);
    const Result<FastDigest> now = disk_.hash_fast(output);
    return before && now && *before == *now;
  }

  bool is_empty_directory(const std::string& path) {
    const Result<std::vector<DirEntry>> entries = disk_.list(path);
    return entries && entries->empty();
  }

  Disk& disk_;
  const AsidePlaces& places_;
  Displaced displaced_;
  AsideReturn& report_;
};

}  // namespace

AsideReturn return_aside(std::span<const Journal::Aside> asides, Journal& journal, Disk& disk,
                         const AsidePlaces& places) {
  AsideReturn report;
  Return back(disk, places, report);
  for (const Journal::Aside& aside : asides | std::views::reverse) {
    bool whole = true;
    for (const AsideOutput& output : aside.outputs) whole = back.give_back(output) && whole;
    if (whole) journal.end(aside.number);
  }
  return report;
}

}  // namespace trilock

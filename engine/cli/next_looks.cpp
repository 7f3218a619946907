#include "engine/cli/next_looks.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace trilock::cli {
namespace {

struct Look {
  std::optional<FileStat> stat;
  std::vector<std::uint32_t> askers;  // nodes of the whole graph
};

struct Name {
  std::string name;
  bool followed = false;
  friend auto operator<=>(const Name&, const Name&) = default;
};
using Directory = std::map<Name, Look>;

class Merger {
 public:
  Merger(const Change& change, std::span<const std::string> own, SnapshotBuilder& looks, GraphIndex& graph)
      : change_(change), snapshot_(change.snapshot()), own_(own), looks_(looks), graph_(graph) {}

  // What the part looked at; of `planning` only what was looked at for that.
  enum class Of : std::uint8_t { everything, planning };
  bool take(const SourceTree& tree, Of of) {
    bool usable = true;
    const auto account = tree.account([&](const SourceTree::Look& look) {
      // Those for planning come last.
      auto askers = look.askers;
      if (of == Of::planning)
        askers = askers.subspan(
            static_cast<std::size_t>(std::ranges::lower_bound(askers, SourceTree::for_planning) - askers.begin()));
      if (askers.empty()) return;
      usable = usable && look.settled;
      const std::optional<FileStat> stat = look.stat == nullptr ? std::nullopt : std::optional<FileStat>(*look.stat);
      const auto [known, added] =
          fresh_[std::string(look.directory)].try_emplace({std::string(look.name), look.followed}, Look{stat, {}});
      usable = usable && (added || known->second.stat == stat);
      for (const std::uint32_t node : nodes_of(askers))
        known->second.askers.push_back(node == SourceTree::everybody ? node : change_.whole_id(NodeId{node}));
    });
    return usable && account != SourceTree::Account::unknown;
  }

  bool merge() {
    for (const SnapshotDirectory& directory : snapshot_.directories()) {
      const char* const path = snapshot_.text(directory.path);
      if (path == nullptr) return false;
      const auto fresh = fresh_.find(std::string_view(path));
      for (const SnapshotLook& look : snapshot_.looks(directory))
        if (!keep(path, look, fresh == fresh_.end() ? nullptr : &fresh->second)) return false;
    }
    for (auto& [path, directory] : fresh_)
      for (auto& [name, look] : directory) add(path, name, look);
    return true;
  }

 private:
  [[nodiscard]] std::optional<FileStat> stat_of(const SnapshotLook& look) const {
    if (look.present == 0) return std::nullopt;
    return FileStat{.type = look.type,
                    .mode = look.mode,
                    .size = look.size,
                    .mtime_ns = look.mtime_ns,
                    .ctime_ns = look.ctime_ns,
                    .inode = look.inode,
                    .device = snapshot_.device(look.device).value_or(0)};
  }

  void add(std::string_view directory, const Name& name, Look& look) {
    std::ranges::sort(look.askers);
    look.askers.erase(std::ranges::unique(look.askers).begin(), look.askers.end());
    looks_.add(directory, name.name, name.followed, look.stat ? &*look.stat : nullptr, graph_.row(look.askers));
  }

  [[nodiscard]] bool is_own(std::string_view directory, std::string_view name) const {
    return std::ranges::any_of(own_, [&](std::string_view path) {
      return path.size() == directory.size() + 1 + name.size() && path.ends_with(name) && path.starts_with(directory);
    });
  }

  // A look of before: joined with the one of now, if there is one.
  bool keep(std::string_view directory, const SnapshotLook& look, Directory* fresh) {
    const char* const name = snapshot_.text(look.name);
    if (name == nullptr) return false;
    if (is_own(directory, name)) return true;
    rest_.clear();
    for (const std::uint32_t asker : change_.graph().askers(look.askers))
      if (asker == SourceTree::everybody || !change_.is_decided(asker)) rest_.push_back(asker);
    const std::optional<FileStat> stat = stat_of(look);
    if (fresh != nullptr) {
      if (const auto now = fresh->find(Name{name, look.followed != 0}); now != fresh->end()) {
        const bool differs = now->second.stat != stat && !rest_.empty();
        const bool only_everybody = rest_.size() == 1 && rest_.front() == SourceTree::everybody;
        if (differs && !(only_everybody && look.followed != 0 && change_.is_pipeline_file(directory, name)))
          return false;
        now->second.askers.insert(now->second.askers.end(), rest_.begin(), rest_.end());
        add(directory, now->first, now->second);
        fresh->erase(now);
        return true;
      }
    }
    if (rest_.empty()) return true;
    looks_.add(directory, name, look.followed != 0, stat ? &*stat : nullptr, graph_.row(rest_));
    return true;
  }

  const Change& change_;
  const SnapshotView& snapshot_;
  std::span<const std::string> own_;
  SnapshotBuilder& looks_;
  GraphIndex& graph_;
  std::map<std::string, Directory, std::less<>> fresh_;
  std::vector<std::uint32_t> rest_;
};

}  // namespace

bool add_next_looks(const Change& change, const SourceTree& tree, const SourceTree* planned,
                    std::span<const std::string> own, SnapshotBuilder& looks, GraphIndex& graph) {
  Merger merger(change, own, looks, graph);
  if (planned != nullptr && !merger.take(*planned, Merger::Of::planning)) return false;
  return merger.take(tree, Merger::Of::everything) && merger.merge();
}

}  // namespace trilock::cli

#include "engine/foreign_outputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "cache/links.hpp"
#include "cache/output_check.hpp"
#include "cache/result_codec.hpp"
#include "engine/git_standing.hpp"

namespace trilock {
namespace {

std::string names_of(std::span<const std::string> paths) {
  constexpr std::size_t shown = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(shown, paths.size()); ++i)
    names += fmt::format("{}`{}`", i == 0 ? "" : ", ", paths[i]);
  if (paths.size() > shown) names += fmt::format(" and {} more", paths.size() - shown);
  return names;
}

// --- which files differ from what is known to be the node's ---

struct Candidate {
  std::string path;
  bool extra = false;  // nothing takes its place when outputs are restored
};

class Candidates {
 public:
  Candidates(SourceTree& tree, std::span<const OutputSpec> outputs) : tree_(tree), outputs_(outputs) {}

  // The files that are not, byte for byte, what `entries` say.
  Result<std::vector<Candidate>> collect(std::span<const OutputEntry> entries) {
    Status walked;
    const Status compared = each_difference(tree_, outputs_, entries, [&](const Difference& difference) {
      walked = add(difference);
      return walked.has_value();
    });
    if (!compared) return std::unexpected(compared.error());
    if (!walked) return std::unexpected(walked.error());
    return std::move(files_);
  }

 private:
  Status add(const Difference& difference) {
    switch (difference.kind) {
      case Difference::Kind::missing:
      case Difference::Kind::mode:
        return {};
      case Difference::Kind::content:
      case Difference::Kind::target:
        files_.push_back({difference.path, false});
        return {};
      case Difference::Kind::type:
      case Difference::Kind::extra:
        return add_all(difference);
    }
    return {};
  }

  Status add_all(const Difference& difference) {
    const bool extra = difference.kind == Difference::Kind::extra;
    if (difference.type == FileType::other) {
      if (std::ranges::find(outputs_, difference.path, &OutputSpec::path) == outputs_.end()) return {};
      return fail(ErrorKind::invalid, fmt::format("the output `{}` is a device, socket or fifo", difference.path),
                  "remove it, or name another file: an output is a file, a directory or a symlink");
    }
    if (difference.type != FileType::directory) {
      files_.push_back({difference.path, extra});
      return {};
    }
    const Result<std::vector<SourceTree::Found>> below = tree_.walk(difference.path);
    if (!below) return std::unexpected(below.error());
    // Of a directory where a file was recorded nothing is in the file's place.
    for (const SourceTree::Found& found : *below)
      if (found.type == FileType::file || found.type == FileType::symlink) files_.push_back({found.path, true});
    return {};
  }

  SourceTree& tree_;
  std::span<const OutputSpec> outputs_;
  std::vector<Candidate> files_;
};

// --- whose they are ---

bool is_in_cache(RunState& state, const std::string& path) {
  if (state.cache == nullptr) return false;
  const Result<FileStat> stat = state.tree.stat(path);
  if (!stat || stat->type != FileType::file) return false;
  const Result<ContentDigests> digests = state.tree.strong_digest(path);
  if (!digests) return false;
  const OutputEntry entry{.path = path, .size = digests->size, .blob = digests->strong};
  return state.cache->holds({&entry, 1});
}

// A run that was killed may have ended with a node before the database heard of it.
bool is_of_killed_run(RunState& state, const std::string& path) {
  const RunOptions::KilledRuns& killed = state.options.killed;
  if (!killed.any || killed.began_ns == 0) return false;
  const Result<FileStat> stat = state.tree.stat(path);
  return stat && stat->ctime_ns >= killed.began_ns && stat->ctime_ns <= killed.last_ns;
}

// Or in the middle of one, or the machine stopped: then this may be the half of an output, or what was written since.
bool may_be_of_killed_run(RunState& state, const std::string& path) {
  const RunOptions::KilledRuns& killed = state.options.killed;
  std::int64_t since = state.options.doubted_since_ns;
  if (killed.any) since = std::min(since, killed.began_ns);
  if (since == std::numeric_limits<std::int64_t>::max()) return false;
  const Result<FileStat> stat = state.tree.stat(path);
  return stat && stat->ctime_ns >= since;
}

// Whether it is a symlink to something that its node makes as well: then nothing is lost with it.
bool leads_to_own_output(RunState& state, NodeId id, const std::string& path) {
  const Result<FileStat> stat = state.tree.stat(path);
  if (!stat || stat->type != FileType::symlink) return false;
  const Result<LinkEnd> end = follow_links(state.tree, path);
  return end && end->inside() && output_of(state.graph.node(id).outputs, end->path) != nullptr;
}

// Leaves those that no result made.
void drop_known(RunState& state, NodeId id, std::vector<Candidate>& files) {
  if (files.empty()) return;
  SourceTree& tree = state.tree;
  if (const Result<std::vector<OutputEntry>> made = state.db.made(state.graph.node(id).label)) {
    std::erase_if(files, [&](const Candidate& file) {
      return std::ranges::any_of(
          *made, [&](const OutputEntry& entry) { return entry.path == file.path && is_content_of(tree, entry); });
    });
  }
  std::erase_if(files, [&](const Candidate& file) {
    return is_of_killed_run(state, file.path) || is_in_cache(state, file.path) ||
           leads_to_own_output(state, id, file.path);
  });
  if (files.empty()) return;
  std::erase_if(files, [&](const Candidate& file) { return state.care->made.holds(tree, file.path); });
}

std::string shown_path(const RunState& state, const std::string& absolute) {
  const std::string below = state.tree.root() + "/";
  return absolute.starts_with(below) ? absolute.substr(below.size()) : absolute;
}

Error refusal(const RunState& state, std::span<const std::string> paths) {
  const bool one = paths.size() == 1;
  return {ErrorKind::invalid, fmt::format("no run made {}, and {} would be lost", names_of(paths), one ? "it" : "they"),
          fmt::format("move {} away; or let `trilock run --overwrite` move {} to `{}`", one ? "it" : "them",
                      one ? "it" : "them", shown_path(state, state.care->displaced.dir()))};
}

Error would_be_gone(std::span<const std::string> paths) {
  const bool one = paths.size() == 1;
  return {ErrorKind::invalid,
          fmt::format("git tracks {}, which {} in an output and {} not made again", names_of(paths),
                      one ? "lies" : "lie", one ? "is" : "are"),
          fmt::format("name an output that holds no sources; where {} no longer made, `git rm` {}, or run with "
                      "`--overwrite`",
                      one ? "it is" : "they are", one ? "it" : "them")};
}

// What becomes of files that no result made.
Result<std::vector<ForeignFile>> judge(RunState& state, std::span<const Candidate> candidates) {
  std::vector<ForeignFile> files;
  if (candidates.empty()) return files;
  std::vector<std::string> absolute;
  for (const Candidate& candidate : candidates) absolute.push_back(state.tree.absolute(candidate.path));
  const std::vector<GitStanding> standings =
      git_standing({state.tree.disk(), state.runner, state.environment}, absolute);
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool in_git = standings[i] == GitStanding::unmodified;
    if (standings[i] == GitStanding::other && !state.options.overwrite &&
        !may_be_of_killed_run(state, candidates[i].path))
      refused.push_back(candidates[i].path);
    files.push_back({candidates[i].path, in_git ? ForeignFile::Fate::replaced : ForeignFile::Fate::displaced});
  }
  if (!refused.empty()) return std::unexpected(refusal(state, refused));
  return files;
}

// --- what is said ---

void say_displaced(RunState& state, NodeId id, std::span<const std::string> paths, const std::string& kept) {
  if (paths.empty()) return;
  const std::string& label = state.graph.node(id).label;
  state.events.warning(
      paths.size() == 1
          ? fmt::format("{}: no run made `{}`, which is now `{}`", label, paths.front(), shown_path(state, kept))
          : fmt::format("{}: no run made {}, which are now in `{}`", label, names_of(paths),
                        shown_path(state, state.care->displaced.dir())));
}

void say_replaced(RunState& state, NodeId id, std::span<const std::string> paths) {
  if (paths.empty()) return;
  state.events.warning(
      fmt::format("{}: no run made {}; git has what was there before", state.graph.node(id).label, names_of(paths)));
}

// Whether what is at `path` now has the bytes of what is at `kept`.
bool is_same(SourceTree& tree, const std::string& path, const std::string& kept) {
  const Result<FileStat> now = tree.stat(path);
  const Result<FileStat> before = tree.disk().stat(kept);
  if (!now || !before || now->type != before->type) return false;
  if (now->type == FileType::symlink) {
    const Result<std::string> target = tree.read_link(path);
    const Result<std::string> other = tree.disk().read_link(kept);
    return target && other && *target == *other;
  }
  if (now->type != FileType::file || now->size != before->size) return false;
  const Result<FastDigest> digest = tree.digest(path);
  const Result<FastDigest> other = tree.disk().hash_fast(kept);
  return digest && other && *digest == *other;
}

bool is_file_or_link(SourceTree& tree, const std::string& path) {
  const Result<FileStat> stat = tree.stat(path);
  return stat && (stat->type == FileType::file || stat->type == FileType::symlink);
}

}  // namespace

Result<std::vector<ForeignFile>> find_foreign(RunState& state, NodeId id, const Decision& decision,
                                              std::span<const OutputSpec> outputs) {
  if (state.care == nullptr) return std::vector<ForeignFile>();
  std::vector<OutputEntry> recorded;
  if (const auto last = state.recorded.find(state.graph.node(id).label); last != state.recorded.end())
    if (Result<ActionResult> result = decode(last->second.bytes)) recorded = std::move(result->outputs);
  // Private outputs lie where only trilock writes.
  std::vector<OutputSpec> seen;
  std::ranges::copy_if(outputs, std::back_inserter(seen),
                       [](const OutputSpec& output) { return !is_private_output(output.path); });
  std::erase_if(recorded, [&](const OutputEntry& entry) { return output_of(seen, entry.path) == nullptr; });
  // Most often there is nothing, and nothing need be remembered of that.
  if (recorded.empty())
    std::erase_if(seen, [&](const OutputSpec& output) {
      const Result<FileStat> there = state.tree.disk().stat(state.tree.absolute(output.path));
      return !there && there.error().kind == ErrorKind::not_found;
    });
  if (seen.empty()) return std::vector<ForeignFile>();
  for (const OutputSpec& output : seen) state.tree.forget(output.path);
  Result<std::vector<Candidate>> files = Candidates(state.tree, seen).collect(recorded);
  if (!files) return std::unexpected(files.error());
  std::erase_if(*files, [&](const Candidate& file) {
    return std::ranges::any_of(decision.action.writes, [&](const FileWrite& write) {
      if (write.path != file.path) return false;
      const Result<std::string> content = state.tree.disk().read(state.tree.absolute(file.path));
      return content && *content == write.content;
    });
  });
  drop_known(state, id, *files);
  return judge(state, *files);
}

Status settle_foreign(RunState& state, NodeId id, std::span<const ForeignFile> files, const Scratch& scratch) {
  std::vector<std::string> gone;
  std::vector<std::string> replaced;
  std::vector<std::pair<std::string, std::string>> to_keep;  // path, where it is
  for (const ForeignFile& file : files) {
    std::string kept = scratch.kept(file.path);
    if (kept.empty() || is_same(state.tree, file.path, kept)) continue;
    if (file.fate == ForeignFile::Fate::displaced) {
      to_keep.emplace_back(file.path, std::move(kept));
      continue;
    }
    const Result<FileStat> before = state.tree.disk().stat(kept);
    const bool empty = before && before->type == FileType::file && before->size == 0;  // as `.gitkeep` is
    (is_file_or_link(state.tree, file.path) || empty || state.options.overwrite ? replaced : gone).push_back(file.path);
  }
  if (!gone.empty()) return std::unexpected(would_be_gone(gone));
  std::vector<std::string> paths;
  std::vector<std::string> places;
  for (const auto& [path, kept] : to_keep) {
    Result<std::string> place = state.care->displaced.take(kept, path);
    if (!place) {
      for (std::size_t i = 0; i < places.size(); ++i)
        static_cast<void>(state.care->displaced.give_back(places[i], to_keep[i].second));
      return std::unexpected(place.error());
    }
    paths.push_back(path);
    places.push_back(std::move(*place));
  }
  say_displaced(state, id, paths, places.empty() ? std::string() : places.front());
  say_replaced(state, id, replaced);
  return {};
}

Status MadeWay::make(std::span<const OutputSpec> outputs, std::span<const OutputEntry> entries) {
  if (state_.care == nullptr) return {};
  std::vector<OutputSpec> seen;
  std::ranges::copy_if(outputs, std::back_inserter(seen),
                       [](const OutputSpec& output) { return !is_private_output(output.path); });
  std::vector<OutputEntry> wanted;
  std::ranges::copy_if(entries, std::back_inserter(wanted),
                       [](const OutputEntry& entry) { return !is_private_output(entry.path); });
  Result<std::vector<Candidate>> candidates = Candidates(state_.tree, seen).collect(wanted);
  if (!candidates) return std::unexpected(candidates.error());
  drop_known(state_, id_, *candidates);
  Result<std::vector<ForeignFile>> files = judge(state_, *candidates);
  if (!files) return std::unexpected(files.error());
  std::vector<std::string> gone;
  for (std::size_t i = 0; i < files->size(); ++i) {
    const ForeignFile& file = (*files)[i];
    if (file.fate != ForeignFile::Fate::replaced) continue;
    if ((*candidates)[i].extra && !state_.options.overwrite) gone.push_back(file.path);
    replaced_.push_back(file.path);
  }
  if (!gone.empty()) return std::unexpected(would_be_gone(gone));
  for (const ForeignFile& file : *files) {
    if (file.fate != ForeignFile::Fate::displaced) continue;
    Result<std::string> kept = state_.care->displaced.take(state_.tree.absolute(file.path), file.path);
    if (!kept) {
      undo();
      return std::unexpected(kept.error());
    }
    state_.tree.forget(file.path);
    moved_.push_back({file.path, std::move(*kept)});
  }
  return {};
}

void MadeWay::say() {
  std::vector<std::string> paths;
  for (const Moved& moved : moved_) paths.push_back(moved.path);
  say_displaced(state_, id_, paths, moved_.empty() ? std::string() : moved_.front().kept);
  say_replaced(state_, id_, replaced_);
}

void MadeWay::undo() {
  for (const Moved& moved : moved_) {
    const std::string path = state_.tree.absolute(moved.path);
    if (state_.tree.disk().stat(path)) {  // something was restored there already: it stays, and so does the other
      say_displaced(state_, id_, {&moved.path, 1}, moved.kept);
      continue;
    }
    if (Status back = state_.care->displaced.give_back(moved.kept, path); !back)
      state_.events.warning(back.error().message);
    state_.tree.forget(moved.path);
  }
  moved_.clear();
}

}  // namespace trilock

#include "engine/watch/path_tree.hpp"

#include <algorithm>
#include <utility>

namespace trilock {
namespace {

// The next component of a path, or "" at its end.
std::string_view take_component(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component;
}

}  // namespace

PathTree::PathTree(Notifier& notifier, Suspect suspect) : notifier_(notifier), suspect_(std::move(suspect)) {
  nodes_.emplace_back();
}

PathTree::Id PathTree::child(Id parent, std::string_view name) {
  const auto found = nodes_[parent].children.find(name);
  if (found != nodes_[parent].children.end()) return found->second;
  const Id id = static_cast<Id>(nodes_.size());
  nodes_[parent].children.emplace(name, id);
  nodes_.emplace_back();
  nodes_.back().parent = parent;
  nodes_.back().name = name;
  return id;
}

PathTree::Id PathTree::node_of(std::string_view path) {
  Id id = root;
  for (std::string_view name = take_component(path); !name.empty(); name = take_component(path)) id = child(id, name);
  return id;
}

std::string PathTree::path_of(Id id) const {
  if (id == root) return "/";
  std::string path = nodes_[id].parent == root ? "" : path_of(nodes_[id].parent);
  return path.append("/").append(nodes_[id].name);
}

void PathTree::follow(const SnapshotView& snapshot) {
  for (Node& node : nodes_) {
    node.directories.clear();
    node.looks.clear();
  }
  names_.clear();
  snapshot_ = &snapshot;
  attach(snapshot);
  drop_unused();
  for (Id id = 0; id < nodes_.size(); ++id) resolve(id);
  find_blind();
}

// A look at a directory by its name changes with what is in it, and one through a symlink with what that leads to; the
// others are found by their name when something happens to it.
void PathTree::attach(const SnapshotView& snapshot) {
  const auto directories = snapshot.directories();
  for (std::uint32_t i = 0; i < directories.size(); ++i) {
    const char* const path = snapshot.text(directories[i].path);
    if (path == nullptr) continue;
    const Id id = node_of(path);
    nodes_[id].directories.push_back(i);
    need_files(id);
    std::uint32_t look = directories[i].first;
    for (const SnapshotLook& recorded : snapshot.looks(directories[i])) {
      const char* const name = snapshot.text(recorded.name);
      const bool is_other = name != nullptr && *name != '\0' && std::string_view(name) != ".";
      if (is_other && (recorded.followed != 0 || recorded.type == FileType::directory))
        nodes_[child(id, name)].looks.push_back(look);
      ++look;
    }
  }
}

// Paths of earlier snapshots, when they have become the most.
void PathTree::drop_unused() {
  std::size_t used = 0;
  for (const Node& node : nodes_) used += node.directories.empty() && node.looks.empty() ? 0 : 1;
  constexpr std::size_t few = 1000;
  if (nodes_.size() < few || nodes_.size() / 4 < used) return;
  std::vector<WatchId> old;
  for (const auto& [watch, ids] : by_watch_) old.push_back(watch);
  nodes_.assign(1, {});
  by_watch_.clear();
  doubted_.clear();
  attach(*snapshot_);
  for (Id id = 0; id < nodes_.size(); ++id) resolve(id);
  for (const WatchId watch : old)
    if (!by_watch_.contains(watch)) notifier_.forget(watch);
}

// --- where paths lead ---

void PathTree::lead_through(Id id, Id other) {
  nodes_[id].leads_through.push_back(other);
  nodes_[other].dependents.insert(id);
}

void PathTree::resolve(Id id) {
  if (nodes_[id].resolved || nodes_[id].open) return;
  nodes_[id].open = true;
  nodes_[id].real = none;
  nodes_[id].blind = false;
  nodes_[id].leads_through.clear();
  const Id parent = nodes_[id].parent;
  if (parent != none) resolve(parent);
  const Id above = parent == none ? root : nodes_[parent].real;
  if (parent == none || above == parent) {
    resolve_here(id);
  } else if (above != none) {
    const Id same = child(above, nodes_[id].name);
    lead_through(id, same);
    resolve(same);
    nodes_[id].real = nodes_[same].real;
  }
  if (nodes_[id].real != id) release(id);
  if (nodes_[id].has_files) need_files(id);
  nodes_[id].open = false;
  nodes_[id].resolved = true;
}

void PathTree::resolve_here(Id id) {
  const Notifier::Found found = notifier_.look(path_of(id));
  switch (found.kind) {
    case Notifier::Found::Kind::directory:
      nodes_[id].real = id;
      watch(id);
      break;
    case Notifier::Found::Kind::symlink:
      resolve_symlink(id, found.target);
      break;
    case Notifier::Found::Kind::hidden:
      nodes_[id].blind = true;
      break;
    case Notifier::Found::Kind::absent:
    case Notifier::Found::Kind::other:
      break;
  }
}

// As path_resolution(7) has it.
void PathTree::resolve_symlink(Id id, std::string_view target) {
  Id at = target.starts_with('/') ? root : nodes_[id].parent;
  for (std::string_view name = take_component(target); !name.empty(); name = take_component(target)) {
    if (name == ".") continue;
    resolve(at);
    const Id directory = nodes_[at].real;
    if (directory == none) return;
    at = name == ".." ? (directory == root ? root : nodes_[directory].parent) : child(directory, name);
    if (at != id) lead_through(id, at);
  }
  if (at == id) return;
  resolve(at);
  nodes_[id].real = nodes_[at].real;
  if (nodes_[at].real == none) need_files(nodes_[at].parent);
}

// What is the same directory by another path is told by the real one.
void PathTree::need_files(Id id) {
  nodes_[id].has_files = true;
  const Id real = nodes_[id].real;
  if (real == none || (nodes_[real].has_files && nodes_[real].tells_files)) return;
  nodes_[real].has_files = true;
  if (nodes_[real].resolved) watch(real);
}

void PathTree::watch(Id id) {
  const bool files = nodes_[id].has_files;
  const WatchId watch = notifier_.watch_directory(path_of(id), files ? Notifier::Tell::all : Notifier::Tell::names);
  nodes_[id].blind = watch == no_watch;
  nodes_[id].tells_files = files;
  if (watch == nodes_[id].watch) return;
  release(id);
  nodes_[id].watch = watch;
  if (watch != no_watch) by_watch_[watch].push_back(id);
}

void PathTree::release(Id id) {
  const WatchId watch = std::exchange(nodes_[id].watch, no_watch);
  const auto found = by_watch_.find(watch);
  if (found == by_watch_.end()) return;
  std::erase(found->second, id);
  if (!found->second.empty()) return;
  by_watch_.erase(found);
  notifier_.forget(watch);
}

// All below a doubted node is resolved anew, and all that leads through any of it.
void PathTree::settle() {
  if (doubted_.empty()) return;
  std::vector<Id> stale = std::exchange(doubted_, {});
  for (std::size_t i = 0; i < stale.size(); ++i) {
    Node& node = nodes_[stale[i]];
    if (!node.resolved) continue;  // it is in the list already
    node.resolved = false;
    for (const auto& [name, id] : node.children) stale.push_back(id);
    stale.insert(stale.end(), node.dependents.begin(), node.dependents.end());
  }
  for (const Id id : stale) resolve(id);
  for (Id id = 0; id < nodes_.size(); ++id) resolve(id);  // that came to be on the way
  find_blind();
}

void PathTree::doubt_all() {
  suspect_below(root);
  doubt(root);
}

bool PathTree::is_blind(Id id, std::vector<std::uint8_t>& known) {
  enum : std::uint8_t { unknown, open, no, yes };
  if (known[id] != unknown) return known[id] == yes;
  known[id] = open;
  const Node& node = nodes_[id];
  bool blind = node.blind || (node.parent != none && is_blind(node.parent, known));
  for (const Id other : node.leads_through) blind = is_blind(other, known) || blind;
  known[id] = blind ? yes : no;
  return blind;
}

void PathTree::find_blind() {
  blind_.clear();
  std::vector<std::uint8_t> known(nodes_.size());
  for (Id id = 0; id < nodes_.size(); ++id) {
    if (!is_blind(id, known)) continue;
    const Node& node = nodes_[id];
    blind_.insert(blind_.end(), node.looks.begin(), node.looks.end());
    for (const std::uint32_t directory : node.directories) {
      const SnapshotDirectory& all = snapshot_->directories()[directory];
      for (std::uint32_t i = 0; i < snapshot_->looks(all).size(); ++i) blind_.push_back(all.first + i);
    }
  }
  std::ranges::sort(blind_);
  blind_.erase(std::ranges::unique(blind_).begin(), blind_.end());
}

// --- what happens ---

bool PathTree::apply(const FileEvent& event) {
  const auto found = by_watch_.find(event.watch);
  if (found == by_watch_.end()) return false;
  const std::vector<Id> ids = found->second;
  if (event.kind == FileEvent::Kind::ended) {
    for (const Id id : ids) nodes_[id].watch = no_watch;
    by_watch_.erase(found);
  }
  for (const Id id : ids) {
    affect(id, event);
    // What is the same directory by another path has looks and children of its own.
    const std::set<Id> others = nodes_[id].dependents;
    for (const Id other : others)
      if (nodes_[other].real == id) affect(other, event);
  }
  return true;
}

void PathTree::affect(Id id, const FileEvent& event) {
  using Kind = FileEvent::Kind;
  if (event.name.empty()) {
    if (event.kind == Kind::content || event.kind == Kind::names) return suspect_itself(id);
    suspect_below(id);
    return doubt(id);
  }
  if (event.kind != Kind::content) suspect_itself(id);
  suspect_named(id, event.name);
  const auto found = nodes_[id].children.find(event.name);
  if (found == nodes_[id].children.end()) return;
  suspect_below(found->second);
  if (event.kind != Kind::content) doubt(found->second);
}

const PathTree::Names& PathTree::names_of(std::uint32_t directory) {
  const auto [found, added] = names_.try_emplace(directory);
  if (!added) return found->second;
  const SnapshotDirectory& all = snapshot_->directories()[directory];
  std::uint32_t look = all.first;
  for (const SnapshotLook& recorded : snapshot_->looks(all)) {
    if (const char* const name = snapshot_->text(recorded.name)) found->second.emplace(name, look);
    ++look;
  }
  return found->second;
}

void PathTree::suspect_named(Id id, std::string_view name) {
  for (const std::uint32_t directory : nodes_[id].directories) {
    const auto [begin, end] = names_of(directory).equal_range(name);
    for (auto it = begin; it != end; ++it) suspect_(it->second);
  }
}

void PathTree::suspect_itself(Id id) {
  for (const std::uint32_t look : nodes_[id].looks) suspect_(look);
  suspect_named(id, ".");
}

// And all that leads through any of it.
void PathTree::suspect_below(Id id) {
  visit_.resize(nodes_.size());
  ++visits_;
  std::vector<Id> next = {id};
  while (!next.empty()) {
    const Id now = next.back();
    next.pop_back();
    if (std::exchange(visit_[now], visits_) == visits_) continue;
    const Node& node = nodes_[now];
    for (const std::uint32_t look : node.looks) suspect_(look);
    for (const std::uint32_t directory : node.directories) {
      const SnapshotDirectory& all = snapshot_->directories()[directory];
      for (std::uint32_t i = 0; i < snapshot_->looks(all).size(); ++i) suspect_(all.first + i);
    }
    for (const auto& [name, below] : node.children) next.push_back(below);
    next.insert(next.end(), node.dependents.begin(), node.dependents.end());
  }
}

}  // namespace trilock

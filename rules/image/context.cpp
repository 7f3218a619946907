#include "rules/image/context.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace trilock {
namespace {

std::string join(std::string_view dir, std::string_view name) {
  return dir.empty() ? std::string(name) : fmt::format("{}/{}", dir, name);
}

class Lister {
 public:
  Lister(SourceTree& tree, const std::string& context, const IgnoreRules& rules, std::span<const std::string> skip,
         const std::string& destination)
      : tree_(tree), context_(context), rules_(rules), skip_(skip), destination_(destination) {}

  Status directory(const std::string& relative) {
    auto found = tree_.list(join(context_, relative));
    if (!found) return std::unexpected(std::move(found.error()));
    for (const DirEntry& entry : *found) {
      if (entry.name == ".trilock") continue;
      if (auto done = one(join(relative, entry.name), entry.type); !done) return done;
    }
    return {};
  }

  ContextListing take() {
    std::ranges::sort(listing.inputs);
    return std::move(listing);
  }

  ContextListing listing;

 private:
  Status one(const std::string& relative, FileType type) {
    const std::string source = join(context_, relative);
    if (type == FileType::other || std::ranges::find(skip_, source) != skip_.end()) return {};
    const bool ignored = rules_.ignored(relative);
    if (type != FileType::directory) return ignored ? Status{} : add(relative, source, type);
    if (ignored && !rules_.may_take_in_below(relative)) return {};
    const auto entries = listing.entries.size();
    const auto inputs = listing.inputs.size();
    if (auto done = add(relative, source, type); !done) return done;
    if (auto done = directory(relative); !done) return done;
    const bool empty = listing.entries.size() == entries + 1;
    if (empty && (ignored || holds_skipped(source))) {
      listing.entries.resize(entries);
      listing.inputs.resize(inputs);
    }
    return {};
  }

  [[nodiscard]] bool holds_skipped(const std::string& dir) const {
    return std::ranges::any_of(skip_, [&](const std::string& path) {
      return path.size() > dir.size() && path[dir.size()] == '/' && path.starts_with(dir);
    });
  }

  Status add(const std::string& relative, const std::string& source, FileType type) {
    const auto stat = tree_.stat(source);
    if (!stat) return std::unexpected(stat.error());
    const auto kind = type == FileType::directory ? EntryType::directory
                      : type == FileType::symlink ? EntryType::symlink
                                                  : EntryType::file;
    listing.entries.push_back({kind, source, join(destination_, relative), stat->mode});
    listing.inputs.push_back(source);
    return {};
  }

  SourceTree& tree_;
  const std::string& context_;
  const IgnoreRules& rules_;
  std::span<const std::string> skip_;
  const std::string& destination_;
};

}  // namespace

Result<IgnoreRules> read_ignore_rules(SourceTree& tree, const std::string& dockerfile, const std::string& context) {
  std::string path = dockerfile + ".dockerignore";
  if (!tree.exists(path)) path = join(context, ".dockerignore");
  if (!tree.exists(path)) return IgnoreRules{};
  const auto text = tree.read(path);
  if (!text) return std::unexpected(text.error());
  auto rules = IgnoreRules::parse(*text);
  if (!rules) return fail(ErrorKind::invalid, fmt::format("`{}`, {}", path, rules.error().message));
  return rules;
}

Result<ContextListing> list_context(SourceTree& tree, const std::string& context, const IgnoreRules& rules,
                                    std::span<const std::string> skip, const std::string& destination) {
  Lister lister(tree, context, rules, skip, destination);
  // The mode of the context's own directory reaches no image.
  lister.listing.entries.push_back({EntryType::directory, context, destination, 0755});
  if (auto done = lister.directory(""); !done) return std::unexpected(std::move(done.error()));
  return lister.take();
}

}  // namespace trilock

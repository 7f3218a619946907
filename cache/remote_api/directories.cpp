#include "cache/remote_api/directories.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "cache/hash.hpp"

namespace trilock::remote_api {
namespace {

constexpr std::size_t deepest = 200;
constexpr std::size_t most_leaves = 4'000'000;

// A directory while it is gathered. The maps keep names in the order of their bytes, which is what the API asks for.
struct Gathered {
  std::uint32_t mode = 0;
  bool has_mode = false;
  std::map<std::string, const PortableInput*> files;
  std::map<std::string, const PortableInput*> symlinks;
  std::map<std::string, Gathered> directories;
};

void gather(Gathered& root, const PortableInput& leaf) {
  Gathered* at = &root;
  std::string_view rest = leaf.path;
  for (std::size_t slash = rest.find('/'); slash != rest.npos; slash = rest.find('/')) {
    at = &at->directories[std::string(rest.substr(0, slash))];
    rest.remove_prefix(slash + 1);
  }
  switch (leaf.type) {
    case EntryType::file:
      at->files.emplace(rest, &leaf);
      break;
    case EntryType::symlink:
      at->symlinks.emplace(rest, &leaf);
      break;
    case EntryType::directory: {
      Gathered& directory = rest.empty() ? *at : at->directories[std::string(rest)];
      directory.mode = leaf.mode;
      directory.has_mode = true;
      break;
    }
  }
}

BlobReference emit_directory(const Gathered& from, const EmitDirectory& emit) {
  pb::Directory message;
  for (const auto& [name, leaf] : from.files) {
    pb::FileNode& file = *message.add_files();
    file.set_name(name);
    set_digest(*file.mutable_digest(), leaf->content, leaf->size);
    file.set_is_executable((leaf->mode & 0100) != 0);
    file.mutable_node_properties()->mutable_unix_mode()->set_value(leaf->mode);
  }
  for (const auto& [name, directory] : from.directories) {
    const BlobReference child = emit_directory(directory, emit);
    pb::DirectoryNode& node = *message.add_directories();
    node.set_name(name);
    set_digest(*node.mutable_digest(), child.digest, child.size);
  }
  for (const auto& [name, leaf] : from.symlinks) {
    pb::SymlinkNode& symlink = *message.add_symlinks();
    symlink.set_name(name);
    symlink.set_target(leaf->symlink_target);
  }
  if (from.has_mode) message.mutable_node_properties()->mutable_unix_mode()->set_value(from.mode);
  return emit(std::move(message));
}

bool is_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

// Walks a tree of messages that nobody has looked at yet.
class Flattening {
 public:
  Flattening(const FindDirectory& find, BareDirectories bare) : find_(find), bare_(bare) {}

  Status walk(const pb::Directory& directory, const std::string& prefix, std::size_t depth) {
    if (depth > deepest) return malformed("a tree that is too deep");
    if (Status names = check_names(directory); !names) return names;
    for (const pb::FileNode& file : directory.files()) {
      const Result<BlobReference> digest = read_digest(file.digest());
      if (!digest) return std::unexpected(digest.error());
      const std::uint32_t mode = file.node_properties().has_unix_mode() ? file.node_properties().unix_mode().value()
                                 : file.is_executable()                 ? 0755U
                                                                        : 0644U;
      leaves_.push_back({prefix + file.name(), EntryType::file, mode & 0777, digest->digest, digest->size, {}});
    }
    for (const pb::SymlinkNode& symlink : directory.symlinks())
      leaves_.push_back({prefix + symlink.name(), EntryType::symlink, 0777, {}, 0, symlink.target()});
    for (const pb::DirectoryNode& node : directory.directories())
      if (Status below = walk_below(node, prefix + node.name(), depth); !below) return below;
    // A tree may name one directory many times, so that a few bytes stand for more leaves than there is memory.
    if (leaves_.size() > most_leaves) return malformed("a tree that is too large");
    return {};
  }

  std::vector<PortableInput> take() {
    std::ranges::sort(leaves_, {}, &PortableInput::path);
    return std::move(leaves_);
  }

 private:
  Status walk_below(const pb::DirectoryNode& node, const std::string& path, std::size_t depth) {
    const Result<BlobReference> digest = read_digest(node.digest());
    if (!digest) return std::unexpected(digest.error());
    const Result<pb::Directory> child = find_(*digest);
    if (!child) return std::unexpected(child.error());
    if (child->node_properties().has_unix_mode())
      leaves_.push_back({path, EntryType::directory, child->node_properties().unix_mode().value() & 0777, {}, 0, {}});
    else if (bare_ == BareDirectories::keep)
      leaves_.push_back({path, EntryType::directory, 0755, {}, 0, {}});
    return walk(*child, path + "/", depth + 1);
  }

  static Status check_names(const pb::Directory& directory) {
    std::vector<std::string_view> names;
    for (const auto& node : directory.files()) names.push_back(node.name());
    for (const auto& node : directory.symlinks()) names.push_back(node.name());
    for (const auto& node : directory.directories()) names.push_back(node.name());
    if (!std::ranges::all_of(names, is_name)) return malformed("an impossible name");
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end()) return malformed("a name that stands twice in a directory");
    return {};
  }

  const FindDirectory& find_;
  BareDirectories bare_;
  std::vector<PortableInput> leaves_;
};

}  // namespace

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorKind::corrupt, fmt::format("a message of the cache has {}", what));
}

std::string take_metadata(pb::ActionResult& result, std::string_view type) {
  if (!result.has_execution_metadata()) return {};
  auto& metadata = *result.mutable_execution_metadata()->mutable_auxiliary_metadata();
  std::string value;
  const auto kept = std::remove_if(metadata.begin(), metadata.end(), [&](const pb::Any& any) {
    if (any.type_url() != type) return false;
    value = any.value();
    return true;
  });
  metadata.erase(kept, metadata.end());
  if (result.execution_metadata().ByteSizeLong() == 0) result.clear_execution_metadata();
  return value;
}

void add_metadata(pb::ActionResult& result, std::string_view type, std::string value) {
  pb::Any& any = *result.mutable_execution_metadata()->add_auxiliary_metadata();
  any.set_type_url(std::string(type));
  any.set_value(std::move(value));
}

Message make_message(const google::protobuf::MessageLite& message) {
  std::string bytes = message.SerializeAsString();
  const StrongDigest digest = strong_digest(bytes);
  return {digest, std::move(bytes)};
}

void set_digest(pb::Digest& to, const StrongDigest& digest, std::uint64_t size) {
  to.set_hash(digest.hex());
  to.set_size_bytes(static_cast<std::int64_t>(size));
}

Result<BlobReference> read_digest(const pb::Digest& digest) {
  const std::optional<StrongDigest> value = StrongDigest::from_hex(digest.hash());
  if (!value || value->hex() != digest.hash() || digest.size_bytes() < 0) return malformed("an impossible digest");
  return BlobReference{*value, static_cast<std::uint64_t>(digest.size_bytes())};
}

void build_directories(std::span<const PortableInput> leaves, const EmitDirectory& emit) {
  Gathered root;
  for (const PortableInput& leaf : leaves) gather(root, leaf);
  emit_directory(root, emit);
}

Result<std::vector<PortableInput>> flatten(const pb::Directory& root, const FindDirectory& find, BareDirectories bare) {
  Flattening flattening(find, bare);
  if (Status walked = flattening.walk(root, "", 0); !walked) return std::unexpected(walked.error());
  return flattening.take();
}

}  // namespace trilock::remote_api

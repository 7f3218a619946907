#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "cache/hash.hpp"
#include "cache/remote_api/directories.hpp"

namespace trilock {

using namespace remote_api;

namespace {

PortableInput leaf_of(const OutputEntry& entry, std::string path) {
  return {std::move(path), entry.type, entry.mode, entry.blob, entry.size, entry.symlink_target};
}

OutputEntry entry_of(PortableInput&& leaf) {
  return {.path = std::move(leaf.path),
          .type = leaf.type,
          .mode = leaf.mode,
          .size = leaf.size,
          .blob = leaf.content,
          .content = {},
          .symlink_target = std::move(leaf.symlink_target)};
}

void add_properties(const std::vector<Field>& from, google::protobuf::RepeatedPtrField<pb::Platform::Property>& to) {
  for (const Field& field : from) {
    pb::Platform::Property& property = *to.Add();
    property.set_name(field.name);
    property.set_value(field.value);
  }
}

std::vector<Field> fields_of(const google::protobuf::RepeatedPtrField<pb::Platform::Property>& from) {
  std::vector<Field> fields;
  fields.reserve(static_cast<std::size_t>(from.size()));
  for (const pb::Platform::Property& property : from) fields.push_back({property.name(), property.value()});
  return fields;
}

class Encoder {
 public:
  explicit Encoder(const ActionResult& result) : result_(result) {}

  ResultMessages run(std::span<const OutputSpec> outputs) {
    std::vector<std::string_view> paths;
    for (const OutputSpec& output : outputs) paths.push_back(output.path);
    std::ranges::sort(paths);
    for (const std::string_view path : paths) add_output(path);
    if (std::optional<Message> log = add_log(result_.out, *message_.mutable_stdout_raw()))
      refer(*message_.mutable_stdout_digest(), std::move(*log));
    if (std::optional<Message> log = add_log(result_.err, *message_.mutable_stderr_raw()))
      refer(*message_.mutable_stderr_digest(), std::move(*log));
    add_metadata();
    encoded_.result = message_.SerializeAsString();
    return std::move(encoded_);
  }

 private:
  void add_output(std::string_view path) {
    const auto at = std::ranges::lower_bound(result_.outputs, path, {}, &OutputEntry::path);
    if (at == result_.outputs.end() || at->path != path) return;
    switch (at->type) {
      case EntryType::file: {
        pb::OutputFile& file = *message_.add_output_files();
        file.set_path(at->path);
        set_digest(*file.mutable_digest(), at->blob, at->size);
        file.set_is_executable((at->mode & 0100) != 0);
        file.mutable_node_properties()->mutable_unix_mode()->set_value(at->mode);
        break;
      }
      case EntryType::symlink: {
        pb::OutputSymlink& symlink = *message_.add_output_symlinks();
        symlink.set_path(at->path);
        symlink.set_target(at->symlink_target);
        break;
      }
      case EntryType::directory:
        add_directory(*at);
        break;
    }
  }

  // The API wants the root apart, and then every directory below it once, in any order: ours is children first.
  void add_directory(const OutputEntry& top) {
    const std::string prefix = top.path + "/";
    std::vector<PortableInput> leaves{leaf_of(top, "")};
    const auto first = std::ranges::lower_bound(result_.outputs, prefix, {}, &OutputEntry::path);
    for (auto entry = first; entry != result_.outputs.end() && entry->path.starts_with(prefix); ++entry)
      leaves.push_back(leaf_of(*entry, entry->path.substr(prefix.size())));
    std::vector<Message> directories;
    build_directories(leaves, [&](pb::Directory&& directory) {
      directories.push_back(make_message(directory));
      return BlobReference{directories.back().digest, directories.back().bytes.size()};
    });
    pb::Tree tree;
    std::unordered_set<StrongDigest, DigestHash<StrongDigest>> seen;
    static_cast<void>(tree.mutable_root()->ParseFromString(directories.back().bytes));
    directories.pop_back();
    for (const Message& directory : directories)
      if (seen.insert(directory.digest).second)
        static_cast<void>(tree.add_children()->ParseFromString(directory.bytes));
    pb::OutputDirectory& output = *message_.add_output_directories();
    output.set_path(top.path);
    refer(*output.mutable_tree_digest(), make_message(tree));
  }

  static std::optional<Message> add_log(const std::string& log, std::string& raw) {
    if (log.size() > largest_inline_log) return Message{strong_digest(log), log};
    raw = log;
    return std::nullopt;
  }

  void refer(pb::Digest& to, Message message) {
    set_digest(to, message.digest, message.bytes.size());
    encoded_.blobs.push_back(std::move(message));
  }

  void add_metadata() {
    pb::NodeResult node;
    add_properties(result_.values, *node.mutable_values());
    add_properties(result_.witness, *node.mutable_witness());
    node.set_duration_ms(result_.duration_ms);
    // A server (bazel-remote) writes the address of the client into a worker that is empty, which would break a
    // signature.
    message_.mutable_execution_metadata()->set_worker("trilock");
    remote_api::add_metadata(message_, node_result_type, node.SerializeAsString());
  }

  const ActionResult& result_;
  pb::ActionResult message_;
  ResultMessages encoded_;
};

class Decoder {
 public:
  explicit Decoder(const FetchBlob& fetch) : fetch_(fetch) {}

  Result<DecodedResult> run(const pb::ActionResult& from) {
    // What failed is never an answer, whoever stored it.
    if (from.exit_code() != 0) return malformed("the result of a failure");
    for (const pb::OutputFile& file : from.output_files())
      if (Status added = add_file(file); !added) return std::unexpected(added.error());
    for (const pb::OutputSymlink& symlink : from.output_symlinks())
      result_.outputs.push_back({.path = symlink.path(),
                                 .type = EntryType::symlink,
                                 .mode = 0777,
                                 .size = 0,
                                 .blob = {},
                                 .content = {},
                                 .symlink_target = symlink.target()});
    for (const pb::OutputDirectory& directory : from.output_directories())
      if (Status added = add_directory(directory); !added) return std::unexpected(added.error());
    std::ranges::sort(result_.outputs, {}, &OutputEntry::path);
    if (std::ranges::adjacent_find(result_.outputs, {}, &OutputEntry::path) != result_.outputs.end())
      return malformed("an output that stands twice");
    if (Status log = read_log(from.stdout_raw(), from.has_stdout_digest(), from.stdout_digest(), result_.out); !log)
      return std::unexpected(log.error());
    if (Status log = read_log(from.stderr_raw(), from.has_stderr_digest(), from.stderr_digest(), result_.err); !log)
      return std::unexpected(log.error());
    if (Status metadata = read_metadata(from.execution_metadata()); !metadata) return std::unexpected(metadata.error());
    return DecodedResult{std::move(result_), writer_};
  }

 private:
  Status add_file(const pb::OutputFile& file) {
    const Result<BlobReference> digest = read_digest(file.digest());
    if (!digest) return std::unexpected(digest.error());
    const std::uint32_t mode = file.node_properties().has_unix_mode()
                                   ? file.node_properties().unix_mode().value() & 0777
                               : file.is_executable() ? 0755U
                                                      : 0644U;
    result_.outputs.push_back({.path = file.path(),
                               .type = EntryType::file,
                               .mode = mode,
                               .size = digest->size,
                               .blob = digest->digest,
                               .content = {},
                               .symlink_target = {}});
    return {};
  }

  Status add_directory(const pb::OutputDirectory& directory) {
    const Result<pb::Tree> tree = fetch_tree(directory.tree_digest(), fetch_);
    if (!tree) return std::unexpected(tree.error());
    std::unordered_map<StrongDigest, const pb::Directory*, DigestHash<StrongDigest>> children;
    for (const pb::Directory& child : tree->children()) children.emplace(make_message(child).digest, &child);
    Result<std::vector<PortableInput>> leaves = flatten(
        tree->root(),
        [&](const BlobReference& reference) -> Result<pb::Directory> {
          const auto found = children.find(reference.digest);
          if (found == children.end()) return malformed("a tree with a missing directory");
          return *found->second;
        },
        BareDirectories::keep);
    if (!leaves) return std::unexpected(leaves.error());
    const auto& properties = tree->root().node_properties();
    result_.outputs.push_back({.path = directory.path(),
                               .type = EntryType::directory,
                               .mode = properties.has_unix_mode() ? properties.unix_mode().value() & 0777 : 0755,
                               .size = 0,
                               .blob = {},
                               .content = {},
                               .symlink_target = {}});
    for (PortableInput& leaf : *leaves) {
      leaf.path = directory.path() + "/" + leaf.path;
      result_.outputs.push_back(entry_of(std::move(leaf)));
    }
    return {};
  }

  Status read_log(const std::string& raw, bool referred, const pb::Digest& digest, std::string& to) {
    to = raw;
    if (!referred || !raw.empty()) return {};
    const Result<BlobReference> reference = read_digest(digest);
    if (!reference) return std::unexpected(reference.error());
    if (reference->size == 0) return {};
    Result<std::string> log = fetch_(reference->digest, reference->size);
    if (!log) return std::unexpected(log.error());
    to = std::move(*log);
    return {};
  }

  Status read_metadata(const pb::ExecutedActionMetadata& metadata) {
    for (const pb::Any& any : metadata.auxiliary_metadata()) {
      if (any.type_url() != node_result_type) continue;
      const Result<pb::NodeResult> node = parse<pb::NodeResult>(any.value(), "no node result");
      if (!node) return std::unexpected(node.error());
      writer_ = ResultWriter::trilock;
      result_.values = fields_of(node->values());
      result_.witness = fields_of(node->witness());
      result_.duration_ms = node->duration_ms();
    }
    return {};
  }

 public:
  static Result<pb::Tree> fetch_tree(const pb::Digest& digest, const FetchBlob& fetch) {
    const Result<BlobReference> reference = read_digest(digest);
    if (!reference) return std::unexpected(reference.error());
    const Result<std::string> bytes = fetch(reference->digest, reference->size);
    if (!bytes) return std::unexpected(bytes.error());
    return parse<pb::Tree>(*bytes, "no tree");
  }

 private:
  const FetchBlob& fetch_;
  ActionResult result_;
  ResultWriter writer_ = ResultWriter::other;
};

// Collects references, each once, in the order of their appearance.
class References {
 public:
  Status add(const pb::Digest& digest) {
    const Result<BlobReference> reference = read_digest(digest);
    if (!reference) return std::unexpected(reference.error());
    if (reference->size > 0 && seen_.insert(reference->digest).second) list_.push_back(*reference);
    return {};
  }
  Status add(const pb::Directory& directory) {
    for (const pb::FileNode& file : directory.files())
      if (Status added = add(file.digest()); !added) return added;
    return {};
  }
  std::vector<BlobReference> take() { return std::move(list_); }

 private:
  std::unordered_set<StrongDigest, DigestHash<StrongDigest>> seen_;
  std::vector<BlobReference> list_;
};

Status add_tree(const pb::Digest& digest, const FetchBlob& fetch, References& references) {
  if (Status added = references.add(digest); !added) return added;
  const Result<pb::Tree> tree = Decoder::fetch_tree(digest, fetch);
  if (!tree) return std::unexpected(tree.error());
  if (Status added = references.add(tree->root()); !added) return added;
  for (const pb::Directory& child : tree->children())
    if (Status added = references.add(child); !added) return added;
  return {};
}

}  // namespace

ResultMessages encode_result(const ActionResult& result, std::span<const OutputSpec> outputs) {
  return Encoder(result).run(outputs);
}

Result<DecodedResult> decode_result(std::string_view bytes, const FetchBlob& fetch) {
  const Result<pb::ActionResult> message = parse<pb::ActionResult>(bytes, "no result");
  if (!message) return std::unexpected(message.error());
  return Decoder(fetch).run(*message);
}

Result<std::vector<BlobReference>> references_of(std::string_view bytes, const FetchBlob& fetch) {
  const Result<pb::ActionResult> message = parse<pb::ActionResult>(bytes, "no result");
  if (!message) return std::unexpected(message.error());
  References references;
  Status added;
  for (const pb::OutputFile& file : message->output_files())
    if (added = references.add(file.digest()); !added) return std::unexpected(added.error());
  for (const pb::OutputDirectory& directory : message->output_directories())
    if (added = add_tree(directory.tree_digest(), fetch, references); !added) return std::unexpected(added.error());
  if (message->has_stdout_digest())
    if (added = references.add(message->stdout_digest()); !added) return std::unexpected(added.error());
  if (message->has_stderr_digest())
    if (added = references.add(message->stderr_digest()); !added) return std::unexpected(added.error());
  return references.take();
}

}  // namespace trilock

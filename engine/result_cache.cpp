#include "engine/result_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cache/cache_gc.hpp"
#include "cache/http_origin.hpp"
#include "cache/http_tier.hpp"
#include "cache/publication.hpp"
#include "cache/signed_tier.hpp"
#include "engine/portable_action.hpp"
#include "engine/workspace.hpp"

namespace trilock {
namespace {

constexpr std::string_view path_sets_value = "path sets";

std::string_view describe_miss(const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_found:
      return "not in the cache";
    case ErrorKind::corrupt:
      return "damaged or not trusted";
    default:
      return "the cache cannot be asked";
  }
}

FetchBlob blobs_of(CacheTier& tier) {
  return [&tier](const StrongDigest& digest, std::uint64_t size) { return tier.blob(digest, size); };
}

// A result that has values and nothing else: what trilock notes for itself in a cache.
Publication note(const StrongDigest& action, std::vector<Field> values) {
  ActionResult result;
  result.values = std::move(values);
  return {.action = action, .result = encode_result(result, {}).result, .blobs = {}};
}

}  // namespace

ResultCache::ResultCache(Workspace& workspace, const CacheSettings& settings, std::string_view pipeline, Use use)
    : disk_(workspace.disk()),
      settings_(settings),
      use_(use),
      latest_action_(encode_action(latest_action(pipeline, settings.name_space)).digest),
      local_(workspace.disk(), workspace.cache_dir(settings),
             use == Use::keep ? CacheDirectory::Access::read_write : CacheDirectory::Access::read,
             workspace.cache_dir_is_named(settings) ? CacheDirectory::Descriptions::keep
                                                    : CacheDirectory::Descriptions::drop) {
  if (use == Use::look && unasked_server(workspace, settings)) return;
  const auto warn = [&](std::string warning) { warnings_.push_back(std::move(warning)); };
  Result<std::unique_ptr<CacheTier>> shared = open_shared_tier(workspace, settings, warn);
  if (shared)
    shared_ = std::move(*shared);
  else
    warn(fmt::format("the shared cache is not used: {}", shared.error().message));
  if (use == Use::look) return;
  const bool writes = settings.mode == CacheMode::read_write;
  publisher_ = std::make_unique<Publisher>(local_, writes ? shared_.get() : nullptr);
}

ResultCache::~ResultCache() = default;

Result<ActionResult> ResultCache::look_up(CacheTier& tier, const StrongDigest& action) {
  const Result<std::string> bytes = tier.result(action);
  if (!bytes) return std::unexpected(bytes.error());
  Result<DecodedResult> decoded = decode_result(*bytes, blobs_of(tier));
  if (!decoded) return std::unexpected(decoded.error());
  // It has no values and no witness, so it says less than those need who refer to it.
  if (decoded->writer == ResultWriter::other) return fail(ErrorKind::not_found, "a result of another program");
  return std::move(decoded->result);
}

CacheAnswer ResultCache::find(const StrongDigest& action, CachePolicy policy) {
  Result<ActionResult> found = look_up(local_, action);
  if (found) return {LookupAnswer::local, {}, std::move(*found)};
  std::string why(describe_miss(found.error()));
  if (shared_ == nullptr || policy != CachePolicy::shared) return {LookupAnswer::miss, std::move(why), {}};
  found = look_up(*shared_, action);
  if (found) return {LookupAnswer::shared, {}, std::move(*found)};
  if (found.error().kind != ErrorKind::not_found) why = describe_miss(found.error());
  return {LookupAnswer::miss, std::move(why), {}};
}

bool ResultCache::holds(std::span<const OutputEntry> outputs) {
  return std::ranges::all_of(outputs, [&](const OutputEntry& entry) {
    return entry.type != EntryType::file || local_.has(entry.blob, entry.size);
  });
}

bool ResultCache::may_hold_results() {
  if (shared_ != nullptr) return true;
  const std::string results = local_.root() + "/ac";
  const Result<std::vector<DirEntry>> folders = disk_.list(results);
  if (!folders) return folders.error().kind != ErrorKind::not_found;
  return std::ranges::any_of(*folders, [&](const DirEntry& folder) {
    const Result<std::vector<DirEntry>> entries = disk_.list(results + "/" + folder.name);
    return !entries || !entries->empty();
  });
}

// What is here already need not come from afar.
FetchAll ResultCache::source(LookupAnswer from) {
  if (from != LookupAnswer::shared || shared_ == nullptr) return blobs_from(local_);
  return [this](std::span<const BlobRequest> requests) -> Status {
    std::vector<BlobRequest> rest;
    for (const BlobRequest& request : requests) {
      const bool here = request.size > 0 && local_.has(request.digest, request.size);
      if (!here || !local_.fetch(request.digest, request.size, request.path, request.mode)) rest.push_back(request);
    }
    const Status fetched = shared_->fetch_all(rest);
    if (fetched || fetched.error().kind != ErrorKind::io) return fetched;
    return fail(ErrorKind::not_found, fetched.error().message);
  };
}

Status ResultCache::keep(SourceTree& tree, std::string_view label, const ActionMessages& action,
                         const ActionResult& result, std::span<const OutputSpec> outputs, CachePolicy policy) {
  if (publisher_ == nullptr) return {};
  const bool shared = policy == CachePolicy::shared;
  const Status kept = publisher_->add(make_publication(tree, action, result, outputs),
                                      shared ? Publisher::Reach::shared : Publisher::Reach::local);
  if (!kept) return kept.error().kind == ErrorKind::corrupt ? kept : Status();
  const std::lock_guard lock(mutex_);
  new_latest_.emplace_back(label, action.digest);
  if (shared) new_shared_latest_.emplace_back(label, action.digest);
  return {};
}

std::vector<PathSet> ResultCache::path_sets_in(CacheTier& tier, const StrongDigest& discovery) {
  const Result<ActionResult> noted = look_up(tier, discovery);
  if (!noted || noted->values.size() != 1 || noted->values.front().name != path_sets_value) return {};
  return decode_path_sets(noted->values.front().value).value_or(std::vector<PathSet>{});
}

std::vector<PathSet> ResultCache::path_sets(const StrongDigest& discovery, CachePolicy policy) {
  std::vector<PathSet> sets = path_sets_in(local_, discovery);
  if (shared_ == nullptr || policy != CachePolicy::shared) return sets;
  for (PathSet& set : path_sets_in(*shared_, discovery))
    if (std::ranges::find(sets, set) == sets.end()) sets.push_back(std::move(set));
  return sets;
}

void ResultCache::keep_path_set(const StrongDigest& discovery, const PathSet& set, CachePolicy policy) {
  if (publisher_ == nullptr) return;
  std::vector<PathSet> sets = path_sets(discovery, policy);
  if (!put_first(sets, set)) return;
  static_cast<void>(
      publisher_->add(note(discovery, {{std::string(path_sets_value), encode_path_sets(sets)}}),
                      policy == CachePolicy::shared ? Publisher::Reach::shared : Publisher::Reach::local));
}

ResultCache::Latest ResultCache::latest_in(CacheTier& tier) {
  Latest latest;
  const Result<ActionResult> noted = look_up(tier, latest_action_);
  if (!noted) return latest;
  for (const Field& node : noted->values)
    if (const auto digest = StrongDigest::from_hex(node.value)) latest.insert_or_assign(node.name, *digest);
  return latest;
}

std::optional<PortableAction> ResultCache::latest(std::string_view label) {
  StrongDigest action;
  {
    const std::lock_guard lock(mutex_);
    if (!known_latest_) {
      known_latest_ = latest_in(local_);
      if (shared_ != nullptr) known_latest_->merge(latest_in(*shared_));
    }
    const auto found = known_latest_->find(label);
    if (found == known_latest_->end()) return std::nullopt;
    action = found->second;
  }
  Result<PortableAction> decoded = decode_action(action, blobs_of(local_));
  if (!decoded && shared_ != nullptr) decoded = decode_action(action, blobs_of(*shared_));
  return decoded ? std::optional(std::move(*decoded)) : std::nullopt;
}

// Two runs that end at once may lose what one of them had to say, which costs `why` an answer and nothing else.
void ResultCache::publish_latest() {
  const auto publish = [&](CacheTier& tier, NewLatest& added, Publisher::Reach reach) {
    if (added.empty()) return;
    Latest latest = latest_in(tier);
    for (auto& [label, action] : added) latest.insert_or_assign(std::move(label), action);
    std::vector<Field> values;
    values.reserve(latest.size());
    for (const auto& [label, action] : latest) values.push_back({label, action.hex()});
    static_cast<void>(publisher_->add(note(latest_action_, std::move(values)), reach));
  };
  // The shared one first: it passes through the local tier, where the second then takes its place.
  if (shared_ != nullptr && settings_.mode == CacheMode::read_write) {
    publish(*shared_, new_shared_latest_, Publisher::Reach::shared);
    publisher_->flush();
  }
  // Without the actions themselves nobody could say what has changed since.
  if (local_.describes()) publish(local_, new_latest_, Publisher::Reach::local);
}

void ResultCache::hurry() {
  const std::lock_guard lock(mutex_);
  if (publisher_ != nullptr) publisher_->hurry();
}

std::vector<std::string> ResultCache::finish(End end) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> warnings = std::exchange(warnings_, {});
  const auto add = [&](std::vector<std::string> more) {
    for (std::string& warning : more) warnings.push_back(std::move(warning));
  };
  if (publisher_ != nullptr) {
    if (end == End::interrupted)
      publisher_->leave_shared();
    else
      publish_latest();
    publisher_->flush();
    add(publisher_->take_warnings());
  }
  add(local_.take_warnings());
  if (shared_ != nullptr) add(shared_->take_warnings());
  if (use_ == Use::keep && settings_.max_size) {
    const Result<std::optional<GcReport>> collected = collect_garbage_if_due(disk_, local_.root(), *settings_.max_size);
    if (!collected)
      warnings.push_back(collected.error().message);
    else if (*collected && (*collected)->limit_is_too_small)
      warnings.push_back(describe_small_limit(**collected, {.max_size = settings_.max_size, .max_age_ns = {}}));
  }
  return warnings;
}

std::optional<Error> unasked_server(const Workspace& workspace, const CacheSettings& settings) {
  if (settings.shared_kind() != SharedKind::http || settings.shared_from_runner) return std::nullopt;
  const auto variable = [&](const std::string& name) { return workspace.environment().get(name); };
  const Result<HttpSettings> http = read_http_settings(settings.shared, variable);
  if (!http || is_named_by_runner(http->url, variable)) return std::nullopt;
  const std::optional<HttpOrigin> origin = origin_of(http->url);
  return Error{
      ErrorKind::invalid, fmt::format("the cache `{}` is not asked, since only a file names it", http->url),
      origin ? fmt::format("a run asks it; `TRILOCK_CACHE_HOST={}` lets other commands ask it too", to_string(*origin))
             : "a run asks it"};
}

Result<std::unique_ptr<CacheTier>> open_shared_tier(Workspace& workspace, const CacheSettings& settings,
                                                    const std::function<void(std::string)>& warn) {
  const auto absolute = [&](const std::string& path) { return workspace.absolute_path(path); };
  const bool writes = settings.mode == CacheMode::read_write;
  std::unique_ptr<CacheTier> tier;
  switch (settings.shared_kind()) {
    case SharedKind::none:
      return tier;
    case SharedKind::directory:
      tier =
          std::make_unique<CacheDirectory>(workspace.disk(), absolute(settings.shared),
                                           writes ? CacheDirectory::Access::read_write : CacheDirectory::Access::read);
      break;
    case SharedKind::http: {
      Result<HttpSettings> http = read_http_settings(
          settings.shared, [&](const std::string& name) { return workspace.environment().get(name); });
      if (!http) return std::unexpected(http.error());
      if (const std::optional<Error> withheld = withheld_token(*http); withheld && warn)
        warn(fmt::format("{}; {}", withheld->message, withheld->help));
      tier = std::make_unique<HttpTier>(std::move(*http), settings.mode, workspace.confinement());
      break;
    }
  }
  // A key that is gone is an error of every run, also of one that asks no cache.
  const auto accounted = [&](const std::string& path) {
    std::string file = absolute(path);
    static_cast<void>(workspace.tree().stat_following(file));
    return file;
  };
  std::optional<SigningKey> key;
  if (writes && !settings.sign_key.empty()) {
    Result<SigningKey> read = SigningKey::read(workspace.disk(), accounted(settings.sign_key));
    if (!read)
      return fail(read.error().kind, fmt::format("`sign-key`: {}", read.error().message),
                  read.error().help.empty() ? "with `TRILOCK_CACHE_MODE=read` nothing is written, and no key is needed"
                                            : read.error().help);
    key = std::move(*read);
  }
  Result<std::vector<PublicKey>> trusted = read_public_keys(workspace.disk(), settings.trusted_keys, accounted);
  if (!trusted) return std::unexpected(trusted.error());
  if (!key && trusted->empty()) return tier;
  return std::make_unique<SignedTier>(std::move(tier), std::move(key), std::move(*trusted));
}

}  // namespace trilock

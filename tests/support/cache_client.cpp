// The tiers of the cache from the command line, for integration tests:
//
//   cache_client URL put NAME FILE…     publishes a result of the action NAME with the files as its blobs
//   cache_client URL get NAME DIRECTORY asks for that result and fetches its blobs, each under its digest
//
// `--sign KEY`, `--trust KEY` and `--times N` may come before the URL, and TRILOCK_CACHE_MODE counts. What is not kept
// is an `error:`, what the tier has to say a `warning:`, on standard error. Fails when something was not kept or not
// there.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cache/hash.hpp"
#include "cache/http_tier.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/signed_tier.hpp"

using namespace trilock;

namespace {

struct Options {
  std::optional<SigningKey> key;
  std::vector<PublicKey> trusted;
  int times = 1;
};

void say(std::string_view what, std::string_view text) {
  std::cerr << what << ": " << text << "\n";
}

template <class Value>
Value value_or_exit(Result<Value> result) {
  if (result) return std::move(*result);
  say("error", result.error().message);
  std::exit(2);
}

// A result with the files as its outputs.
int put(CacheTier& tier, const std::string& name, std::span<char*> files) {
  ActionResult result;
  std::vector<OutputSpec> outputs;
  Publication publication{strong_digest(name), {}, {}};
  for (const std::string path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const StrongDigest digest = strong_digest(bytes);
    publication.blobs.push_back({digest, bytes.size(), path, {}});
    result.outputs.push_back({path, EntryType::file, 0644, bytes.size(), digest, {}, {}});
    outputs.push_back({"", path, {}});
  }
  std::ranges::sort(result.outputs, {}, &OutputEntry::path);
  publication.result = seal_result(encode_result(result, outputs).result, publication.action);
  const Status kept = tier.publish({&publication, 1});
  if (!kept) say("error", kept.error().message);
  return kept ? 0 : 1;
}

int get(CacheTier& tier, const std::string& name, const std::string& directory) {
  const auto miss = [](const Error& error) {
    std::cout << "miss: " << error.message << "\n";
    return 1;
  };
  const Result<std::string> bytes = tier.result(strong_digest(name));
  if (!bytes) return miss(bytes.error());
  const FetchBlob fetch = [&](const StrongDigest& digest, std::uint64_t size) { return tier.blob(digest, size); };
  const Result<std::vector<BlobReference>> blobs = references_of(*bytes, fetch);
  if (!blobs) return miss(blobs.error());
  std::vector<BlobRequest> requests;
  for (const BlobReference& blob : *blobs)
    requests.push_back({blob.digest, blob.size, directory + "/" + blob.digest.hex(), 0644});
  if (const Status fetched = tier.fetch_all(requests); !fetched) return miss(fetched.error());
  std::cout << "hit\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto disk = make_real_disk();
  const AbsolutePath as_it_is = [](const std::string& path) { return path; };
  Options options;
  int at = 1;
  for (; at + 1 < argc && std::string_view(argv[at]).starts_with("--"); at += 2) {
    const std::string_view option = argv[at];
    const std::string value = argv[at + 1];
    if (option == "--sign") options.key = value_or_exit(SigningKey::read(*disk, value));
    if (option == "--trust") options.trusted = value_or_exit(read_public_keys(*disk, {&value, 1}, as_it_is));
    if (option == "--times") options.times = std::atoi(value.c_str());
  }
  if (argc - at < 4) {
    say("error", "usage: cache_client [OPTION VALUE]… URL put|get NAME PATH…");
    return 2;
  }
  const ReadVariable variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
  CacheSettings settings;
  settings.shared = argv[at];
  if (const Status applied = apply_environment(settings, variable); !applied) {
    say("error", applied.error().message);
    return 2;
  }
  SignedTier tier(
      std::make_unique<HttpTier>(value_or_exit(read_http_settings(settings.shared, variable)), settings.mode),
      std::move(options.key), std::move(options.trusted));
  int code = 0;
  for (int i = 0; i < options.times; ++i) {
    const std::span<char*> paths(argv + at + 3, argv + argc);
    code = std::string_view(argv[at + 1]) == "put" ? put(tier, argv[at + 2], paths) : get(tier, argv[at + 2], paths[0]);
    for (const std::string& warning : tier.take_warnings()) say("warning", warning);
  }
  return code;
}

#include "schemas/cache_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace trilock {
namespace {

constexpr std::string_view modes[] = {"read", "read-write"};

std::string_view scheme_of(std::string_view shared) {
  const std::size_t end = shared.find("://");
  return end == shared.npos ? std::string_view{} : shared.substr(0, end);
}

}  // namespace

std::span<const KeySpec> cache_keys() {
  static constexpr KeySpec keys[] = {
      {"dir", KeyType::literal, "The cache directory of this machine; may start with `~/`"},
      {"shared", KeyType::literal, "A second tier: a directory on a volume, or a URL"},
      {"mode", KeyType::choice, "Whether results are written to the shared tier", modes, false, "\"read\""},
      {"namespace", KeyType::literal, "Keeps the results of this pipeline apart from those of other namespaces"},
      {"sign-key", KeyType::literal, "The private key (ed25519, PEM) that signs results for the shared tier"},
      {"trusted-keys", KeyType::literals, "Public keys; a shared result that none of them signed is a miss"},
      {"images", KeyType::boolean, "Whether built images are kept in the cache as archives", {}, false, "false"},
      {"max-size", KeyType::byte_size,
       "How much the cache directory may take: `20G`; what was used least recently goes first"},
  };
  return keys;
}

SharedKind CacheSettings::shared_kind() const {
  if (shared.empty()) return SharedKind::none;
  return scheme_of(shared).empty() ? SharedKind::directory : SharedKind::http;
}

std::optional<UrlFault> fault_of_shared(std::string_view shared) {
  const std::string_view scheme = scheme_of(shared);
  if (scheme.empty()) return std::nullopt;
  if (scheme == "grpc" || scheme == "grpcs")
    return UrlFault{fmt::format("a cache behind `{}://` is not available in this version", scheme),
                    "a shared tier is a directory, or a URL with `http://` or `https://`"};
  if (scheme != "http" && scheme != "https")
    return UrlFault{fmt::format("unknown scheme `{}://` of a cache", scheme),
                    "a shared tier is a directory, or a URL with `http://` or `https://`"};
  const std::string_view rest = shared.substr(scheme.size() + 3);
  // A message shows no more of a URL than its scheme: what follows may be a password.
  if (rest.empty() || rest.starts_with('/')) return UrlFault{"the URL of the cache has no host", {}};
  if (rest.find_first_of("?#") != rest.npos)
    return UrlFault{"the URL of the cache has a query or a fragment",
                    "`/ac/…` and `/cas/…` are appended to it, so it ends with a path"};
  return std::nullopt;
}

Status apply_environment(CacheSettings& settings, const ReadVariable& variable) {
  if (const std::optional<std::string> mode = variable("TRILOCK_CACHE_MODE"); mode && !mode->empty()) {
    if (std::ranges::find(modes, *mode) == std::end(modes))
      return fail(ErrorKind::invalid, fmt::format("unknown cache mode `{}` in `TRILOCK_CACHE_MODE`", *mode),
                  fmt::format("expected `{}` or `{}`", modes[0], modes[1]));
    settings.mode = *mode == modes[1] ? CacheMode::read_write : CacheMode::read;
  }
  if (std::optional<std::string> space = variable("TRILOCK_CACHE_NAMESPACE"); space && !space->empty())
    settings.name_space = std::move(*space);
  return {};
}

}  // namespace trilock

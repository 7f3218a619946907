// The table [cache], and what the surroundings say over it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/key_spec.hpp"
#include "schemas/result.hpp"

namespace trilock {

// What a run may do with the shared tier.
enum class CacheMode : std::uint8_t { read, read_write };

// What `[cache] shared` names.
enum class SharedKind : std::uint8_t { none, directory, http };

struct CacheSettings {
  std::string dir;                  // "" when not set; may start with `~/`
  std::string shared;               // "" when not set; a directory, or a URL with the scheme http or https
  bool shared_from_runner = false;  // the whole of `shared` is the value of one variable that the runner set
  CacheMode mode = CacheMode::read;
  std::string name_space;                 // the salt of shared keys; "" for none
  std::string sign_key;                   // path of a private key, or ""; may start with `~/`
  std::vector<std::string> trusted_keys;  // public keys as base64 or hex, or paths of files with one
  bool images = false;                    // whether archives of images are kept too
  std::optional<std::uint64_t> max_size;  // of the cache directory of this machine, in bytes

  [[nodiscard]] SharedKind shared_kind() const;
};

// The keys of [cache], as far as a table may have them.
[[nodiscard]] std::span<const KeySpec> cache_keys();

// A text with a scheme is a URL. What is wrong with it as the name of a shared tier, and advice; empty when nothing.
struct UrlFault {
  std::string message;
  std::string help;
};
[[nodiscard]] std::optional<UrlFault> fault_of_shared(std::string_view shared);

// TRILOCK_CACHE_MODE and TRILOCK_CACHE_NAMESPACE win over the file: what a runner may do is for the runner to say. One
// that is empty counts as not set. An unknown mode is ErrorKind::invalid.
using ReadVariable = std::function<std::optional<std::string>(const std::string& name)>;
Status apply_environment(CacheSettings& settings, const ReadVariable& variable);

}  // namespace trilock

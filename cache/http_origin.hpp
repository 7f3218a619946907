// The origin of a server (scheme, host and port), by which a credential is bound to it, and which servers the runner
// has named: by TRILOCK_CACHE_HOST, or as `machine` in ~/.netrc. A URL of the pipeline names none: whoever changes the
// file would choose where a token goes. Thread rule: functions of values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "schemas/cache_settings.hpp"
#include "schemas/result.hpp"

namespace trilock {

struct HttpOrigin {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; IPv6 in brackets
  std::uint16_t port = 0;
  friend bool operator==(const HttpOrigin&, const HttpOrigin&) = default;
};

// Of a URL without user. Nothing when its host is not written in plain characters (letters, digits, `.`, `-`, `_`, an
// address in brackets), since a library might then read another host in it.
[[nodiscard]] std::optional<HttpOrigin> origin_of(std::string_view url);

// As a user writes it: without the port that its scheme has by itself.
[[nodiscard]] std::string to_string(const HttpOrigin& origin);

// What TRILOCK_CACHE_HOST names: `https://host:port`, or `host:port`, which means https. Nothing when it is not set or
// is empty; invalid when it is no origin.
[[nodiscard]] Result<std::optional<HttpOrigin>> named_origin(const ReadVariable& variable);

// Whether a text in the form of .netrc has `machine HOST`; a `default` entry names no host.
// Source: the GNU inetutils manual, "The .netrc file", as libcurl reads it.
[[nodiscard]] bool netrc_names(std::string_view netrc, std::string_view host);

// Whether the token of the runner may go to a server: it is the one in TRILOCK_CACHE_HOST, or ~/.netrc names its host
// and the connection cannot be read on its way (https, or a loopback address). invalid: as named_origin.
[[nodiscard]] Result<bool> may_have_token(std::string_view url, const ReadVariable& variable);

// Whether the runner has named the server in either way, whatever its scheme and port in ~/.netrc.
[[nodiscard]] bool is_named_by_runner(std::string_view url, const ReadVariable& variable);

}  // namespace trilock

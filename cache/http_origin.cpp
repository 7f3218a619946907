#include "cache/http_origin.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cache/settings_file.hpp"

namespace trilock {
namespace {

constexpr std::size_t largest_netrc = 1024 * 1024;

constexpr std::uint16_t default_port(std::string_view scheme) {
  return scheme == "http" ? 80 : 443;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool is_plain_host(std::string_view host) {
  const bool address = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (address) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::ranges::all_of(host, [&](char c) {
    const bool digit = c >= '0' && c <= '9';
    const bool hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (address) return digit || hex || c == ':' || c == '.';
    return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  });
}

// "host:port" of a known scheme.
std::optional<HttpOrigin> origin_of_authority(std::string_view scheme, std::string_view authority) {
  HttpOrigin origin{.scheme = lower(scheme), .host = {}, .port = 0};
  if (origin.scheme != "http" && origin.scheme != "https") return std::nullopt;
  origin.port = default_port(origin.scheme);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const char* end = digits.data() + digits.size();
    const auto [next, error] = std::from_chars(digits.data(), end, origin.port);
    if (error != std::errc{} || next != end || origin.port == 0) return std::nullopt;
    authority = authority.substr(0, colon);
  }
  if (!is_plain_host(authority)) return std::nullopt;
  origin.host = lower(authority);
  return origin;
}

bool is_loopback(std::string_view host) {
  const bool numbers = std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  return host == "localhost" || host == "[::1]" || (numbers && host.starts_with("127."));
}

// The text of the .netrc file; "" when it cannot be read, which is as if it named no host.
std::string read_netrc(const ReadVariable& variable) {
  const std::string home = variable("HOME").value_or("");
  if (home.empty()) return {};
  return read_settings_file(home + "/.netrc", largest_netrc).value_or("");
}

std::string_view take_word(std::string_view& text) {
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  std::string_view word;
  if (text.starts_with('"')) {
    const std::size_t end = std::min(text.find('"', 1), text.size());
    word = text.substr(1, end - 1);
    text.remove_prefix(std::min(end + 1, text.size()));
  } else {
    word = text.substr(0, text.find_first_of(blanks));
    text.remove_prefix(word.size());
  }
  return word;
}

}  // namespace

std::optional<HttpOrigin> origin_of(std::string_view url) {
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view rest = url.substr(end + 3);
  return origin_of_authority(url.substr(0, end), rest.substr(0, rest.find('/')));
}

std::string to_string(const HttpOrigin& origin) {
  const std::string text = fmt::format("{}://{}", origin.scheme, origin.host);
  return origin.port == default_port(origin.scheme) ? text : fmt::format("{}:{}", text, origin.port);
}

Result<std::optional<HttpOrigin>> named_origin(const ReadVariable& variable) {
  const std::string written = variable("TRILOCK_CACHE_HOST").value_or("");
  if (written.empty()) return std::nullopt;
  std::string_view text = written;
  std::string_view scheme = "https";
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    scheme = text.substr(0, end);
    text.remove_prefix(end + 3);
  }
  if (text.ends_with('/')) text.remove_suffix(1);
  std::optional<HttpOrigin> origin = origin_of_authority(scheme, text);
  // Its text is not shown: a user may have put a password into it.
  if (!origin)
    return fail(ErrorKind::invalid, "`TRILOCK_CACHE_HOST` is no origin of a server",
                "expected scheme, host and port, such as `https://cache.example.com:8443`");
  return origin;
}

bool netrc_names(std::string_view netrc, std::string_view host) {
  while (!netrc.empty()) {
    const std::string_view word = take_word(netrc);
    if (word == "machine" && lower(take_word(netrc)) == host) return true;
    if (word == "login" || word == "password" || word == "account") static_cast<void>(take_word(netrc));
    if (word.starts_with('#')) netrc.remove_prefix(std::min(netrc.find('\n'), netrc.size()));
    // A macro goes to the next empty line.
    if (word == "macdef") netrc.remove_prefix(std::min(netrc.find("\n\n"), netrc.size()));
  }
  return false;
}

Result<bool> may_have_token(std::string_view url, const ReadVariable& variable) {
  const Result<std::optional<HttpOrigin>> named = named_origin(variable);
  if (!named) return std::unexpected(named.error());
  const std::optional<HttpOrigin> origin = origin_of(url);
  if (!origin) return false;
  if (*named == origin) return true;
  const bool private_way = origin->scheme == "https" || is_loopback(origin->host);
  return private_way && netrc_names(read_netrc(variable), origin->host);
}

bool is_named_by_runner(std::string_view url, const ReadVariable& variable) {
  const std::optional<HttpOrigin> origin = origin_of(url);
  if (!origin) return false;
  const Result<std::optional<HttpOrigin>> named = named_origin(variable);
  return (named && *named == origin) || netrc_names(read_netrc(variable), origin->host);
}

}  // namespace trilock

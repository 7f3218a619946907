#include "engine/state_place.hpp"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "cache/hash.hpp"
#include "cache/own_file.hpp"

namespace trilock {
namespace {

constexpr std::size_t id_digits = 32;
constexpr std::string_view apart_suffix = "/work";

bool is_at_or_in(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

}  // namespace

bool is_state_id(std::string_view text) {
  return text.size() == id_digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string state_base(const VariableLookup& variable) {
  if (const auto set = variable("TRILOCK_STATE_DIR"); set && !set->empty())
    return set->starts_with('/') ? std::string(*set) : std::string();
  // The XDG Base Directory Specification: a relative path is to be ignored.
  if (const auto xdg = variable("XDG_STATE_HOME"); xdg && xdg->starts_with('/')) return std::string(*xdg) + "/trilock";
  if (const auto home = variable("HOME"); home && home->starts_with('/'))
    return std::string(*home) + "/.local/state/trilock";
  return {};
}

bool is_shipped_base(std::string_view base, std::string_view root, std::string_view home) {
  return is_at_or_in(base, root) && !is_at_or_in(home, root);
}

std::string state_link_file(const std::string& base, std::string_view root) {
  return base + "/by-path/" + fast_digest(root).hex();
}

std::string to_text(const StateLink& link) {
  return link.id + "." + link.key + std::string(link.site == StateLink::Site::apart ? apart_suffix : "");
}

std::optional<StateLink> read_state_link(const std::string& file) {
  struct stat stat {};
  if (::lstat(file.c_str(), &stat) != 0 || !S_ISLNK(stat.st_mode) || stat.st_uid != ::geteuid()) return std::nullopt;
  std::array<char, 2 * id_digits + 1 + apart_suffix.size() + 1> buffer{};
  const ssize_t length = ::readlink(file.c_str(), buffer.data(), buffer.size());
  std::string_view text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  StateLink link;
  if (text.ends_with(apart_suffix)) {
    link.site = StateLink::Site::apart;
    text.remove_suffix(apart_suffix.size());
  }
  if (text.size() != 2 * id_digits + 1 || text[id_digits] != '.') return std::nullopt;
  link.id = text.substr(0, id_digits);
  link.key = text.substr(id_digits + 1);
  return is_state_id(link.id) && is_state_id(link.key) ? std::optional(std::move(link)) : std::nullopt;
}

std::string dot_directory(const std::string& root) {
  return (root == "/" ? "" : root) + "/.trilock";
}

StatePlace state_place(const StateLink& link, const std::string& base, const std::string& root) {
  StatePlace place{.id = link.id, .key = link.key, .durable = base + "/" + link.id, .disposable = {}};
  place.disposable = link.site == StateLink::Site::apart ? place.durable + std::string(apart_suffix)
                                                         : dot_directory(root) + "/" + link.id;
  return place;
}

FastDigest keyed(const FastDigest& environment, const StatePlace& place) {
  return fast_digest(place.key + std::string(environment.view()));
}

std::optional<StatePlace> find_state(const std::string& root, const VariableLookup& variable) {
  std::string base = state_base(variable);
  if (base.empty() || is_shipped_base(base, root, variable("HOME").value_or(""))) return std::nullopt;
  const std::optional<StateLink> link = read_state_link(state_link_file(base, root));
  if (!link) return std::nullopt;
  if (link->site == StateLink::Site::apart) {
    std::array<char, PATH_MAX> canonical{};
    if (::realpath(base.c_str(), canonical.data()) == nullptr) return std::nullopt;
    base = canonical.data();
  }
  StatePlace place = state_place(*link, base, root);
  const OwnOpening directory = try_open_own_directory(place.disposable.c_str());
  if (directory.descriptor < 0) return std::nullopt;
  ::close(directory.descriptor);
  return place;
}

}  // namespace trilock

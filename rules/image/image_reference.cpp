#include "rules/image/image_reference.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace trilock {
namespace {

bool agrees(const Coordinates& some, const Coordinate& one) {
  return std::ranges::all_of(some,
                             [&](const Coordinate& each) { return each.axis != one.axis || each.value == one.value; });
}

bool has_registry(std::string_view name) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return false;
  const auto first = name.substr(0, slash);
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
}

}  // namespace

std::string_view repository_of(std::string_view name) {
  name = name.substr(0, name.find('@'));
  const auto colon = name.rfind(':');
  const auto slash = name.rfind('/');
  if (colon == std::string_view::npos || (slash != std::string_view::npos && colon < slash)) return name;
  return name.substr(0, colon);
}

std::string full_image_name(std::string_view name) {
  std::string full(name);
  if (full.starts_with("index.docker.io/")) full.erase(0, 6);
  if (!has_registry(full)) full.insert(0, "docker.io/");
  if (full.starts_with("docker.io/") && full.find('/', 10) == std::string::npos) full.insert(10, "library/");
  if (const auto at = full.find('@'); at != std::string::npos) {
    return std::string(repository_of(full)) + full.substr(at);
  }
  if (repository_of(full).size() == full.size()) full += ":latest";
  return full;
}

std::string check_image_name(std::string_view name) {
  if (name.empty()) return "it is empty";
  const auto repository = repository_of(name);
  const auto path = has_registry(repository) ? repository.substr(repository.find('/') + 1) : repository;
  if (path.empty() || path.front() == '/' || path.back() == '/') return "its repository is empty";
  for (const char c : path) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0) {
      return fmt::format("its repository has the capital letter `{}`", c);
    }
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("._-/").find(c) == std::string_view::npos) {
      return fmt::format("its repository has the character `{}`", c);
    }
  }
  auto tag = name.substr(repository.size());
  tag = tag.substr(0, tag.find('@'));
  if (tag.empty()) return {};
  tag.remove_prefix(1);
  if (tag.empty() || tag.size() > 128) return "its tag must have 1 to 128 characters";
  for (const char c : tag) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && std::string_view("._-").find(c) == std::string_view::npos) {
      return fmt::format("its tag has the character `{}`", c);
    }
  }
  return tag.front() == '.' || tag.front() == '-' ? fmt::format("its tag starts with `{}`", tag.front()) : "";
}

bool same_stored_name(std::string_view listed, std::string_view wanted) {
  if (full_image_name(listed) == full_image_name(wanted)) return true;
  if (has_registry(wanted)) return false;
  return full_image_name(listed) == full_image_name(fmt::format("localhost/{}", wanted));
}

bool is_image_id(std::string_view text) {
  return text.size() == 71 && text.starts_with("sha256:") &&
         std::ranges::all_of(text.substr(7), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

LabelParts parse_label(std::string_view label) {
  LabelParts parts;
  const auto bracket = label.find('[');
  parts.target = label.substr(0, bracket);
  if (bracket == std::string_view::npos) return parts;
  auto rest = label.substr(bracket + 1);
  if (rest.ends_with(']')) rest.remove_suffix(1);
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto one = rest.substr(0, comma);
    const auto equal = std::min(one.find('='), one.size());
    parts.coordinates.push_back(
        {std::string(one.substr(0, equal)), std::string(one.substr(std::min(equal + 1, one.size())))});
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return parts;
}

std::vector<std::string> variants_of(std::string_view wanted, std::span<const std::string> labels,
                                     const Coordinates& own) {
  const LabelParts asked = parse_label(wanted);
  std::vector<std::string> found;
  for (const std::string& label : labels) {
    const LabelParts parts = parse_label(label);
    if (parts.target != asked.target) continue;
    const bool named = std::ranges::all_of(asked.coordinates, [&](const Coordinate& one) {
      return std::ranges::find(parts.coordinates, one) != parts.coordinates.end();
    });
    // What is written wins over what the node itself is.
    const bool common = std::ranges::all_of(parts.coordinates, [&](const Coordinate& one) {
      const bool written = std::ranges::find(asked.coordinates, one.axis, &Coordinate::axis) != asked.coordinates.end();
      return written || agrees(own, one);
    });
    if (named && common) found.push_back(label);
  }
  return found;
}

}  // namespace trilock

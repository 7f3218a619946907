#include "schemas/go_version.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

namespace trilock {
namespace {

constexpr std::string_view blanks = " \t\r";

// Numbers are kept as digits without leading zeros; an absent one is empty and comes before 0.
struct GoVersion {
  std::string_view major, minor, patch, kind, pre;
};

std::string_view take_number(std::string_view& rest) {
  const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const std::string_view digits = rest.substr(0, end);
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return {};
  rest.remove_prefix(end);
  return digits;
}

bool skip(std::string_view& rest, char expected) {
  if (rest.empty() || rest.front() != expected) return false;
  rest.remove_prefix(1);
  return true;
}

std::strong_ordering compare_numbers(std::string_view left, std::string_view right) {
  return std::tuple(left.size(), left) <=> std::tuple(right.size(), right);
}

std::optional<GoVersion> parse(std::string_view text) {
  GoVersion version;
  version.major = take_number(text);
  if (version.major.empty()) return std::nullopt;
  if (text.empty()) {
    version.minor = version.patch = "0";
    return version;
  }
  if (!skip(text, '.')) return std::nullopt;
  version.minor = take_number(text);
  if (version.minor.empty()) return std::nullopt;
  if (text.empty()) {
    if (compare_numbers(version.minor, "21") < 0) version.patch = "0";
    return version;
  }
  if (skip(text, '.')) {
    version.patch = take_number(text);
    if (version.patch.empty() || !text.empty()) return std::nullopt;
    return version;
  }
  const std::size_t letters = std::min(text.find_first_of("0123456789"), text.size());
  version.kind = text.substr(0, letters);
  text.remove_prefix(letters);
  if (version.kind != "alpha" && version.kind != "beta" && version.kind != "rc") return std::nullopt;
  version.pre = take_number(text);
  if (version.pre.empty() || !text.empty()) return std::nullopt;
  return version;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() && (text.front() == '"' || text.front() == '`');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

struct Lines {
  std::string_view go;
  std::string_view toolchain;
};

Lines find_lines(std::string_view go_mod) {
  Lines found;
  bool in_block = false;
  while (!go_mod.empty()) {
    const std::size_t end = std::min(go_mod.find('\n'), go_mod.size());
    std::string_view line = go_mod.substr(0, end);
    go_mod.remove_prefix(std::min(end + 1, go_mod.size()));
    line = trimmed(line.substr(0, line.find("//")));
    if (line.ends_with('(')) {
      in_block = true;
    } else if (line.starts_with(')')) {
      in_block = false;
    }
    const std::size_t blank = line.find_first_of(blanks);
    if (in_block || blank == line.npos) continue;
    const std::string_view verb = line.substr(0, blank);
    if (verb == "go") found.go = unquoted(trimmed(line.substr(blank)));
    if (verb == "toolchain") found.toolchain = unquoted(trimmed(line.substr(blank)));
  }
  return found;
}

}  // namespace

std::strong_ordering compare_go_versions(std::string_view left, std::string_view right) {
  const GoVersion a = parse(left).value_or(GoVersion{});
  const GoVersion b = parse(right).value_or(GoVersion{});
  if (const auto order = compare_numbers(a.major, b.major); order != 0) return order;
  if (const auto order = compare_numbers(a.minor, b.minor); order != 0) return order;
  if (const auto order = compare_numbers(a.patch, b.patch); order != 0) return order;
  if (const auto order = a.kind <=> b.kind; order != 0) return order;
  return compare_numbers(a.pre, b.pre);
}

Result<std::string> effective_go_version(std::string_view go_mod) {
  const Lines lines = find_lines(go_mod);
  if (!lines.go.empty() && !parse(lines.go)) {
    return fail(ErrorKind::invalid, fmt::format("`{}` in its go line is no Go version", lines.go));
  }
  std::string_view toolchain;
  if (!lines.toolchain.empty() && lines.toolchain != "default") {
    toolchain = lines.toolchain.starts_with("go") ? lines.toolchain.substr(2) : std::string_view{};
    toolchain = toolchain.substr(0, toolchain.find('-'));
    if (!parse(toolchain)) {
      return fail(ErrorKind::invalid, fmt::format("`{}` in its toolchain line is no Go toolchain", lines.toolchain),
                  "a toolchain is written `go1.22.5`");
    }
  }
  if (lines.go.empty() && toolchain.empty()) {
    return fail(ErrorKind::invalid, "it has no go line", "`go mod edit -go=1.22` adds one");
  }
  const bool newer = !toolchain.empty() && (lines.go.empty() || compare_go_versions(toolchain, lines.go) > 0);
  return std::string(newer ? toolchain : lines.go);
}

}  // namespace trilock

#include "schemas/findings.hpp"

#include <fmt/format.h>

#include <functional>
#include <utility>

namespace trilock {
namespace {

std::string place_key(Place place) {
  return fmt::format("{}:{}:{}", static_cast<std::uint32_t>(place.source), place.line, place.column);
}

}  // namespace

bool Findings::is_new(Place place, std::string_view message) {
  // Messages quote values, which may be long and many; by their hash two are the same but for one chance in 2^64.
  return seen_.insert(fmt::format("{} {}", place_key(place), std::hash<std::string_view>()(message))).second;
}

Diagnostic* Findings::error(Place place, std::string message, std::string help) {
  if (!is_new(place, message)) return nullptr;
  places_.insert(place_key(place));
  return &diagnostics_.error(place, std::move(message), std::move(help));
}

Diagnostic* Findings::warning(Place place, std::string message, std::string help) {
  if (!is_new(place, message)) return nullptr;
  return &diagnostics_.warning(place, std::move(message), std::move(help));
}

Diagnostic* Findings::note(Place place, std::string message, std::string help) {
  if (!is_new(place, message)) return nullptr;
  return &diagnostics_.note(place, std::move(message), std::move(help));
}

void Findings::defined_twice(Place second, Place first, std::string_view what) {
  if (Diagnostic* found = error(second, fmt::format("{} is defined twice", what))) {
    found->notes.push_back({"first defined here", first});
  }
}

void Findings::add(const Diagnostic& diagnostic) {
  const auto report = diagnostic.severity == Severity::error     ? &Findings::error
                      : diagnostic.severity == Severity::warning ? &Findings::warning
                                                                 : &Findings::note;
  Diagnostic* added = (this->*report)(diagnostic.place, diagnostic.message, diagnostic.help);
  if (added != nullptr) added->notes = diagnostic.notes;
}

void Findings::absorb(const Diagnostics& found) {
  for (const Diagnostic& diagnostic : found.all()) add(diagnostic);
}

void Findings::absorb_new_places(const Diagnostics& found) {
  std::vector<const Diagnostic*> fresh;
  for (const Diagnostic& diagnostic : found.all()) {
    if (!is_faulty(diagnostic.place)) fresh.push_back(&diagnostic);
  }
  for (const Diagnostic* diagnostic : fresh) add(*diagnostic);
}

void Findings::mark_faulty(Place place) {
  places_.insert(place_key(place));
}

bool Findings::is_faulty(Place place) const {
  return !places_.empty() && places_.contains(place_key(place));
}

std::string quote_list(std::span<const std::string_view> names, std::size_t limit) {
  // One name more than the limit is printed rather than counted.
  const std::size_t shown = names.size() <= limit + 1 ? names.size() : limit;
  std::string list;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
    list += fmt::format("`{}`", names[i]);
  }
  if (shown < names.size()) list += fmt::format(" and {} more", names.size() - shown);
  return list;
}

std::string quote_list(std::span<const std::string> names, std::size_t limit) {
  return quote_list(std::vector<std::string_view>(names.begin(), names.end()), limit);
}

}  // namespace trilock

#include "engine/displaced.hpp"

#include <fmt/format.h>

#include "cache/output_check.hpp"
#include "engine/scratch.hpp"

namespace trilock {

// An earlier file may be where a directory is needed, too.
std::string Displaced::free_place(std::string_view path) {
  std::string place = dir_;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const bool last = slash == std::string_view::npos;
    const std::string wanted = fmt::format("{}/{}", place, path.substr(0, slash));
    place = wanted;
    for (unsigned number = 1;; ++number) {
      const Result<FileStat> there = disk_.stat(place);
      if (!there || (!last && there->type == FileType::directory)) break;
      place = fmt::format("{}.~{}~", wanted, number);
    }
    path = last ? std::string_view() : path.substr(slash + 1);
  }
  return place;
}

Result<std::string> Displaced::take(const std::string& from, std::string_view path) {
  constexpr std::uint32_t private_mode = 0700;
  const std::lock_guard lock(mutex_);
  std::string place = free_place(path);
  if (Status made = disk_.make_directories(std::string(parent_path(place)), private_mode); !made)
    return std::unexpected(made.error());
  if (Status moved = move_entry(disk_, from, place); !moved) return std::unexpected(moved.error());
  return place;
}

Status Displaced::give_back(const std::string& kept, const std::string& to) {
  if (Status made = disk_.make_directories(std::string(parent_path(to))); !made) return made;
  return move_entry(disk_, kept, to);
}

}  // namespace trilock

#include "engine/git_index.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace trilock {
namespace {

constexpr std::uint64_t largest_index = std::uint64_t{4} << 30;
constexpr std::uint64_t longest_git_file = 8192;
constexpr std::size_t mode_at = 24;
constexpr std::size_t stat_bytes = 40;
constexpr std::uint32_t file_type = 0170000;
constexpr std::uint32_t gitlink = 0160000;

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

// The number of a version 4 entry: "the same encoding as OBJ_OFS_DELTA".
bool take_offset(std::string_view bytes, std::size_t& at, std::uint64_t& number) {
  number = 0;
  for (int i = 0; i < 9; ++i) {
    if (at >= bytes.size()) return false;
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    number = number << 7 | (byte & 0x7fU);
    if ((byte & 0x80U) == 0) return true;
    ++number;
  }
  return false;
}

// An index whose object names have `hash` bytes. False when it has no such form.
class IndexReader {
 public:
  IndexReader(std::string_view bytes, std::string_view path, std::size_t hash)
      : bytes_(bytes), path_(path), hash_(hash) {}

  std::optional<IndexAnswer> read() {
    if (bytes_.size() < 12 + hash_ || !bytes_.starts_with("DIRC")) return std::nullopt;
    version_ = number_at(bytes_, 4);
    if (version_ < 2 || version_ > 4) return std::nullopt;
    end_ = bytes_.size() - hash_;
    at_ = 12;
    for (std::uint32_t i = number_at(bytes_, 8); i > 0; --i)
      if (!take_entry()) return std::nullopt;
    while (at_ < end_)
      if (!take_extension()) return std::nullopt;
    return std::move(answer_);
  }

 private:
  bool take_entry() {
    const std::size_t begin = at_;
    at_ += stat_bytes + hash_;
    if (at_ + 2 > end_) return false;
    const bool extended = version_ > 2 && (static_cast<unsigned char>(bytes_[at_]) & 0x40U) != 0;
    at_ += extended ? 4 : 2;
    if (version_ == 4) {
      std::uint64_t dropped = 0;
      if (!take_offset(bytes_, at_, dropped) || dropped > name_.size()) return false;
      name_.resize(name_.size() - dropped);
    } else {
      name_.clear();
    }
    const std::size_t end = at_ < end_ ? bytes_.find('\0', at_) : std::string_view::npos;
    if (end == std::string_view::npos || end >= end_) return false;
    name_.append(bytes_.substr(at_, end - at_));
    at_ = end + 1;
    if (version_ < 4) at_ = begin + (end - begin + 8) / 8 * 8;  // 1 to 8 NULs
    if (name_.starts_with(path_) && (name_.size() == path_.size() || name_[path_.size()] == '/')) answer_.found = true;
    if ((number_at(bytes_, begin + mode_at) & file_type) == gitlink) answer_.submodules.push_back(name_);
    return at_ <= end_;
  }

  bool take_extension() {
    if (end_ - at_ < 8) return false;
    const std::string_view signature = bytes_.substr(at_, 4);
    const std::size_t size = number_at(bytes_, at_ + 4);
    if (end_ - at_ - 8 < size) return false;
    const std::string_view data = bytes_.substr(at_ + 8, size);
    if (signature == "link" && size >= hash_ && data.substr(0, hash_) != std::string(hash_, '\0')) {
      constexpr std::string_view digits = "0123456789abcdef";
      for (const char c : data.substr(0, hash_)) {
        const auto byte = static_cast<unsigned char>(c);
        answer_.shared += digits[byte >> 4];
        answer_.shared += digits[byte & 0xfU];
      }
    }
    at_ += 8 + size;
    return true;
  }

  std::string_view bytes_;
  std::string_view path_;
  std::size_t hash_;
  std::uint32_t version_ = 0;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::string name_;
  IndexAnswer answer_;
};

}  // namespace

std::optional<IndexAnswer> look_into_index(std::string_view index, std::string_view path) {
  // Which hash the repository has stands in its configuration; only the right one leads to the end of the file.
  for (const std::size_t hash : {std::size_t{20}, std::size_t{32}})
    if (std::optional<IndexAnswer> answer = IndexReader(index, path, hash).read()) return answer;
  return std::nullopt;
}

Result<std::vector<std::string>> submodules_in_index(std::string_view index, std::size_t hash_bytes) {
  std::optional<IndexAnswer> answer = IndexReader(index, "", hash_bytes).read();
  if (!answer) return fail(ErrorKind::invalid, "the index of git is cut off, or has a form that is not known");
  return std::move(answer->submodules);
}

std::optional<GitPlace> git_place_of(Disk& disk, const std::string& path) {
  for (std::string top = path; !top.empty();) {
    top.resize(top.rfind('/'));
    const std::string git = top + "/.git";
    const Result<FileStat> found = disk.stat_following(git);
    if (!found || (found->type != FileType::directory && found->type != FileType::file)) continue;
    const std::string relative = path.substr(top.size() + 1);
    if (found->type == FileType::directory) return GitPlace{git + "/index", relative};
    // gitrepository-layout(5): of a worktree or a submodule.
    const Result<std::string> text = disk.read_plain(git, longest_git_file);
    constexpr std::string_view begin = "gitdir: ";
    if (!text || !text->starts_with(begin)) return std::nullopt;
    std::string directory = text->substr(begin.size(), text->find('\n') - begin.size());
    if (!directory.starts_with('/')) directory = top + "/" + directory;
    return GitPlace{directory + "/index", relative};
  }
  return std::nullopt;
}

bool is_tracked(Disk& disk, const GitPlace& place) {
  const Result<std::string> index = disk.read_plain(place.index, largest_index);
  if (!index) return false;
  const std::optional<IndexAnswer> answer = look_into_index(*index, place.relative);
  if (!answer || answer->found || answer->shared.empty()) return answer && answer->found;
  const std::string folder = place.index.substr(0, place.index.rfind('/'));
  const Result<std::string> shared = disk.read_plain(folder + "/sharedindex." + answer->shared, largest_index);
  const std::optional<IndexAnswer> rest = shared ? look_into_index(*shared, place.relative) : std::nullopt;
  return rest && rest->found;
}

}  // namespace trilock

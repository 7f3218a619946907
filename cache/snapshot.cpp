// Without fmt and OpenSSL: see fast_hash.cpp.
#include "cache/snapshot.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "cache/flat_file.hpp"
#include "cache/hash.hpp"

namespace trilock {
namespace {

// "trilock" and the version of the form. Read in another byte order it is another number.
constexpr std::uint64_t magic = 0x7472'696c'6f63'6b04;
constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();

void put_stat(SnapshotLook& look, const FileStat& stat, std::uint16_t device) {
  look.size = stat.size;
  look.mtime_ns = stat.mtime_ns;
  look.ctime_ns = stat.ctime_ns;
  look.inode = stat.inode;
  look.mode = static_cast<std::uint16_t>(stat.mode);
  look.device = device;
  look.type = stat.type;
}

}  // namespace

FastDigest environment_digest(std::span<const std::string_view> names, const VariableLookup& value) {
  FastHasher hasher;
  for (const std::string_view name : names) {
    const std::optional<std::string_view> found = value(name);
    const std::uint64_t sizes[2] = {name.size(), found ? found->size() : most + 1};
    hasher.update({reinterpret_cast<const char*>(sizes), sizeof sizes});
    hasher.update(name);
    if (found) hasher.update(*found);
  }
  return hasher.digest();
}

std::uint32_t SnapshotBuilder::text(std::string_view text) {
  return add_text(text_, text, too_large_);
}

void SnapshotBuilder::add(std::string_view directory, std::string_view name, bool followed, const FileStat* stat,
                          std::uint32_t askers) {
  if (too_large_ || looks_.size() == most) {
    too_large_ = true;
    return;
  }
  const std::uint32_t place = directory_of(directory);
  SnapshotLook look{.name = text(name),
                    .present = stat != nullptr ? std::uint8_t{1} : std::uint8_t{0},
                    .followed = followed ? std::uint8_t{1} : std::uint8_t{0},
                    .askers = askers};
  if (stat != nullptr) {
    auto device = std::ranges::find(devices_, stat->device);
    if (device == devices_.end()) device = devices_.insert(device, stat->device);
    if (devices_.size() > std::numeric_limits<std::uint16_t>::max()) too_large_ = true;
    put_stat(look, *stat, static_cast<std::uint16_t>(device - devices_.begin()));
  }
  looks_.push_back(look);
  of_.push_back(place);
  ++directories_[place].count;
}

std::uint32_t SnapshotBuilder::directory_of(std::string_view path) {
  if (!of_.empty() && text_.data() + directories_[of_.back()].path == path) return of_.back();
  const auto [known, added] = by_path_.try_emplace(std::string(path), static_cast<std::uint32_t>(directories_.size()));
  if (added) directories_.push_back({text(path), 0, 0});
  return known->second;
}

// Those of one directory together; in it in the order in which file systems mostly make them, so that what the kernel
// keeps of them lies close together: looking at a directory of many files takes an eighth less time than in any order.
void SnapshotBuilder::sort_looks() {
  std::uint32_t first = 0;
  for (SnapshotDirectory& directory : directories_) {
    directory.first = first;
    first += directory.count;
  }
  std::vector<SnapshotLook> sorted(looks_.size());
  std::vector<std::uint32_t> filled(directories_.size(), 0);
  for (std::size_t i = 0; i < looks_.size(); ++i) sorted[directories_[of_[i]].first + filled[of_[i]]++] = looks_[i];
  looks_ = std::move(sorted);
  for (const SnapshotDirectory& directory : directories_) {
    const auto begin = looks_.begin() + directory.first;
    std::sort(begin, begin + directory.count,
              [](const SnapshotLook& a, const SnapshotLook& b) { return a.inode < b.inode; });
  }
}

std::optional<std::string> SnapshotBuilder::finish(const SnapshotRun& run) {
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> variables;
  for (const std::string& word : run.words) words.push_back(text(word));
  for (const std::string& name : run.variables) variables.push_back(text(name));
  SnapshotHeader header{.magic = magic,
                        .environment = run.environment,
                        .graph = run.graph,
                        .devices = static_cast<std::uint32_t>(devices_.size()),
                        .looks = static_cast<std::uint32_t>(looks_.size()),
                        .directories = static_cast<std::uint32_t>(directories_.size()),
                        .words = static_cast<std::uint32_t>(words.size()),
                        .variables = static_cast<std::uint32_t>(variables.size()),
                        .user = run.user,
                        .group = run.group,
                        .root = text(run.root),
                        .directory = text(run.directory),
                        .program = text(run.program),
                        .machine = text(run.machine),
                        .report = text(run.report),
                        .boot = text(run.boot)};
  header.text_bytes = static_cast<std::uint32_t>(text_.size());
  if (too_large_) return std::nullopt;
  sort_looks();
  std::string bytes(sizeof header, '\0');
  append_parts(bytes, devices_);
  append_parts(bytes, looks_);
  append_parts(bytes, directories_);
  append_parts(bytes, words);
  append_parts(bytes, variables);
  bytes += text_;
  seal_flat_file(bytes, header);
  return bytes;
}

std::optional<SnapshotView> SnapshotView::over(std::string_view bytes) {
  SnapshotView view;
  view.bytes_ = bytes;
  std::span<const SnapshotHeader> header;
  std::string_view rest = bytes;
  if (!take_parts(rest, 1, header)) return std::nullopt;
  view.header_ = header.data();
  const SnapshotHeader& head = *view.header_;
  if (head.magic != magic || head.bytes != bytes.size()) return std::nullopt;
  if (!take_parts(rest, head.devices, view.devices_) || !take_parts(rest, head.looks, view.looks_) ||
      !take_parts(rest, head.directories, view.directories_) || !take_parts(rest, head.words, view.words_) ||
      !take_parts(rest, head.variables, view.variables_))
    return std::nullopt;
  if (rest.size() != head.text_bytes || rest.empty() || rest.back() != '\0') return std::nullopt;
  view.text_ = rest.data();
  return view;
}

bool SnapshotView::has_sum() const {
  return flat_sum<SnapshotHeader>(bytes_) == header_->sum;
}

std::span<const SnapshotLook> SnapshotView::looks(const SnapshotDirectory& directory) const {
  return stretch_of(looks_, directory.first, directory.count);
}

std::optional<std::uint64_t> SnapshotView::device(std::uint16_t index) const {
  if (index >= devices_.size()) return std::nullopt;
  return devices_[index];
}

bool SnapshotView::is(std::uint32_t place, std::string_view expected) const {
  const char* const found = text(place);
  return found != nullptr && expected == found;
}

bool SnapshotView::is_of(const SnapshotRun& run) const {
  const auto same = [this](std::span<const std::uint32_t> places, const std::vector<std::string>& texts) {
    return std::ranges::equal(places, texts,
                              [this](std::uint32_t place, const std::string& text) { return is(place, text); });
  };
  return header_->environment == run.environment && header_->user == run.user && header_->group == run.group &&
         is(header_->root, run.root) && is(header_->directory, run.directory) && is(header_->program, run.program) &&
         is(header_->machine, run.machine) && is(header_->boot, run.boot) && is(header_->report, run.report) &&
         same(words_, run.words) && same(variables_, run.variables);
}

std::optional<FileStat> SnapshotView::stat_of(const SnapshotLook& look) const {
  if (look.present == 0) return std::nullopt;
  return FileStat{.type = look.type,
                  .mode = look.mode,
                  .size = look.size,
                  .mtime_ns = look.mtime_ns,
                  .ctime_ns = look.ctime_ns,
                  .inode = look.inode,
                  .device = device(look.device).value_or(0)};
}

SnapshotRevision::SnapshotRevision(std::span<char> bytes) : bytes_(bytes) {
  std::memcpy(&header_, bytes.data(), sizeof header_);
}

bool SnapshotRevision::set(std::uint32_t index, const std::optional<FileStat>& stat) {
  const char* const devices = bytes_.data() + sizeof header_;
  const std::size_t place = sizeof header_ + header_.devices * sizeof(std::uint64_t) + index * sizeof(SnapshotLook);
  if (index >= header_.looks) return false;
  SnapshotLook look;
  std::memcpy(&look, bytes_.data() + place, sizeof look);
  look.present = stat ? 1 : 0;
  if (stat) {
    std::size_t device = 0;
    while (device < header_.devices &&
           std::memcmp(devices + device * sizeof stat->device, &stat->device, sizeof stat->device) != 0)
      ++device;
    if (device >= header_.devices || device > std::numeric_limits<std::uint16_t>::max()) return false;
    put_stat(look, *stat, static_cast<std::uint16_t>(device));
  } else {
    put_stat(look, FileStat{}, 0);
  }
  static_cast<void>(write_over(bytes_, place, look));
  return true;
}

void SnapshotRevision::seal(const FastDigest& graph) {
  header_.graph = graph;
  seal_flat_file(bytes_, header_);
}

}  // namespace trilock

#include "cache/outputs.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cache/output_check.hpp"

namespace trilock {
namespace {

class Scan {
 public:
  Scan(SourceTree& tree, std::span<const OutputSpec> outputs) : tree_(tree), outputs_(outputs) {}

  Status add_output(const OutputSpec& output) {
    const Result<FileStat> stat = tree_.stat(output.path);
    if (!stat && stat.error().kind == ErrorKind::not_found) {
      return fail(ErrorKind::not_found, fmt::format("the output `{}` was not made", output.path));
    }
    if (!stat) return std::unexpected(stat.error());
    if (Status status = add(output.path, *stat); !status || stat->type != FileType::directory) return status;
    const Result<std::vector<SourceTree::Found>> below = tree_.walk(output.path);
    if (!below) return std::unexpected(below.error());
    for (const SourceTree::Found& found : *below) {
      const Result<FileStat> inner = tree_.stat(found.path);
      if (!inner) return std::unexpected(inner.error());
      if (Status status = add(found.path, *inner); !status) return status;
    }
    return {};
  }

  // Outputs may lie within each other.
  OutputScan finish() && {
    std::ranges::sort(entries_, {}, &OutputEntry::path);
    const auto same_path = [](const OutputEntry& a, const OutputEntry& b) { return a.path == b.path; };
    entries_.erase(std::unique(entries_.begin(), entries_.end(), same_path), entries_.end());
    return {std::move(entries_), std::move(unkept_)};
  }

 private:
  Status add(const std::string& path, const FileStat& stat) {
    OutputEntry entry{.path = path, .mode = stat.mode & output_mode_bits};
    switch (stat.type) {
      case FileType::file: {
        const Result<ContentDigests> digests = tree_.strong_digest(path);
        if (!digests) return std::unexpected(digests.error());
        entry.type = EntryType::file;
        entry.size = digests->size;
        entry.blob = digests->strong;
        entry.content = digests->fast;
        break;
      }
      case FileType::directory:
        entry.type = EntryType::directory;
        break;
      case FileType::symlink:
        if (Status status = add_symlink(entry); !status) return status;
        break;
      case FileType::other:
        if (unkept_.empty()) unkept_ = fmt::format("`{}` is a device, socket or fifo", path);
        return {};
    }
    entries_.push_back(std::move(entry));
    return {};
  }

  Status add_symlink(OutputEntry& entry) {
    Result<std::string> target = tree_.read_link(entry.path);
    if (!target) return std::unexpected(target.error());
    const OutputSpec* const output = output_of(outputs_, entry.path);
    const bool is_output = output == nullptr || output->path == entry.path;
    const std::string fault = symlink_fault(entry.path, *target, is_output ? "" : output->path);
    if (!fault.empty()) {
      return fail(ErrorKind::invalid, fmt::format("the output `{}` is a symlink that {}", entry.path, fault),
                  "make it relative, with a target inside the same output");
    }
    entry.type = EntryType::symlink;
    entry.mode = 0;  // has no meaning on Linux
    entry.symlink_target = std::move(*target);
    return {};
  }

  SourceTree& tree_;
  std::span<const OutputSpec> outputs_;
  std::vector<OutputEntry> entries_;
  std::string unkept_;
};

}  // namespace

Result<OutputScan> scan_outputs(SourceTree& tree, std::span<const OutputSpec> outputs) {
  for (const OutputSpec& output : outputs) tree.forget(output.path);
  Scan scan(tree, outputs);
  for (const OutputSpec& output : outputs) {
    if (Status status = scan.add_output(output); !status) return std::unexpected(status.error());
  }
  return std::move(scan).finish();
}

std::string compare_outputs(SourceTree& tree, std::span<const OutputSpec> outputs,
                            std::span<const OutputEntry> entries) {
  std::string first;
  const Status status = each_difference(tree, outputs, entries, [&](const Difference& difference) {
    first = describe(difference);
    return false;
  });
  return status ? first : status.error().message;
}

}  // namespace trilock

#include "schemas/include.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "schemas/expansion_budget.hpp"

namespace trilock {
namespace {

struct Wanted {
  std::string path;
  Place place;  // of the pattern that asks for it; no place for the root
};

// The files that a pattern matches. Whoever has the pattern, too, goes on where the list was left: what stands before
// has been read. So files that all include each other cost one walk, not one each.
struct Matches {
  std::vector<std::string> paths;
  std::size_t next = 0;
};

class Reader {
 public:
  Reader(const TableChoice* choice, PipelineWorld& world, SourceMap& sources, Findings& findings)
      : choice_(choice), world_(world), sources_(sources), findings_(findings) {}

  std::vector<PipelineFile> read(const std::string& root) {
    std::vector<Open> open = {{matches_of_path(root), {}}};
    while (!open.empty()) {
      Matches& matches = *open.back().matches;
      if (matches.next == matches.paths.size()) {
        open.pop_back();
        continue;
      }
      const Wanted wanted{matches.paths[matches.next++], open.back().place};
      if (!seen_.insert(wanted.path).second) continue;
      const std::vector<Open> more = read_file(wanted);
      open.insert(open.end(), more.rbegin(), more.rend());
    }
    return std::move(files_);
  }

 private:
  struct Open {
    Matches* matches;
    Place place;  // of the pattern
  };

  Matches* matches_of_path(const std::string& path) {
    Matches& matches = matches_["/" + path];  // no pattern begins so
    if (matches.paths.empty()) matches.paths.push_back(path);
    return &matches;
  }

  std::vector<Open> read_file(const Wanted& wanted) {
    Result<ChosenText> text = read_text(wanted.path);
    if (!text) {
      const bool absent = text.error().kind == ErrorKind::not_found && wanted.place.source != SourceId::none;
      findings_.error(wanted.place,
                      absent ? fmt::format("included file `{}` does not exist", wanted.path) : text.error().message,
                      absent ? "a pattern is relative to the folder of the file that includes" : text.error().help);
      return {};
    }
    if (!budget_.spend(text->text.size(), wanted.place, findings_)) return {};
    PipelineFile file{add_source(wanted.path, *text), wanted.path, {}};
    read(file, text->parts);
    std::vector<Open> more = take_includes(file);
    files_.push_back(std::move(file));
    return more;
  }

  SourceId add_source(const std::string& path, ChosenText& text) {
    if (choice_ == nullptr) return sources_.add(path, std::move(text.text));
    std::vector<SourceMap::Part> parts;
    for (const TomlStretch& part : text.parts) parts.push_back({part.begin, part.lines_before});
    return sources_.add(path, std::move(text.text), std::move(parts));
  }

  Result<ChosenText> read_text(const std::string& path) {
    if (choice_ != nullptr) return choice_->read(path, world_);
    Result<std::string> text = world_.read_file(path);
    if (!text) return std::unexpected(std::move(text.error()));
    return ChosenText{*std::move(text), {}};
  }

  void read(PipelineFile& file, std::span<const TomlStretch> parts) {
    Diagnostics syntax;
    if (choice_ == nullptr) {
      file.table = read_toml(file.source, sources_, syntax, {.loop = world_.loop()});
    } else if (auto some = read_toml_parts(parts, file.source, sources_, world_.loop())) {
      file.table = *std::move(some);
    } else {
      syntax.error({file.source}, "the file cannot be read in parts");
    }
    findings_.absorb(syntax);
  }

  std::vector<Open> take_includes(PipelineFile& file) {
    auto& entries = file.table.entries;
    const auto found = std::ranges::find(entries, "include", &ConfigEntry::key);
    if (found == entries.end()) return {};
    const Config include = std::move(found->value);
    entries.erase(found);

    const ConfigArray* patterns = include.array();
    if (patterns == nullptr) {
      findings_.error(include.place,
                      fmt::format("expected an array of strings for `include`, found {}", describe(include.type())));
      return {};
    }
    std::vector<Open> more;
    for (const Config& pattern : *patterns) {
      if (const Text* text = pattern.text()) {
        add_matches(file.path, text->literal, pattern.place, more);
      } else {
        findings_.error(pattern.place,
                        fmt::format("expected a string in `include`, found {}", describe(pattern.type())));
      }
    }
    return more;
  }

  void add_matches(const std::string& file, const std::string& pattern, Place place, std::vector<Open>& more) {
    const std::string path = path_beside(file, pattern);
    if (path.empty()) {
      findings_.error(place, fmt::format("`{}` is outside of the workspace", pattern),
                      "a pattern is relative to the folder of the file that includes");
      return;
    }
    if (path.find_first_of("*?[{\\") == path.npos) {
      more.push_back({matches_of_path(path), place});
      return;
    }
    if (const auto known = matches_.find(path); known != matches_.end()) {
      more.push_back({&known->second, place});
      return;
    }
    Result<std::vector<std::string>> matches = world_.glob(path);
    if (!matches) {
      findings_.error(place, matches.error().message, matches.error().help);
      return;
    }
    std::ranges::sort(*matches);
    if (matches->empty()) findings_.warning(place, fmt::format("no file matches `{}`", pattern));
    more.push_back({&matches_.emplace(path, Matches{*std::move(matches)}).first->second, place});
  }

  const TableChoice* choice_;
  PipelineWorld& world_;
  SourceMap& sources_;
  Findings& findings_;
  ExpansionBudget budget_;  // of the files themselves
  std::unordered_set<std::string> seen_;
  std::unordered_map<std::string, Matches> matches_;  // by pattern
  std::vector<PipelineFile> files_;
};

}  // namespace

Result<std::string> PipelineWorld::read_stretches(const std::string& path, std::span<const ByteStretch> stretches) {
  Result<std::string> whole = read_file(path);
  return whole ? cut_out(*whole, stretches) : std::move(whole);
}

std::vector<PipelineFile> read_pipeline_files(const std::string& root, const TableChoice* choice, PipelineWorld& world,
                                              SourceMap& sources, Findings& findings) {
  std::string path = path_beside("", root);
  return Reader(choice, world, sources, findings).read(path.empty() ? root : path);
}

std::string path_beside(std::string_view file, std::string_view path) {
  if (path.starts_with('/')) return {};
  const std::size_t slash = file.rfind('/');
  const std::string joined = slash == file.npos ? std::string(path) : fmt::format("{}/{}", file.substr(0, slash), path);
  std::vector<std::string_view> parts;
  std::string_view rest = joined;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      return {};
    } else {
      parts.pop_back();
    }
  }
  return fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace trilock

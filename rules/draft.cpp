#include "rules/draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::string_view pipeline_name = "trilock.toml";
constexpr std::uint64_t max_file_size = 1 << 20;
constexpr std::size_t max_files = 200'000;

bool is_entered(std::string_view name) {
  static constexpr std::array<std::string_view, 3> others = {"vendor", "node_modules", "testdata"};
  if (name.starts_with('.')) return name == ".devcontainer";
  return std::ranges::find(others, name) == others.end();
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class Lister {
 public:
  explicit Lister(Folder& folder) : folder_(folder) {}

  void list() {
    std::vector<std::string> open = {""};
    while (!open.empty()) {
      const std::string dir = std::move(open.back());
      open.pop_back();
      const auto entries = folder_.tree.list(dir);
      if (!entries) {
        folder_.left_out.push_back({shown(dir), entries.error().message});
        continue;
      }
      const bool has_pipeline = std::ranges::find(*entries, pipeline_name, &DirEntry::name) != entries->end();
      if (has_pipeline && !dir.empty()) {
        folder_.left_out.push_back({shown(dir), "has a pipeline of its own"});
        continue;
      }
      for (const DirEntry& entry : *entries) add(dir, entry, open);
      if (folder_.files.size() < max_files) continue;
      folder_.left_out.push_back({shown(dir), fmt::format("only {} files were looked at", max_files)});
      break;
    }
    std::ranges::sort(folder_.files);
    std::ranges::sort(folder_.left_out, {}, &DraftRemark::path);
  }

 private:
  static std::string shown(const std::string& dir) { return dir.empty() ? "." : dir; }

  void add(const std::string& dir, const DirEntry& entry, std::vector<std::string>& open) {
    std::string path = dir.empty() ? entry.name : fmt::format("{}/{}", dir, entry.name);
    if (find_invalid_utf8(path)) return;  // it cannot be written in TOML
    if (entry.type == FileType::directory) {
      if (is_entered(entry.name)) open.push_back(std::move(path));
    } else if (entry.type != FileType::other) {
      folder_.files.push_back(std::move(path));
    }
  }

  Folder& folder_;
};

}  // namespace

bool Folder::has(std::string_view path) const {
  return std::ranges::binary_search(files, path);
}

Result<std::string> Folder::read(const std::string& path) const {
  const auto stat = tree.disk().stat_following(tree.absolute(path));
  if (!stat) return std::unexpected(stat.error());
  if (stat->type != FileType::file) return fail(ErrorKind::invalid, "is no regular file");
  if (stat->size > max_file_size) return fail(ErrorKind::invalid, "is larger than 1 MiB");
  auto text = tree.read(path);
  if (text && find_invalid_utf8(*text)) return fail(ErrorKind::invalid, "is not UTF-8");
  return text;
}

Folder list_folder(SourceTree& tree) {
  Folder folder{tree, {}, {}};
  Lister(folder).list();
  return folder;
}

const DraftKey* DraftNode::key(std::string_view wanted) const {
  const auto found = std::ranges::find(keys, wanted, &DraftKey::name);
  return found == keys.end() ? nullptr : &*found;
}

void DraftNode::set(std::string key, std::string value, std::string comment) {
  DraftKey given{std::move(key), std::move(value), std::move(comment), true};
  const auto known = std::ranges::find(keys, given.name, &DraftKey::name);
  if (known == keys.end())
    keys.push_back(std::move(given));
  else
    *known = std::move(given);
}

void DraftNode::suggest(std::string key, std::string value, std::string comment) {
  if (this->key(key) != nullptr) return;
  keys.push_back({std::move(key), std::move(value), std::move(comment), false});
}

DraftNode& Draft::add(std::string_view rule, std::string_view name) {
  std::string free(name);
  for (int n = 2; node(fmt::format("{}.{}", rule, free)) != nullptr; ++n) free = fmt::format("{}-{}", name, n);
  DraftNode added;
  added.rule = rule;
  added.name = std::move(free);
  nodes.push_back(std::move(added));
  return nodes.back();
}

void Draft::declare(std::string_view name, std::string_view value) {
  for (const auto& [known, unused] : vars)
    if (known == name) return;
  vars.emplace_back(name, value);
}

const DraftNode* Draft::node(std::string_view label) const {
  for (const DraftNode& each : nodes)
    if (each.label() == label) return &each;
  return nullptr;
}

std::string toml_reference(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_text(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) escaped += '$';
    escaped += text[i];
  }
  return toml_reference(escaped);
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? ", " : "") + toml_text(text);
  return list + "]";
}

std::string toml_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, is_name_char) ? std::string(key) : toml_reference(key);
}

std::string valid_name(std::string_view text, std::string_view fallback) {
  std::string name;
  for (const char c : text) {
    if (is_name_char(c) && (c != '-' || !name.ends_with('-')))
      name += c;
    else if (!name.empty() && !name.ends_with('-'))
      name += '-';
  }
  while (!name.empty() && (name.back() == '-' || name.back() == '_')) name.pop_back();
  name.erase(0, std::min(name.find_first_not_of("-_"), name.size()));
  return name.empty() ? std::string(fallback) : name;
}

std::string parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? std::string() : std::string(path.substr(0, slash));
}

std::string_view file_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool lies_below(std::string_view path, std::string_view dir) {
  return dir.empty() || (path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/');
}

}  // namespace trilock

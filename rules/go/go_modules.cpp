#include "rules/go/go_modules.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "cache/hash.hpp"
#include "rules/rule.hpp"

namespace trilock {
namespace {

std::string child(const std::string& dir, std::string_view name) {
  return dir.empty() || dir.ends_with('/') ? dir + std::string(name) : dir + "/" + std::string(name);
}

// The words of one line of go.mod or go.work: quoted with `"` or a backquote, or bare; a comment ends the line.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (line.empty() || line.starts_with("//")) return words;
    const char first = line.front();
    if (first == '"' || first == '`') {
      const std::size_t end = std::min(line.find(first, 1), line.size());
      words.emplace_back(line.substr(1, end - 1));
      line.remove_prefix(std::min(end + 1, line.size()));
    } else {
      const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
      words.emplace_back(line.substr(0, end));
      line.remove_prefix(end);
    }
  }
}

// Nearest directory at or above `dir`, also beyond the workspace, that holds `name`; empty when none does.
std::optional<std::string> find_above(SourceTree& tree, const std::string& dir, std::string_view name) {
  std::string absolute = tree.absolute(dir);
  while (true) {
    std::string path = tree_path(tree, absolute);
    const Result<FileStat> stat = tree.stat(child(path, name));
    if (stat && stat->type != FileType::directory) return path;
    if (absolute.empty() || absolute == "/") return std::nullopt;
    absolute.resize(absolute.rfind('/'));
    if (absolute.empty()) absolute = "/";
  }
}

// `written` as seen from `dir`.
std::string directory_from(const SourceTree& tree, const std::string& dir, const std::string& written) {
  return tree_path(tree, written.starts_with('/') ? written : tree.absolute(dir) + "/" + written);
}

void add_module(const std::string& dir, GoModules& modules) {
  if (std::ranges::find(modules.roots, dir) != modules.roots.end()) return;
  modules.roots.push_back(dir);
  for (const std::string_view name : {"go.mod", "go.sum", "vendor/modules.txt"})
    modules.files.push_back(child(dir, name));
}

// The modules that `file` brings in, all seen from its directory.
void add_local_directories(SourceTree& tree, const std::string& dir, std::string_view file, GoModules& modules) {
  const Result<std::string> text = tree.read(child(dir, file));
  if (!text) return;
  for (const std::string& written : local_directories(*text)) add_module(directory_from(tree, dir, written), modules);
}

class StateWalk {
 public:
  StateWalk(SourceTree& tree, std::span<const std::string> skip) : tree_(tree), skip_(skip.begin(), skip.end()) {}

  void walk(const std::string& dir, GoContent content) {
    const Result<std::vector<DirEntry>> entries = tree_.list(dir);
    if (!entries) return;
    for (const DirEntry& entry : *entries) {
      if (entry.name == ".git" || entry.name == ".trilock") continue;
      const std::string path = child(dir, entry.name);
      if (skip_.contains(path)) continue;
      const bool is_directory = entry.type == FileType::directory;
      hasher_.update(is_directory ? "d" : entry.type == FileType::symlink ? "l" : "f");
      hasher_.update(path);
      hasher_.update({"\0", 1});
      if (is_directory && !is_other_module(path)) walk(path, is_package_name(entry.name) ? content : GoContent::none);
      if (is_directory || content == GoContent::none || !entry.name.ends_with(".go")) continue;
      if (content == GoContent::sources && entry.name.ends_with("_test.go")) continue;
      if (const Result<FastDigest> digest = tree_.digest(path)) hasher_.update(digest->view());
    }
  }

  [[nodiscard]] std::string result() const { return hasher_.digest().hex(); }

 private:
  // Directories that no wildcard of `go` enters: see `go help packages`.
  static bool is_package_name(std::string_view name) {
    return name != "vendor" && name != "testdata" && !name.starts_with('.') && !name.starts_with('_');
  }

  // A directory with its own go.mod is no part of the module around it.
  bool is_other_module(const std::string& path) {
    const Result<std::vector<DirEntry>> entries = tree_.list(path);
    const bool is_module = entries && std::ranges::find(*entries, "go.mod", &DirEntry::name) != entries->end();
    if (is_module) hasher_.update("go.mod");
    return is_module;
  }

  SourceTree& tree_;
  std::set<std::string_view> skip_;
  FastHasher hasher_;
};

}  // namespace

std::vector<std::string> local_directories(std::string_view text) {
  std::vector<std::string> found;
  std::string block;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::vector<std::string> words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (words.empty()) continue;
    if (words.size() == 1 && words[0] == ")") {
      block.clear();
      continue;
    }
    if (block.empty() && words.back() == "(") {
      block = words[0];
      continue;
    }
    const std::string directive = block.empty() ? words[0] : block;
    if (block.empty()) words.erase(words.begin());
    if (directive == "use" && words.size() == 1) found.push_back(words[0]);
    if (directive != "replace") continue;
    const auto arrow = std::ranges::find(words, "=>");
    if (words.end() - arrow != 2) continue;  // a version follows a module path, never a directory
    const std::string& path = *(arrow + 1);
    if (path.starts_with("./") || path.starts_with("../") || path.starts_with('/') || path == "." || path == "..")
      found.push_back(path);
  }
  return found;
}

GoModules find_go_modules(SourceTree& tree, const std::string& dir, std::string_view gowork) {
  GoModules modules;
  std::optional<std::string> work_dir;
  std::string work_name = "go.work";
  if (gowork.empty() || gowork == "auto") {
    work_dir = find_above(tree, dir, work_name);
  } else if (gowork != "off") {
    const std::string path = directory_from(tree, dir, std::string(gowork));
    const std::size_t slash = path.rfind('/');
    work_name = slash == std::string::npos ? path : path.substr(slash + 1);
    work_dir = slash == std::string::npos ? "" : path.substr(0, slash);
  }
  if (work_dir) {
    modules.files.push_back(child(*work_dir, work_name));
    modules.files.push_back(child(*work_dir, work_name + ".sum"));
    modules.files.push_back(child(*work_dir, "vendor/modules.txt"));
    add_local_directories(tree, *work_dir, work_name, modules);
  } else if (const std::optional<std::string> main = find_above(tree, dir, "go.mod")) {
    add_module(*main, modules);
  }
  // Directives of main modules alone count, not those of what they replace modules with.
  const std::vector<std::string> main_modules = modules.roots;
  for (const std::string& root : main_modules) add_local_directories(tree, root, "go.mod", modules);
  std::ranges::sort(modules.files);
  const auto repeated = std::ranges::unique(modules.files);
  modules.files.erase(repeated.begin(), repeated.end());
  return modules;
}

std::string state_of_modules(SourceTree& tree, const GoModules& modules, std::span<const std::string> skip,
                             GoContent content) {
  StateWalk walk(tree, skip);
  for (const std::string& root : modules.roots) walk.walk(root, content);
  return walk.result();
}

}  // namespace trilock

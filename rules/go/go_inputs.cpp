// `go list` names every Go, C and embedded file in the directory of a package, and nothing outside of it. Two things
// decide a build from outside: what tests read below testdata, and headers that C code includes from elsewhere. What
// is included cannot be told without compiling, so with cgo all headers of the module count.
//
// The go command's own cache does not know such headers (golang/go#24355) and would answer with what it built before.
// A macro that nobody reads, named after their content, makes it build again.
#include "rules/go/go_inputs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>

#include "cache/hash.hpp"
#include "rules/go/go_list.hpp"
#include "rules/go/go_quiet.hpp"

namespace trilock {
namespace {

bool lies_in(std::string_view path, std::string_view dir) {
  if (dir.empty()) return !path.starts_with('/');
  return path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/');
}

bool has_suffix(std::string_view path, std::initializer_list<std::string_view> suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return path.ends_with(suffix); });
}

bool is_header(std::string_view path) {
  return has_suffix(path, {".h", ".hh", ".hpp", ".hxx", ".inc", ".inl"});
}
bool is_library(std::string_view path) {
  return has_suffix(path, {".a", ".so", ".o"});
}

// A package of the module cache is what its version says. All others can change.
bool is_local(const GoPackage& package, const SourceTree& tree) {
  if (package.standard || package.dir.empty()) return false;
  return package.module_version.empty() || !tree_path(tree, package.dir).starts_with('/');
}

std::vector<std::string> files_in_flags(const Node& node, const GoPackages& packages, const GoSettings& settings,
                                        const SourceTree& tree) {
  std::vector<std::string> words = packages.flags;
  for (std::string_view rest = settings.value("GOFLAGS"); !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::vector<std::string> files;
  for (const std::string_view word : words) {
    for (const std::string_view flag : {"-modfile=", "-overlay=", "-pgo="}) {
      if (!word.starts_with(flag)) continue;
      const std::string written(word.substr(flag.size()));
      if (written == "auto" || written == "off") continue;
      std::string path = tree_path(tree, written.starts_with('/') ? written : tree.absolute(node.dir) + "/" + written);
      if (path.ends_with(".mod")) files.push_back(path.substr(0, path.size() - 4) + ".sum");
      files.push_back(std::move(path));
    }
  }
  return files;
}

Question list_question(const Node& node, const GoPackages& packages, const GoModules& modules,
                       const GoEnvironment& environment, std::vector<std::string> more_files, ResolveContext& context) {
  const bool tests = packages.use == GoUse::test;
  Question question{.argv = {"go", "list", "-deps", "-buildvcs=false"}, .dir = node.dir, .env = environment.question};
  if (tests) question.argv.emplace_back("-test");
  question.argv.insert(question.argv.end(), packages.flags.begin(), packages.flags.end());
  question.argv.emplace_back("-f");
  question.argv.emplace_back(go_list_format());
  question.argv.insert(question.argv.end(), packages.patterns.begin(), packages.patterns.end());

  question.content_of = modules.files;
  question.content_of.insert(question.content_of.end(), more_files.begin(), more_files.end());
  const bool wildcard = std::ranges::any_of(
      packages.patterns, [](const std::string& pattern) { return pattern == "all" || pattern.contains("..."); });
  const GoContent content = !wildcard ? GoContent::none : tests ? GoContent::sources_and_tests : GoContent::sources;
  question.also = state_of_modules(context.tree(), modules, context.foreign_outputs(), content);
  question.learn = [&tree = context.tree(), tests](std::string_view out) {
    std::set<std::string> files;
    const Result<std::vector<GoPackage>> found = read_go_packages(out);
    if (!found) return std::vector<std::string>{};
    for (const GoPackage& package : *found) {
      if (!is_local(package, tree)) continue;
      for (const auto* list : {&package.files, &package.ignored, &package.tests})
        if (tests || list != &package.tests)
          for (const std::string& name : *list) files.insert(tree_path(tree, package.dir + "/" + name));
    }
    return std::vector<std::string>(files.begin(), files.end());
  };
  return question;
}

Status add_testdata(const std::string& dir, ResolveContext& context, std::set<std::string>& files) {
  SourceTree& tree = context.tree();
  const std::string testdata = dir.empty() ? "testdata" : dir + "/testdata";
  const Result<FileStat> stat = tree.stat(testdata);
  if (!stat || stat->type != FileType::directory) return {};
  const Result<std::vector<SourceTree::Found>> found = tree.walk(testdata);
  if (!found) return std::unexpected(found.error());
  for (const SourceTree::Found& entry : *found) {
    const bool foreign = std::ranges::any_of(context.foreign_outputs(),
                                             [&](const std::string& output) { return lies_in(entry.path, output); });
    if (!foreign && entry.type != FileType::directory) files.insert(entry.path);
  }
  return {};
}

// What C code of local packages may include or link with, besides the files of its own package.
class CFiles {
 public:
  CFiles(SourceTree& tree, const GoModules& modules) : tree_(tree), modules_(modules) {}

  void add(const GoPackage& package) {
    for (const std::string& root : modules_.roots)
      if (lies_in(tree_path(tree_, package.dir), root)) add_below(root, is_header);
    for (const std::string& flag : package.cgo_flags) add_flag(package.dir, flag);
  }

  // Flags that apply to all packages: CGO_CFLAGS and the like.
  void add_flags(const std::string& dir, std::string_view words) {
    while (!words.empty()) {
      const std::size_t end = std::min(words.find(' '), words.size());
      add_flag(dir, std::string(words.substr(0, end)));
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }

  [[nodiscard]] const std::set<std::string>& files() const { return files_; }

 private:
  void add_flag(const std::string& dir, const std::string& flag) {
    const auto path_of = [&](std::string_view written) {
      return tree_path(tree_, written.starts_with('/') ? std::string(written) : dir + "/" + std::string(written));
    };
    for (const std::string_view option : {"-I", "-iquote", "-isystem"})
      if (flag.size() > option.size() && flag.starts_with(option))
        add_below(path_of(flag.substr(option.size())), is_header);
    if (flag.size() > 2 && flag.starts_with("-L")) add_below(path_of(flag.substr(2)), is_library);
    if (flag.starts_with('-')) return;
    const std::string path = path_of(flag);
    const Result<FileStat> stat = tree_.stat(path);
    if (!path.starts_with('/') && stat && stat->type != FileType::directory) files_.insert(path);
  }

  void add_below(const std::string& dir, bool (*wanted)(std::string_view)) {
    if (dir.starts_with('/') || !seen_.emplace(dir, wanted == is_header).second) return;
    const Result<std::vector<SourceTree::Found>> found = tree_.walk(dir);
    if (!found) return;
    for (const SourceTree::Found& entry : *found)
      if (entry.type != FileType::directory && wanted(entry.path) && !entry.path.starts_with(".git/"))
        files_.insert(entry.path);
  }

  SourceTree& tree_;
  const GoModules& modules_;
  std::set<std::pair<std::string, bool>> seen_;
  std::set<std::string> files_;
};

// An overlay can name files that are not there; whatever else is missing will be missed by `go` itself.
Status add_all(const std::set<std::string>& files, SourceTree& tree, Action& action) {
  for (const std::string& file : files)
    if (Status added = add_file(tree, file, action); !added && added.error().kind != ErrorKind::not_found) return added;
  return {};
}

// The C compiler, when something is compiled by it. One that is missing is left to `go` to name.
void add_c_compiler(const GoSettings& settings, ResolveContext& context, Action& action) {
  const std::string_view command = settings.value("CC");
  const std::string name(command.substr(0, command.find(' ')));
  if (name.empty()) return;
  if (name.starts_with('/')) {
    if (const Result<ContentDigests> digests = context.tree().strong_digest(name))
      action.tools.push_back({name, name, digests->strong.hex(), {}});
  } else if (Result<Tool> tool = context.tool(name)) {
    action.tools.push_back(*std::move(tool));
  }
}

std::vector<EnvVar> macro_of(const std::set<std::string>& c_files, const GoSettings& settings, SourceTree& tree) {
  if (c_files.empty()) return {};
  FastHasher hasher;
  for (const std::string& file : c_files)
    if (const Result<FastDigest> digest = tree.digest(file)) {
      hasher.update(file);
      hasher.update(digest->view());
    }
  std::string flags(settings.value("CGO_CPPFLAGS"));
  if (!flags.empty()) flags += ' ';
  return {{"CGO_CPPFLAGS", flags + "-DTRILOCK_C_FILES=0x" + hasher.digest().hex(), EnvClass::declared}};
}

}  // namespace

Status add_module_files(const GoModules& modules, SourceTree& tree, Action& action) {
  return add_all({modules.files.begin(), modules.files.end()}, tree, action);
}

Result<std::vector<EnvVar>> add_go_inputs(const Node& node, const GoPackages& packages, const GoModules& modules,
                                          const GoEnvironment& environment, const GoSettings& settings,
                                          ResolveContext& context, Action& action) {
  SourceTree& tree = context.tree();
  const std::vector<std::string> flag_files = files_in_flags(node, packages, settings, tree);
  Question question = list_question(node, packages, modules, environment, flag_files, context);
  const bool vendored = std::ranges::any_of(modules.files, [&](const std::string& file) {
    return file.ends_with("vendor/modules.txt") && tree.exists(file);
  });
  question.quiet = quiet_go_list(settings.quiet, settings, packages.flags, vendored);
  const Result<std::string> out = ask_go(question, context);
  if (!out) return std::unexpected(out.error());
  const Result<std::vector<GoPackage>> found = read_go_packages(*out);
  if (!found) return std::unexpected(found.error());

  std::set<std::string> files(flag_files.begin(), flag_files.end());
  std::set<std::pair<std::string, std::string>> versions;
  CFiles c_files(tree, modules);
  bool uses_cgo = false;
  for (const GoPackage& package : *found) {
    uses_cgo = uses_cgo || package.uses_cgo;
    if (package.standard) continue;
    if (!is_local(package, tree)) {
      versions.emplace(package.module_path, package.module_version);
      continue;
    }
    const std::string dir = tree_path(tree, package.dir);
    for (const std::string& name : package.files) files.insert(tree_path(tree, package.dir + "/" + name));
    if (package.uses_cgo) c_files.add(package);
    if (!package.root) continue;
    if (packages.use == GoUse::test)
      for (const std::string& name : package.tests) files.insert(tree_path(tree, package.dir + "/" + name));
    if (packages.reads_testdata)
      if (Status added = add_testdata(dir, context, files); !added) return std::unexpected(added.error());
    const std::string profile = tree_path(tree, package.dir + "/default.pgo");  // Go 1.21: -pgo=auto
    if (package.is_program && tree.exists(profile)) files.insert(profile);
  }
  if (!c_files.files().empty())
    for (const std::string_view name : {"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS"})
      c_files.add_flags(tree.absolute(node.dir), settings.value(name));

  for (const auto& [path, version] : versions) action.fields.push_back({"module " + path, version});
  if (uses_cgo && settings.value("CGO_ENABLED") == "1") add_c_compiler(settings, context, action);
  if (Status added = add_all(files, tree, action); !added) return std::unexpected(added.error());
  if (Status added = add_all(c_files.files(), tree, action); !added) return std::unexpected(added.error());
  return macro_of(c_files.files(), settings, tree);
}

}  // namespace trilock

// What `trilock init` makes of Go modules: static checks, tests, and the programs that they hold.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <map>

#include "rules/draft.hpp"
#include "rules/go/go_modules.hpp"
#include "rules/go/go_rule.hpp"
#include "schemas/go_version.hpp"

namespace trilock {
namespace {

// More programs than these are a matter of taste; a person copies the table.
constexpr std::size_t max_programs = 12;

struct Package {
  bool program = false;
  bool tests = false;
};

struct Module {
  std::string dir;
  std::string path;     // "example.com/app"
  std::string version;  // "1.22"; "" when its go.mod names none
  bool outside_workspace = false;
  std::map<std::string, Package> packages;  // by directory

  [[nodiscard]] bool has_tests() const {
    return std::ranges::any_of(packages, [](const auto& entry) { return entry.second.tests; });
  }
};

std::string_view first_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

// The path that a go.mod gives its module; "" when there is none.
std::string module_path(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = trimmed(first_line(text));
    if (!line.starts_with("module")) continue;
    line = line.substr(0, line.find("//"));
    const std::string_view path = trimmed(line.substr(6));
    if (line.size() == 6 || path.empty() || (line[6] != ' ' && line[6] != '\t')) continue;
    return path.size() > 2 && (path.front() == '"' || path.front() == '`')
               ? std::string(path.substr(1, path.size() - 2))
               : std::string(path);
  }
  return {};
}

// The name after `package`, which only comments may precede; "" for a file that no build takes.
std::string package_name(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (text.starts_with("//")) {
      if (first_line(text).starts_with("//go:build ignore")) return {};
    } else if (text.starts_with("/*")) {
      const std::size_t end = text.find("*/");
      text.remove_prefix(end == text.npos ? text.size() : end + 2);
    } else if (text.starts_with("package") && text.size() > 8 && (text[7] == ' ' || text[7] == '\t')) {
      text = trimmed(text.substr(7));
      const auto is_letter = [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; };
      return std::string(text.begin(), std::ranges::find_if_not(text, is_letter));
    } else {
      return {};
    }
  }
  return {};
}

// `./...` passes over directories that begin with an underscore.
bool is_matched(std::string_view path, std::string_view module_dir) {
  const std::string below = "/" + std::string(path.substr(module_dir.empty() ? 0 : module_dir.size() + 1));
  return below.find("/_") == std::string::npos;
}

class Drafter {
 public:
  Drafter(const Folder& folder, Draft& draft) : folder_(folder), draft_(draft) {}

  void run() {
    for (const std::string& path : folder_.files)
      if (file_name(path) == "go.mod" && is_matched(path, "")) add_module(path);
    read_workspace_file();
    for (const std::string& path : folder_.files)
      if (path.ends_with(".go") && !file_name(path).starts_with('_') && !file_name(path).starts_with('.'))
        add_source(path);
    for (const Module& module : modules_)
      for (const auto& [dir, package] : module.packages)
        if (package.program) ++named_[name_of_program(module, dir)];
    for (const Module& module : modules_) add_nodes(module);
  }

 private:
  void add_module(const std::string& path) {
    const auto text = folder_.read(path);
    Module module{.dir = parent_path(path), .path = text ? module_path(*text) : "", .version = {}, .packages = {}};
    if (!text)
      draft_.left_out.push_back({path, text.error().message});
    else if (module.path.empty())
      draft_.left_out.push_back({path, "has no `module` line"});
    else
      module.version = effective_go_version(*text).value_or("");
    // Without a path it still ends the module around it.
    modules_.push_back(std::move(module));
  }

  // In a workspace of Go, `go` refuses to work on a module that go.work does not use.
  void read_workspace_file() {
    if (!folder_.has("go.work")) return;
    const auto text = folder_.read("go.work");
    if (!text) {
      draft_.left_out.push_back({"go.work", text.error().message});
      return;
    }
    std::vector<std::string> used;
    for (const std::string& dir : local_directories(*text)) {
      std::string clean = std::filesystem::path(dir).lexically_normal().generic_string();
      if (clean.ends_with('/')) clean.pop_back();
      used.push_back(clean == "." ? "" : std::move(clean));
    }
    draft_.found.push_back(
        {"go.work", fmt::format("Go workspace of {} module{}", used.size(), used.size() == 1 ? "" : "s")});
    for (Module& module : modules_) module.outside_workspace = std::ranges::find(used, module.dir) == used.end();
  }

  void add_source(const std::string& path) {
    Module* owner = nullptr;
    for (Module& module : modules_)
      if (lies_below(path, module.dir) && (owner == nullptr || module.dir.size() > owner->dir.size())) owner = &module;
    if (owner == nullptr || !is_matched(path, owner->dir)) return;
    const std::string dir = parent_path(path);
    if (path.ends_with("_test.go")) {
      owner->packages[dir].tests = true;
      return;
    }
    if (const auto known = owner->packages.find(dir); known != owner->packages.end() && known->second.program) return;
    const auto text = folder_.read(path);
    const std::string name = text ? package_name(*text) : "";
    if (!name.empty()) owner->packages[dir].program |= name == "main";
  }

  // The last part of its directory where that says which module is meant, else all of it.
  [[nodiscard]] std::string short_name(const Module& module) const {
    const auto same = [&](const Module& other) { return file_name(other.dir) == file_name(module.dir); };
    const bool unique = std::ranges::count_if(modules_, same) == 1;
    return valid_name(unique ? file_name(module.dir) : module.dir, "module");
  }

  // Of the binary, as `go install` would call it.
  static std::string name_of_program(const Module& module, const std::string& dir) {
    return valid_name(dir == module.dir ? last_element(module.path) : file_name(dir), "program");
  }

  // Of the node: with the module in front where several have a program of that name.
  [[nodiscard]] std::string node_of_program(const Module& module, const std::string& name) const {
    if (named_.at(name) > 1 && !module.dir.empty()) return fmt::format("{}-{}", short_name(module), name);
    return name == "vet" || name == "test" || name == "race" ? "build-" + name : name;
  }

  DraftNode& add(const Module& module, std::string_view name, std::string_view kind, std::string_view description) {
    const bool only_one = module.dir.empty() || modules_.size() == 1;
    DraftNode& node = draft_.add("go", only_one ? std::string(name) : fmt::format("{}-{}", name, short_name(module)));
    node.set("description", toml_text(fmt::format("{}, module {}", description, module.path)));
    node.set("kind", toml_text(kind));
    if (!module.dir.empty()) node.set("dir", toml_text(module.dir));
    if (module.outside_workspace) node.set("env", "{ GOWORK = \"off\" }", "go.work does not use this module");
    return node;
  }

  void add_nodes(const Module& module) {
    if (module.path.empty()) return;
    const std::string file = module.dir.empty() ? "go.mod" : module.dir + "/go.mod";
    if (module.packages.empty()) {
      draft_.left_out.push_back({file, fmt::format("module `{}` has no packages", module.path)});
      return;
    }
    add(module, "vet", "vet", "static checks");
    if (module.has_tests()) {
      add(module, "test", "test", "tests");
      DraftNode& race = add(module, "race", "race", "tests with the race detector");
      race.comments = {"It needs a C compiler."};
      race.switched_on = false;
    }
    const std::vector<std::string> programs = add_programs(module);
    std::string text = fmt::format("Go module {}", module.path);
    if (!module.version.empty()) text += fmt::format(", Go {}", module.version);
    text += fmt::format(", {} package{}", module.packages.size(), module.packages.size() == 1 ? "" : "s");
    if (module.has_tests()) text += ", tests";
    if (!programs.empty()) text += fmt::format(", programs: {}", fmt::join(programs, ", "));
    draft_.found.push_back({file, std::move(text)});
  }

  std::vector<std::string> add_programs(const Module& module) {
    std::vector<std::string> programs;
    const std::string bin = output_folder(module.dir);
    for (const auto& [dir, package] : module.packages) {
      if (!package.program) continue;
      if (programs.size() == max_programs) {
        draft_.left_out.push_back(
            {dir, fmt::format("only the first {} programs of a module are written down", max_programs)});
        break;
      }
      const std::string name = name_of_program(module, dir);
      const std::string pattern =
          dir == module.dir ? "." : "./" + dir.substr(module.dir.empty() ? 0 : module.dir.size() + 1);
      DraftNode& node = draft_.add("go", node_of_program(module, name));
      node.set("description", toml_text(fmt::format("the program {}", name)));
      node.set("kind", "\"build\"");
      if (!module.dir.empty()) node.set("dir", toml_text(module.dir));
      if (module.outside_workspace) node.set("env", "{ GOWORK = \"off\" }", "go.work does not use this module");
      node.set("packages", toml_list({pattern}));
      const std::string output = fmt::format("{}/{}", bin, node.name);
      node.set("outputs", toml_list({output}));
      draft_.outputs.push_back(module.dir.empty() ? output : fmt::format("{}/{}", module.dir, output));
      node.suggest("ldflags", "\"-s -w\"", "smaller, without symbols");
      programs.push_back(name);
    }
    return programs;
  }

  // Of a module's path, a major version left out.
  static std::string_view last_element(std::string_view path) {
    const std::string_view last = file_name(path);
    const bool is_version =
        last.size() > 1 && last[0] == 'v' && last.find_first_not_of("0123456789", 1) == std::string_view::npos;
    return is_version && last.size() != path.size() ? file_name(path.substr(0, path.size() - last.size() - 1)) : last;
  }

  // An output replaces what is in its place, so the folder is one that holds nothing yet.
  std::string output_folder(const std::string& dir) const {
    static constexpr std::array<std::string_view, 4> names = {"bin", "out/bin", "build/bin", "dist/bin"};
    for (const std::string_view name : names) {
      const std::string path = dir.empty() ? std::string(name) : fmt::format("{}/{}", dir, name);
      if (!folder_.tree.exists(path)) return std::string(name);
    }
    return "out/trilock/bin";
  }

  const Folder& folder_;
  Draft& draft_;
  std::vector<Module> modules_;
  std::map<std::string, int> named_;  // how many programs have a name
};

}  // namespace

void GoRule::draft(const Folder& folder, Draft& draft) const {
  Drafter(folder, draft).run();
}

}  // namespace trilock

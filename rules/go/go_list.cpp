#include "rules/go/go_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/json.hpp"

namespace trilock {
namespace {

// Fields of the Package struct of `go help list`. A standard package prints nothing unless it uses cgo: then the C
// compiler is a tool of the build.
constexpr std::string_view format =
    R"({{define "l"}}[{{range $i, $f := .}}{{if $i}},{{end}}{{printf "%q" $f}}{{end}}]{{end}})"
    R"({{if .Standard}}{{if .CgoFiles}}{"path":{{printf "%q" .ImportPath}},"standard":true,"cgo":true})"
    "\n"
    R"({{end}}{{else}}{"path":{{printf "%q" .ImportPath}},"dir":{{printf "%q" .Dir}},"root":{{not .DepOnly}},)"
    R"("program":{{eq .Name "main"}},"cgo":{{if .CgoFiles}}true{{else}}false{{end}},)"
    R"("files":[{{template "l" .GoFiles}},{{template "l" .CgoFiles}},{{template "l" .CFiles}},{{template "l" .CXXFiles}},)"
    R"({{template "l" .MFiles}},{{template "l" .HFiles}},{{template "l" .FFiles}},{{template "l" .SFiles}},)"
    R"({{template "l" .SwigFiles}},{{template "l" .SwigCXXFiles}},{{template "l" .SysoFiles}},{{template "l" .EmbedFiles}}],)"
    R"("tests":[{{template "l" .TestGoFiles}},{{template "l" .XTestGoFiles}},)"
    R"({{template "l" .TestEmbedFiles}},{{template "l" .XTestEmbedFiles}}],)"
    R"("ignored":[{{template "l" .IgnoredGoFiles}},{{template "l" .IgnoredOtherFiles}}],)"
    R"("flags":[{{template "l" .CgoCFLAGS}},{{template "l" .CgoCPPFLAGS}},{{template "l" .CgoCXXFLAGS}},)"
    R"({{template "l" .CgoLDFLAGS}}]{{with .Module}},"module":{{printf "%q" .Path}},"version":)"
    R"({{with .Replace}}{{if .Version}}{{printf "%q" (print .Path "@" .Version)}}{{else}}""{{end}})"
    R"({{else}}{{printf "%q" .Version}}{{end}}{{end}}})"
    "\n"
    R"({{end}})";

std::string string_of(const Json& object, std::string_view key) {
  const Json* value = object.at(key);
  const std::string* text = value == nullptr ? nullptr : value->string();
  return text == nullptr ? std::string() : *text;
}

bool flag_of(const Json& object, std::string_view key) {
  const Json* value = object.at(key);
  const bool* flag = value == nullptr ? nullptr : std::get_if<bool>(&value->data);
  return flag != nullptr && *flag;
}

// The strings of a list of lists.
std::vector<std::string> strings_of(const Json& object, std::string_view key) {
  std::vector<std::string> names;
  const Json* value = object.at(key);
  const JsonArray* lists = value == nullptr ? nullptr : value->array();
  if (lists == nullptr) return names;
  for (const Json& list : *lists)
    if (const JsonArray* array = list.array())
      for (const Json& element : *array)
        if (const std::string* name = element.string()) names.push_back(*name);
  return names;
}

// Without absolute names: the main package of a test is generated into the build cache.
std::vector<std::string> files_of(const Json& object, std::string_view key) {
  std::vector<std::string> files = strings_of(object, key);
  std::erase_if(files, [](const std::string& file) { return file.starts_with('/'); });
  return files;
}

GoPackage package_of(const Json& object) {
  return {.import_path = string_of(object, "path"),
          .dir = string_of(object, "dir"),
          .standard = flag_of(object, "standard"),
          .root = flag_of(object, "root"),
          .is_program = flag_of(object, "program"),
          .uses_cgo = flag_of(object, "cgo"),
          .files = files_of(object, "files"),
          .tests = files_of(object, "tests"),
          .ignored = files_of(object, "ignored"),
          .cgo_flags = strings_of(object, "flags"),
          .module_path = string_of(object, "module"),
          .module_version = string_of(object, "version")};
}

}  // namespace

std::string_view go_list_format() {
  return format;
}

Result<std::vector<GoPackage>> read_go_packages(std::string_view out) {
  std::vector<GoPackage> packages;
  while (!out.empty()) {
    const std::size_t end = std::min(out.find('\n'), out.size());
    const std::string_view line = out.substr(0, end);
    out.remove_prefix(std::min(end + 1, out.size()));
    if (line.empty()) continue;
    const Result<Json> object = parse_json(line);
    if (!object || object->object() == nullptr)
      return fail(ErrorKind::tool_failed, fmt::format("cannot read what `go list` wrote: `{}`", line));
    packages.push_back(package_of(*object));
  }
  return packages;
}

}  // namespace trilock

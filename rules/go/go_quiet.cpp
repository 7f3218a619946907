#include "rules/go/go_quiet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace trilock {
namespace {

using namespace std::string_view_literals;

// What a pipeline may declare for a node and go take as it is: what to build, not with what, nor where things are kept.
constexpr std::array harmless = {"CGO_CFLAGS"sv,
                                 "CGO_CPPFLAGS"sv,
                                 "CGO_CXXFLAGS"sv,
                                 "CGO_ENABLED"sv,
                                 "CGO_FFLAGS"sv,
                                 "CGO_LDFLAGS"sv,
                                 "GO111MODULE"sv,
                                 "GO386"sv,
                                 "GOAMD64"sv,
                                 "GOARCH"sv,
                                 "GOARM"sv,
                                 "GOARM64"sv,
                                 "GOEXPERIMENT"sv,
                                 "GOFIPS140"sv,
                                 "GOFLAGS"sv,
                                 "GOMIPS"sv,
                                 "GOMIPS64"sv,
                                 "GOMODCACHE"sv,
                                 "GOOS"sv,
                                 "GOPATH"sv,
                                 "GOPPC64"sv,
                                 "GORISCV64"sv,
                                 "GO_EXTLINK_ENABLED"sv,
                                 "GOWASM"sv,
                                 "GOWORK"sv};

// What decides the answer and may lead to a program of the pipeline's choice.
constexpr std::array decisive = {"AR"sv,    "CC"sv,         "CXX"sv,    "FC"sv,
                                 "GCCGO"sv, "GOENV"sv,      "GOROOT"sv, "GOTOOLCHAIN"sv,
                                 "HOME"sv,  "PKG_CONFIG"sv, "TMPDIR"sv, "XDG_CONFIG_HOME"sv};

template <class List>
bool has(const List& list, std::string_view name) {
  return std::ranges::find(list, name) != std::end(list);
}

// A flag as its name: "toolexec" of `'-toolexec=my tool'`.
std::string_view name_of(std::string_view flag) {
  if (flag.starts_with('\'') || flag.starts_with('"')) flag.remove_prefix(1);
  flag.remove_prefix(std::min(flag.find_first_not_of('-'), flag.size()));
  return flag.substr(0, flag.find('='));
}

// The next word of GOFLAGS with its quotes: see `go help environment`.
std::string_view take_flag(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
  std::size_t end = rest.find_first_of(" \t\r\n");
  if (rest.starts_with('\'') || rest.starts_with('"')) end = rest.find(rest.front(), 1);
  if (end != std::string_view::npos && !rest.empty() && (rest.front() == '\'' || rest.front() == '"')) ++end;
  const std::string_view flag = rest.substr(0, end);
  rest.remove_prefix(flag.size());
  return flag;
}

bool lets_go_change_files(std::string_view flag) {
  return name_of(flag) == "mod" && (flag.ends_with("=mod") || flag.ends_with("=mod'") || flag.ends_with("=mod\""));
}

}  // namespace

std::string harmless_go_flags(std::string_view goflags, bool vendored) {
  constexpr std::array programs = {"toolexec"sv, "exec"sv, "vettool"sv};
  std::string kept;
  bool says_mod = vendored;
  for (std::string_view flag = take_flag(goflags); !flag.empty(); flag = take_flag(goflags)) {
    if (has(programs, name_of(flag)) || lets_go_change_files(flag)) continue;
    says_mod = says_mod || name_of(flag) == "mod";
    kept += fmt::format("{}{}", kept.empty() ? "" : " ", flag);
  }
  if (!says_mod) kept += kept.empty() ? "-mod=readonly" : " -mod=readonly";
  // An empty GOFLAGS counts as not set, and that of `go env -w` would be taken. This one has no meaning where nothing
  // is downloaded.
  return kept.empty() ? "-modcacherw" : kept;
}

Question::Quiet quiet_go_env(const GoEnvironment& environment, std::string settings_file, const SourceTree& tree) {
  Question::Quiet quiet;
  const auto set = [&](std::string_view name, std::string value) {
    quiet.set.push_back({std::string(name), std::move(value), EnvClass::declared});
  };
  for (const EnvVar& variable : environment.question) {
    const bool declared = variable.kind == EnvClass::declared;
    const bool says_no = (variable.name == "GOTOOLCHAIN" && variable.value == "local") ||
                         (variable.name == "GOENV" && variable.value == "off");
    if (declared && has(harmless, variable.name)) set(variable.name, variable.value);
    if (declared && has(decisive, variable.name) && !says_no)
      quiet.refused = fmt::format("its `env` sets `{}`", variable.name);
    if (variable.name == "GOROOT" && !tree_path(tree, variable.value).starts_with('/'))
      quiet.refused = "`GOROOT` lies in the workspace";
  }
  if (!settings_file.empty() && !tree_path(tree, settings_file).starts_with('/'))
    quiet.refused = fmt::format("`{}`, where go has its settings, lies in the workspace", settings_file);
  set("GOAUTH", "off");
  set("GOCACHE", fmt::format("{}/go-build", scratch_marker));
  set("GOENV", settings_file.empty() ? "off" : std::move(settings_file));
  set("GONOPROXY", "none");  // what it names is fetched past GOPROXY
  set("GOPROXY", "off");
  set("GOSUMDB", "off");
  set("GOTMPDIR", "");
  set("GOTOOLCHAIN", "local");
  set("GOVCS", "*:off");
  // Where go would write down that it was used (telemetry, since 1.23); GOENV has its other file.
  set("XDG_CONFIG_HOME", "/dev/null");
  return quiet;
}

Question::Quiet quiet_go_list(Question::Quiet env, const GoSettings& settings, std::span<const std::string> flags,
                              bool vendored) {
  std::erase_if(env.set, [](const EnvVar& variable) { return variable.name == "GOFLAGS"; });
  env.set.push_back({"GOFLAGS", harmless_go_flags(settings.value("GOFLAGS"), vendored), EnvClass::declared});
  if (env.refused.empty() && std::ranges::any_of(flags, lets_go_change_files))
    env.refused = "its `flags` let go change go.mod";
  return env;
}

bool is_failure_of_quiet(std::string_view message) {
  constexpr std::array signs = {"GOPROXY=off"sv,
                                "GOTOOLCHAIN=local"sv,
                                "updates to go.mod needed"sv,
                                "updates to go.sum"sv,
                                "missing go.sum entry"sv,
                                "-mod=readonly"sv,
                                "go mod tidy"sv,
                                "GOVCS"sv};
  return std::ranges::any_of(signs, [&](std::string_view sign) { return message.contains(sign); });
}

}  // namespace trilock

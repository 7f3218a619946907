#include "engine/cli/short_path.hpp"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cache/boot.hpp"
#include "cache/snapshot_check.hpp"
#include "engine/cli/watch_client.hpp"
#include "engine/mapped_file.hpp"
#include "engine/state_place.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {
namespace {

// Of more than these the engine makes out itself what they mean: a checkout of another branch, a file system that was
// restored.
constexpr std::uint32_t most_changes = 10'000;

// As Environment::of_process() has it: of two with one name the first.
std::optional<std::string_view> variable(std::string_view name) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && text.substr(0, equals) == name) return text.substr(equals + 1);
  }
  return std::nullopt;
}

// The folder that `-C` names. The words may mean something else; that the snapshot is of the same words and the same
// workspace is seen to later.
const char* named_directory(std::span<const char* const> words) {
  const char* directory = ".";
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (const std::string_view word = words[i]; word == "-C" || word == "--directory") directory = words[i + 1];
  return directory;
}

bool is_same_run(const SnapshotView& snapshot, const ShortRun& run, std::string_view directory, std::string_view root) {
  const SnapshotHeader& header = snapshot.header();
  utsname machine{};
  ::uname(&machine);
  if (header.user != ::geteuid() || header.group != ::getegid() || !snapshot.is(header.root, root) ||
      !snapshot.is(header.machine, machine.machine) || !snapshot.is(header.boot, current_boot().id))
    return false;
  if (!snapshot.is(header.directory, "") && !snapshot.is(header.directory, directory)) return false;
  return std::ranges::equal(snapshot.words(), run.words,
                            [&](std::uint32_t place, const char* word) { return snapshot.is(place, word); });
}

bool is_same_environment(const SnapshotView& snapshot, const StatePlace& place) {
  std::vector<std::string_view> names;
  for (const std::uint32_t variable_name : snapshot.variables()) {
    const char* const name = snapshot.text(variable_name);
    if (name == nullptr) return false;
    names.emplace_back(name);
  }
  return keyed(environment_digest(names, variable), place) == snapshot.header().environment;
}

// That the program is what it was is one of the looks.
bool is_same_program(const SnapshotView& snapshot, std::span<const std::string> programs) {
  for (const std::string& program : programs) {
    if (snapshot.is(snapshot.header().program, program)) return true;
    if (::access(program.c_str(), F_OK) == 0) return false;
  }
  return false;
}

unsigned processors() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : 1;
}

// `state` is "" when nobody watches.
std::optional<std::vector<std::uint32_t>> find_differing(const SnapshotView& snapshot, const MappedFile& file,
                                                         const std::string& state) {
  if (!state.empty()) {
    if (auto answer = ask_watcher(state, identity_of(file))) {
      if (answer->verdict == WatchVerdict::changed && answer->looks.empty()) return std::nullopt;
      return std::move(answer->looks);
    }
    file.read_all();
  }
  return differing_looks(snapshot, processors(), most_changes);
}

}  // namespace

ShortAnswer answer_shortly(const ShortRun& run) {
  if (variable("TRILOCK_SHORT_PATH") == "0" || variable("GITHUB_ACTIONS") == "true") return {};
  std::array<char, PATH_MAX> directory{};
  if (::realpath(named_directory(run.words), directory.data()) == nullptr) return {};
  const std::string root = find_workspace(directory.data());
  if (root.empty()) return {};
  const std::optional<StatePlace> place = find_state(root, variable);
  if (!place) return {};
  const std::string& state = place->disposable;
  const bool watched = may_be_watched(state);
  // A run that begins takes the snapshot away; so it is opened before the watcher is asked.
  const MappedFile file(snapshot_file(state), watched ? MappedFile::Reading::by_page : MappedFile::Reading::all);
  const auto snapshot = SnapshotView::over(file.bytes());
  if (!snapshot || !is_same_run(*snapshot, run, directory.data(), root) || !is_same_program(*snapshot, run.programs) ||
      !is_same_environment(*snapshot, *place))
    return {};
  auto differing = find_differing(*snapshot, file, watched ? state : std::string());
  if (!differing) return {};
  const char* const report = snapshot->text(snapshot->header().report);
  if (report == nullptr) return {};
  if (differing->empty() && *report != '\0') return {.report = report, .changes = {}};
  return {.report = {}, .changes = ChangeNotice{snapshot->header().sum, *std::move(differing)}};
}

}  // namespace trilock::cli

#include "engine/cli/short_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cache/snapshot_check.hpp"
#include "engine/workspace_search.hpp"

namespace trilock::cli {
namespace {

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

class MappedFile {
 public:
  // Empty when there is no file of this user's, or it cannot be mapped. Snapshots are replaced, never written to.
  explicit MappedFile(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return;
    struct stat stat {};
    if (::fstat(file, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == ::geteuid() && stat.st_size > 0) {
      const auto size = static_cast<std::size_t>(stat.st_size);
      void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
      if (start != MAP_FAILED) bytes_ = {static_cast<const char*>(start), size};
    }
    ::close(file);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  // Left to the end of the process, which is near.
  ~MappedFile() = default;
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

bool is_same_run(const SnapshotView& snapshot, const ShortRun& run, std::string_view directory, std::string_view root) {
  const SnapshotHeader& header = snapshot.header();
  utsname machine{};
  ::uname(&machine);
  if (header.user != ::geteuid() || header.group != ::getegid() || !snapshot.is(header.root, root) ||
      !snapshot.is(header.machine, machine.machine))
    return false;
  if (!snapshot.is(header.directory, "") && !snapshot.is(header.directory, directory)) return false;
  return std::ranges::equal(snapshot.words(), run.words,
                            [&](std::uint32_t place, const char* word) { return snapshot.is(place, word); });
}

bool is_same_environment(const SnapshotView& snapshot) {
  std::vector<std::string_view> names;
  for (const std::uint32_t place : snapshot.variables()) {
    const char* const name = snapshot.text(place);
    if (name == nullptr) return false;
    names.emplace_back(name);
  }
  return environment_digest(names, variable) == snapshot.header().environment;
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

}  // namespace

std::optional<std::string> unchanged_report(const ShortRun& run) {
  if (variable("TRILOCK_SHORT_PATH") == "0" || variable("GITHUB_ACTIONS") == "true") return std::nullopt;
  std::array<char, PATH_MAX> directory{};
  if (::realpath(named_directory(run.words), directory.data()) == nullptr) return std::nullopt;
  const std::string root = find_workspace(directory.data());
  if (root.empty()) return std::nullopt;
  const std::string state = state_directory(root, variable("TRILOCK_STATE_DIR"));
  const MappedFile file(snapshot_file(state));
  const auto snapshot = SnapshotView::over(file.bytes());
  if (!snapshot || !is_same_run(*snapshot, run, directory.data(), root) || !is_same_program(*snapshot, run.programs) ||
      !is_same_environment(*snapshot) || !is_as_recorded(*snapshot, processors()))
    return std::nullopt;
  const char* const report = snapshot->text(snapshot->header().report);
  return report == nullptr ? std::nullopt : std::optional<std::string>(report);
}

}  // namespace trilock::cli

#include "engine/cli/engine_program.hpp"

#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

namespace trilock::cli {
namespace {

constexpr std::string_view engine_section = "trilock_engine";
constexpr int exit_environment = 5;

// Under a limit below these it is tried first.
constexpr rlim_t enough_memory = rlim_t{1} << 40;
constexpr rlim_t enough_files = 16;

bool is_below(decltype(RLIMIT_AS) limit, rlim_t enough) {
  rlimit found{};
  return ::getrlimit(limit, &found) == 0 && found.rlim_cur < enough;
}

// A program that finds no room for its libraries, or no descriptor to open them by, is ended by the loader or by one of
// them before it can say a word.
bool can_be_loaded(const std::string& program) {
  if (!is_below(RLIMIT_AS, enough_memory) && !is_below(RLIMIT_NOFILE, enough_files)) return true;
  const char* const words[] = {"trilock", "--version", nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, file, "/dev/null", O_RDWR, 0);
  pid_t process = -1;
  int status = 0;
  const int error =
      ::posix_spawn(&process, program.c_str(), &actions, nullptr, const_cast<char* const*>(words), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return error != ENOMEM;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Who could put a program there could as well have replaced the front.
bool is_trusted(const std::string& program, const struct stat& own) {
  struct stat stat {};
  return ::stat(program.c_str(), &stat) == 0 && (stat.st_uid == own.st_uid || stat.st_uid == 0);
}

template <class Part>
bool read_at(int file, std::uint64_t place, Part& part) {
  return ::pread(file, &part, sizeof part, static_cast<off_t>(place)) == static_cast<ssize_t>(sizeof part);
}

struct Piece {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

std::optional<Piece> find_section(int file, std::string_view wanted) {
  Elf64_Ehdr header{};
  Elf64_Shdr names{};
  if (!read_at(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr) ||
      !read_at(file, header.e_shoff + std::uint64_t{header.e_shstrndx} * sizeof names, names))
    return std::nullopt;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    std::array<char, engine_section.size() + 1> name{};
    if (!read_at(file, header.e_shoff + std::uint64_t{i} * sizeof section, section)) return std::nullopt;
    if (read_at(file, names.sh_offset + section.sh_name, name) &&
        wanted == std::string_view(name.data(), wanted.size()) && name.back() == '\0')
      return Piece{section.sh_offset, section.sh_size};
  }
  return std::nullopt;
}

// Into a file without a name, since a program can only be started from a file.
void become_carried_engine(const std::string& own_file, char** argv) {
  const int file = ::open(own_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const std::optional<Piece> engine = find_section(file, engine_section);
  const int copy = engine ? ::memfd_create("trilock", MFD_CLOEXEC) : -1;
  if (copy < 0) return;
  auto place = static_cast<off_t>(engine->begin);
  for (std::uint64_t left = engine->size; left > 0;) {
    const ssize_t count = ::sendfile(copy, file, &place, left);
    if (count <= 0) return;
    left -= static_cast<std::uint64_t>(count);
  }
  ::fexecve(copy, argv, environ);
}

}  // namespace

std::vector<std::string> engine_places(const std::string& own_file) {
  const std::string folder = own_file.substr(0, own_file.rfind('/') + 1);
  if (folder.empty()) return {};
  const std::string above = folder.substr(0, folder.rfind('/', folder.size() - 2) + 1);
  return {folder + "trilock-engine", above + "libexec/trilock-engine"};
}

int become_engine(const std::string& own_file, char** argv) {
  struct stat own {};
  int refused = 0;
  if (::stat(own_file.c_str(), &own) == 0)
    for (const std::string& program : engine_places(own_file))
      if (is_trusted(program, own)) {
        if (!can_be_loaded(program)) {
          std::fputs("error: there is not enough memory, or too few descriptors, to start trilock\n", stderr);
          std::fputs("  = help: raise the limit (`ulimit -v`, `ulimit -n`)\n", stderr);
          return exit_environment;
        }
        ::execv(program.c_str(), argv);
        if (errno != ENOENT && errno != ENOTDIR) refused = errno;
      }
  become_carried_engine(own_file, argv);
  if (refused != 0) {
    std::fprintf(stderr, "error: cannot start `trilock-engine`, the main part of trilock: %s\n",
                 std::strerror(refused));
    return exit_environment;
  }
  std::fprintf(stderr, "error: `trilock-engine`, the main part of trilock, is not beside `%s`\n", own_file.c_str());
  std::fputs("  = help: install trilock again\n", stderr);
  return exit_environment;
}

}  // namespace trilock::cli

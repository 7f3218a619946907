#include "engine/cli/change_notice.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/cli/bare_output.hpp"

namespace trilock::cli {
namespace {

constexpr const char* variable = "TRILOCK_CHANGES";  // the number of the file
constexpr std::size_t most_bytes = 1 << 20;

}  // namespace

void hand_over(const ChangeNotice& notice) {
  std::string bytes(sizeof notice.snapshot + notice.looks.size() * sizeof notice.looks[0], '\0');
  std::memcpy(bytes.data(), notice.snapshot.data.data(), sizeof notice.snapshot);
  std::memcpy(bytes.data() + sizeof notice.snapshot, notice.looks.data(), bytes.size() - sizeof notice.snapshot);
  const int file = ::memfd_create("trilock-changes", MFD_ALLOW_SEALING);
  if (file < 0) return;
  write_all(file, bytes);
  if (bytes.size() > most_bytes || ::fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) != 0)
    ::close(file);
  else
    ::setenv(variable, std::to_string(file).c_str(), 1);
}

std::optional<ChangeNotice> take_over() {
  const char* const value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  const std::string_view text = value;
  int file = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), file);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  ::unsetenv(variable);
  // A number from elsewhere may be that of any file.
  const int seals = is_number && file > STDERR_FILENO ? ::fcntl(file, F_GET_SEALS) : -1;
  if (seals < 0 || (seals & F_SEAL_WRITE) == 0) return std::nullopt;
  struct stat stat {};
  ChangeNotice notice;
  std::string bytes;
  if (::fstat(file, &stat) == 0 && stat.st_size >= static_cast<off_t>(sizeof notice.snapshot) &&
      stat.st_size <= static_cast<off_t>(most_bytes))
    bytes.resize(static_cast<std::size_t>(stat.st_size));
  const bool read = !bytes.empty() && ::pread(file, bytes.data(), bytes.size(), 0) == stat.st_size;
  ::close(file);
  if (!read) return std::nullopt;
  std::memcpy(notice.snapshot.data.data(), bytes.data(), sizeof notice.snapshot);
  notice.looks.resize((bytes.size() - sizeof notice.snapshot) / sizeof notice.looks[0]);
  std::memcpy(notice.looks.data(), bytes.data() + sizeof notice.snapshot, notice.looks.size() * sizeof notice.looks[0]);
  return notice;
}

}  // namespace trilock::cli

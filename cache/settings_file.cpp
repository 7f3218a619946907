#include "cache/settings_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cache/real_disk.hpp"

namespace trilock {

Result<std::string> read_settings_file(const std::string& path, std::size_t limit) {
  const Descriptor file(
      retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
  if (!file && (errno == ENOENT || errno == ENOTDIR))
    return fail(ErrorKind::not_found, fmt::format("there is no `{}`", path));
  struct ::stat stat {};
  if (!file || ::fstat(file.get(), &stat) != 0) return fail_errno(fmt::format("cannot read `{}`", path), errno);
  if (!S_ISREG(stat.st_mode)) return fail(ErrorKind::invalid, fmt::format("`{}` is no regular file", path));
  if (static_cast<std::size_t>(stat.st_size) > limit)
    return fail(ErrorKind::invalid, fmt::format("`{}` has more than {} bytes", path, limit));
  std::string text(static_cast<std::size_t>(stat.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t count =
        retry_interrupted([&] { return ::read(file.get(), text.data() + filled, text.size() - filled); });
    if (count < 0) return fail_errno(fmt::format("cannot read `{}`", path), errno);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  text.resize(filled);
  return text;
}

}  // namespace trilock

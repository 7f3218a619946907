// What a node of a generated graph runs: `node OUTPUT INPUT…` writes a line that depends on every byte of the inputs,
// so that a change of a source goes through all that is made from it. Linked statically: it starts in a third of a
// millisecond, and what is measured is who starts it.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

namespace {

bool add(const char* path, std::uint64_t& hash) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char buffer[16384];
  ssize_t count = 0;
  while ((count = ::read(file, buffer, sizeof buffer)) > 0)
    for (ssize_t i = 0; i < count; ++i)
      hash = (hash ^ static_cast<unsigned char>(buffer[i])) * 0x100000001b3U;  // FNV-1a
  ::close(file);
  return count == 0;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return 2;
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (int i = 2; i < count; ++i)
    if (!add(words[i], hash)) return 1;
  char line[17];
  for (int i = 0; i < 16; ++i) line[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15U];
  line[16] = '\n';
  const int file = ::open(words[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0 || ::write(file, line, sizeof line) != static_cast<ssize_t>(sizeof line)) return 1;
  return ::close(file) == 0 ? 0 : 1;
}

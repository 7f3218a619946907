#include "cache/file_system.hpp"

#include <sys/vfs.h>

#include <cerrno>

namespace trilock {
namespace {

// statfs(2) and <linux/magic.h>; cifs and smb2 are only in the kernel's fs/smb.
struct Magic {
  unsigned long number;
  std::string_view name;
};
constexpr Magic network_magics[] = {
    {0x6969, "nfs"},      {0xff534d42, "cifs"},   {0xfe534d42, "smb2"}, {0x517b, "smb"},
    {0x65735546, "fuse"}, {0x01021997, "9p"},     {0x00c36400, "ceph"}, {0x5346414f, "afs"},
    {0x6b414653, "afs"},  {0x0bd00bd0, "lustre"}, {0x73757245, "coda"}, {0x47504653, "gpfs"},
};

}  // namespace

std::string_view network_file_system(unsigned long magic) {
  for (const Magic& known : network_magics) {
    if (known.number == magic) return known.name;
  }
  return "";
}

std::string_view network_file_system_of(const std::string& path) {
  std::string dir = path;
  for (;;) {
    const std::size_t slash = dir.rfind('/');
    dir = slash == std::string::npos ? "." : slash == 0 ? "/" : dir.substr(0, slash);
    struct statfs info {};
    if (::statfs(dir.c_str(), &info) == 0) {
      // f_type is signed and of varying width; only its low 32 bits hold the number.
      return network_file_system(static_cast<unsigned long>(info.f_type) & 0xffffffffUL);
    }
    if (errno != ENOENT || dir == "." || dir == "/") return "";
  }
}

}  // namespace trilock

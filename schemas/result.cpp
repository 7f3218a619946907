#include "schemas/result.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace trilock {
namespace {

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ESTALE:  // of a file server: somebody else removed the file after it was looked up
      return ErrorKind::not_found;
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::no_space;
    default:
      return ErrorKind::io;
  }
}

bool is_of_machine(int error_number) {
  switch (error_number) {
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // at the limit of `ulimit -f`
      return true;
    default:
      return false;
  }
}

// glibc's English description with a small first letter: "permission denied", but "RFS specific error". strerror would
// translate it, and is not safe for threads.
std::string describe_errno(int error_number) {
  const char* text = strerrordesc_np(error_number);
  if (text == nullptr) return "error " + std::to_string(error_number);
  std::string described = text;
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (described.size() > 1 && upper(described[0]) && !upper(described[1])) {
    described[0] = static_cast<char>(described[0] - 'A' + 'a');
  }
  return described;
}

}  // namespace

std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string help) {
  return std::unexpected(Error{kind, std::move(message), std::move(help)});
}

std::unexpected<Error> fail_errno(std::string what, int error_number) {
  what += ": ";
  what += describe_errno(error_number);
  return std::unexpected(Error{kind_of(error_number), std::move(what), {}, is_of_machine(error_number)});
}

}  // namespace trilock

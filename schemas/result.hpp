// The lane "the world failed": a disk, a tool, a network. One error, with its context.
// Nothing in trilock throws across a function boundary; a library that throws is caught where it is called.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace trilock {

enum class ErrorKind : std::uint8_t {
  invalid,       // the input of the operation makes no sense (a template that is not JSON)
  not_found,     // a file or an object does not exist
  io,            // the operating system refused for any other reason
  no_space,      // ENOSPC, EDQUOT
  tool_missing,  // an executable is not in PATH, or lacks a capability that is needed
  tool_failed,   // an executable ran and failed
  corrupt,       // stored data does not have the digest or the form that it should have
  interrupted,   // the user asked to stop
  not_known,     // to find out, something would have to be started that only a run starts
};

// `message` is lower case, without a full stop, and names its object: "cannot read `a/b`: permission denied".
// `help` is one line of advice, or empty.
struct Error {
  ErrorKind kind = ErrorKind::io;
  std::string message;
  std::string help;
  // The machine has no more of something (descriptors, memory, space), or a device is broken: whatever was asked for,
  // nothing that the user wrote is wrong. Set by fail_errno().
  bool machine_failed = false;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] std::unexpected<Error> fail(ErrorKind kind, std::string message, std::string help = {});

// The error of a failed system call: `what` ("cannot read `a/b`"), a colon, the text of `error_number`.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string what, int error_number);

}  // namespace trilock

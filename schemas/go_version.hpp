// The Go version that a go.mod asks for.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "schemas/result.hpp"

namespace trilock {

// The newer of the `go` and `toolchain` lines, without the `go` in front: "1.22.5" (Go Toolchains,
// https://go.dev/doc/toolchain). `toolchain default` does not count; a suffix ("go1.22.5-vendor") is dropped.
// ErrorKind::invalid when there is neither line or one of them holds no version.
[[nodiscard]] Result<std::string> effective_go_version(std::string_view go_mod);

// Order of Go versions: 1.21 < 1.21rc1 < 1.21.0 < 1.21.1; before 1.21, 1.20 equals 1.20.0 and comes after 1.20rc1.
// Both must be versions; source: internal/gover in the Go tree.
[[nodiscard]] std::strong_ordering compare_go_versions(std::string_view left, std::string_view right);

}  // namespace trilock

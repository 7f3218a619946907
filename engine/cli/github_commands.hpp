// What GitHub Actions reads in a log, and what its step summary is made of. Pure functions.
//
// A line that begins, after blanks, with `::name ` or `::name::` is a command to the runner, and so is an older form,
// `##[name]` anywhere in a line (actions/runner, ActionCommand.cs). Escapes are those of actions/toolkit,
// packages/core/src/command.ts.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/events.hpp"

namespace trilock::cli {

[[nodiscard]] std::string escape_command_data(std::string_view text);      // % CR LF
[[nodiscard]] std::string escape_command_property(std::string_view text);  // and : ,

struct Annotation {
  enum class Level : std::uint8_t { notice, warning, error } level = Level::error;
  std::string file;  // relative to the repository; "" for none
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string title;
  std::string message;
};
// "::error file=a.go,line=3,col=7,title=go.vet::message", with a line end.
[[nodiscard]] std::string annotation_command(const Annotation& annotation);

// Output of a process inside a group. Where it could hold a command it is put between `::stop-commands::` and `token`,
// which nobody can guess, so that the runner obeys none of it. `text` ends with a line end.
[[nodiscard]] std::string group_of(std::string_view title, std::string_view text, std::string_view token);
// Lines of which none is a command: `::` at the beginning of one gets a backslash, `##[` a blank.
[[nodiscard]] std::string without_commands(std::string_view text);
// A text of ours that holds others' words, on one line, which is no command.
[[nodiscard]] std::string harmless_line(std::string_view text);

// Lines `file:line:column: message` and `file:line: message` in what compilers, vet and `go test` write. `resolve`
// gives the path in the repository of a file that a line names, "" for one that is none there; `package` is the import
// path that `go test` gives with it (`FAIL example.com/mod/pkg`), since the file is named relative to that, or "".
using ResolveFile = std::function<std::string(std::string_view file, std::string_view package)>;
[[nodiscard]] std::vector<Annotation> annotations_in(const NodeReport& report, std::string_view title,
                                                     const ResolveFile& resolve);

struct SummaryRow {
  std::string label;
  Outcome outcome = Outcome::ran;
  std::uint64_t duration_ms = 0;
  std::string reason;
};
// The run as Markdown: the counts, and a table of the nodes with failures first; at most `most_bytes`.
[[nodiscard]] std::string step_summary(const RunSummary& summary, const std::vector<SummaryRow>& rows,
                                       std::size_t most_bytes);

}  // namespace trilock::cli

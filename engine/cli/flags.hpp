// The command line, from one table: commands, their flags, their help. What CLI11 parses, `--help` prints and
// docs/cli.md lists all comes from here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/cli/change_notice.hpp"
#include "schemas/result.hpp"

namespace trilock::cli {

enum class Command : std::uint8_t {
  help,
  run,
  watch,
  why,
  graph,
  query,
  affected,
  list,
  check,
  clean,
  cache,
  init,
  schema,
  completion,
  complete,  // what the scripts of `completion` call; in no table
};

enum class FlagId : std::uint8_t {
  directory,
  file,
  json,
  var,
  var_file,
  jobs,
  keep_going,
  force,
  overwrite,
  dry_run,
  exit_code,
  no_wait,
  format,
  output,
  verbose,
  since,
  displaced,
  shared,
  repair,
  max_size,
  max_age,
  min_age,
  evict_dry_run,
};

struct FlagSpec {
  FlagId id;
  std::string_view names;  // "-j,--jobs"
  std::string_view value;  // "N"; "" for a switch
  std::string_view help;
  std::span<const std::string_view> choices = {};  // the values that it takes, when they can be counted
};

struct CommandSpec {
  Command command;
  std::string_view name;
  std::string_view operands;  // "[LABEL|GLOB]…", "LABEL", "bash|zsh|fish", ""
  std::string_view summary;
  std::span<const FlagId> flags;
};

// The word by which a watcher starts its runs, in place of `run`; in no table.
inline constexpr std::string_view watched_run = "__watched_run";

[[nodiscard]] std::span<const CommandSpec> command_table();
[[nodiscard]] const FlagSpec& flag_spec(FlagId id);

// What the user asked for.
struct Invocation {
  Command command = Command::help;
  std::string help_text;            // for Command::help
  std::vector<std::string> words;   // as they were typed behind the command
  std::vector<std::string> labels;  // or what else the operands are: of `query` the expression
  std::string directory;            // "" for the current one
  std::string file;                 // "" for the nearest trilock.toml
  bool json = false;
  std::vector<std::pair<std::string, std::string>> vars;
  std::vector<std::string> var_files;
  unsigned jobs = 0;  // 0: as many as there are processors
  bool keep_going = false;
  bool force = false;
  bool overwrite = false;
  bool dry_run = false;
  bool exit_code = false;  // of a dry run: the exit code says whether something would run
  bool no_wait = false;
  bool verbose = false;
  std::string format = "dot";
  std::string output;  // "": as it suits where the output goes
  std::string since;
  bool watched = false;    // of `run`: a watcher has started it
  bool displaced = false;  // of `clean`
  // Of `cache`, whose operand stands in `labels`.
  bool shared = false;
  bool repair = false;
  std::optional<std::uint64_t> max_size;  // in bytes
  std::optional<std::int64_t> max_age_ns;
  std::optional<std::int64_t> min_age_ns;
  // Not of the command line: what the front found.
  std::optional<ChangeNotice> changes;
};

// An error of kind `invalid` is a usage error: exit code 2.
[[nodiscard]] Result<Invocation> parse_command_line(int argc, const char* const* argv);
// Of a command line that is wrong: what decides the form in which its user is told.
[[nodiscard]] Invocation presumed_invocation(int argc, const char* const* argv);

}  // namespace trilock::cli

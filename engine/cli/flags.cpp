#include "engine/cli/flags.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>

#include "schemas/amounts.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock::cli {
namespace {

constexpr std::array<std::string_view, 4> output_modes = {"full", "new", "errors", "none"};
constexpr std::array<std::string_view, 4> graph_formats = {"dot", "mermaid", "json", "svg"};

constexpr std::array flags = std::to_array<FlagSpec>({
    {FlagId::directory, "-C,--directory", "DIR", "work in DIR instead of the current directory"},
    {FlagId::file, "-f,--file", "FILE", "read FILE instead of the nearest trilock.toml; its folder is the workspace"},
    {FlagId::json, "--json", "", "print JSON on standard output"},
    {FlagId::var, "--var", "NAME=VALUE", "set a variable of the pipeline; may be repeated"},
    {FlagId::var_file, "--var-file", "FILE", "set variables from a TOML file of NAME = VALUE lines; may be repeated"},
    {FlagId::jobs, "-j,--jobs", "N", "run at most N nodes at a time (default: the number of processors)"},
    {FlagId::keep_going, "-k,--keep-going", "", "after a failure go on with nodes that do not depend on it"},
    {FlagId::force, "--force", "", "run the named nodes even if nothing changed"},
    {FlagId::overwrite, "--overwrite", "", "replace files at outputs that no run made; they go to `displaced/`"},
    {FlagId::dry_run, "-n,--dry-run", "", "say what would run and why, and run nothing"},
    {FlagId::exit_code, "--exit-code", "", "with --dry-run: end with code 1 when something would or may run"},
    {FlagId::no_wait, "--no-wait", "", "fail at once when another run owns the workspace"},
    {FlagId::output, "--output", "MODE", "whose output to print: full, new, errors or none", output_modes},
    {FlagId::format, "--format", "FORMAT", "dot, mermaid, json or svg (default: dot)", graph_formats},
    {FlagId::since, "--since", "REF", "the revision of git to compare with: a commit, a branch, a tag"},
    {FlagId::verbose, "-v,--verbose", "", "print a line for unchanged nodes too"},
    {FlagId::displaced, "--displaced", "", "remove what runs moved out of their way to `displaced/`, and nothing else"},
    {FlagId::shared, "--shared", "", "the directory that `[cache] shared` names, instead of this machine's"},
    {FlagId::repair, "--repair", "", "verify: move what is damaged to its quarantine"},
    {FlagId::max_size, "--max-size", "SIZE", "gc: remove what was used least recently until SIZE is left (20G)"},
    {FlagId::max_age, "--max-age", "AGE", "gc: remove what was not used for AGE (30d)"},
    {FlagId::min_age, "--min-age", "AGE", "gc: keep what was used since AGE ago, whatever the limits (default: 6h)"},
    {FlagId::evict_dry_run, "-n,--dry-run", "", "gc: say what would be removed, and remove nothing"},
});

constexpr std::array run_flags = {FlagId::jobs,      FlagId::keep_going, FlagId::force,   FlagId::overwrite,
                                  FlagId::dry_run,   FlagId::exit_code,  FlagId::no_wait, FlagId::json,
                                  FlagId::output,    FlagId::verbose,    FlagId::var,     FlagId::var_file,
                                  FlagId::directory, FlagId::file};
constexpr std::array watch_flags = {FlagId::jobs,     FlagId::keep_going, FlagId::json,
                                    FlagId::output,   FlagId::verbose,    FlagId::var,
                                    FlagId::var_file, FlagId::directory,  FlagId::file};
constexpr std::array graph_flags = {FlagId::format,   FlagId::json,      FlagId::var,
                                    FlagId::var_file, FlagId::directory, FlagId::file};
constexpr std::array affected_flags = {FlagId::since,    FlagId::json,      FlagId::var,
                                       FlagId::var_file, FlagId::directory, FlagId::file};
constexpr std::array show_flags = {FlagId::json, FlagId::var, FlagId::var_file, FlagId::directory, FlagId::file};
constexpr std::array cache_flags = {FlagId::shared,   FlagId::repair,        FlagId::max_size, FlagId::max_age,
                                    FlagId::min_age,  FlagId::evict_dry_run, FlagId::json,     FlagId::var,
                                    FlagId::var_file, FlagId::directory,     FlagId::file};

constexpr std::array clean_flags = {FlagId::displaced, FlagId::json,      FlagId::var,
                                    FlagId::var_file,  FlagId::directory, FlagId::file};
constexpr std::array init_flags = {FlagId::json, FlagId::directory};
constexpr std::array schema_flags = {FlagId::json};

constexpr std::array commands = std::to_array<CommandSpec>({
    {Command::run, "run", "[LABEL|GLOB]...", "run what has changed; without labels every node", run_flags},
    {Command::watch, "watch", "[LABEL|GLOB]...", "run, and run again whenever files change, until it is ended",
     watch_flags},
    {Command::why, "why", "LABEL", "what the key of a node is made of, and what changed since its last run",
     show_flags},
    {Command::graph, "graph", "[LABEL|GLOB]...", "print the graph", graph_flags},
    {Command::query, "query", "EXPRESSION", "answer a question about the graph: deps(X), rdeps(X), path(A,B)",
     show_flags},
    {Command::affected, "affected", "[LABEL|GLOB]...", "nodes whose inputs differ from a git revision", affected_flags},
    {Command::list, "list", "[LABEL|GLOB]...", "list nodes, rules and descriptions", show_flags},
    {Command::check, "check", "", "load and plan the pipeline, run nothing", show_flags},
    {Command::clean, "clean", "[LABEL|GLOB]...", "remove the outputs that nodes made, never sources", clean_flags},
    {Command::cache, "cache", "stats|verify|gc|path|keygen FILE",
     "say what is in the cache directory, check it, evict from it, print where it is, or make a key that signs",
     cache_flags},
    {Command::init, "init", "", "write a first pipeline from what is in the folder", init_flags},
    {Command::schema, "schema", "", "print the JSON Schema of trilock.toml, for editors", schema_flags},
    {Command::completion, "completion", "bash|zsh|fish", "print the script that completes commands in a shell", {}},
});

const FlagSpec& spec_of(FlagId id) {
  return *std::find_if(flags.begin(), flags.end(), [&](const FlagSpec& f) { return f.id == id; });
}

std::string help_of_all() {
  std::string text =
      "trilock locks a Go team's development environment in three places at once: the container\n"
      "image, the devcontainer, and the Terraform that puts it on a machine.\n\n"
      "usage: trilock COMMAND [OPTION]... [LABEL]...\n\ncommands:\n";
  for (const CommandSpec& command : commands) text += fmt::format("  {:<11} {}\n", command.name, command.summary);
  text += "\n`trilock COMMAND --help` lists the options of a command. `trilock --version` prints the version.\n";
  return text;
}

std::string help_of(const CommandSpec& command) {
  std::string text = fmt::format("usage: trilock {} [OPTION]...{}{}\n\n{}\n\noptions:\n", command.name,
                                 command.operands.empty() ? "" : " ", command.operands, command.summary);
  for (const FlagId id : command.flags) {
    const FlagSpec& flag = spec_of(id);
    std::string names(flag.names);
    if (const std::size_t comma = names.find(','); comma != std::string::npos) names.replace(comma, 1, ", ");
    if (!flag.value.empty()) names += fmt::format(" {}", flag.value);
    text += fmt::format("  {:<24} {}\n", names, flag.help);
  }
  text += fmt::format("  {:<24} {}\n", "-h, --help", "print this help");
  return text;
}

std::unexpected<Error> usage(std::string message, std::string help = {}) {
  return fail(ErrorKind::invalid, std::move(message), std::move(help));
}

// Values that CLI11 fills and that need a second look.
struct Raw {
  std::vector<std::string> vars;
  std::string jobs;
  std::string max_size;
  std::string max_age;
  std::string min_age;
};

void add_flag(CLI::App& app, const FlagSpec& flag, Invocation& to, Raw& raw) {
  const std::string names(flag.names);
  switch (flag.id) {
    case FlagId::directory:
      app.add_option(names, to.directory);
      break;
    case FlagId::file:
      app.add_option(names, to.file);
      break;
    case FlagId::json:
      app.add_flag(names, to.json);
      break;
    case FlagId::var:
      app.add_option(names, raw.vars)->allow_extra_args(false);
      break;
    case FlagId::var_file:
      app.add_option(names, to.var_files)->allow_extra_args(false);
      break;
    case FlagId::jobs:
      app.add_option(names, raw.jobs);
      break;
    case FlagId::keep_going:
      app.add_flag(names, to.keep_going);
      break;
    case FlagId::force:
      app.add_flag(names, to.force);
      break;
    case FlagId::overwrite:
      app.add_flag(names, to.overwrite);
      break;
    case FlagId::displaced:
      app.add_flag(names, to.displaced);
      break;
    case FlagId::dry_run:
    case FlagId::evict_dry_run:
      app.add_flag(names, to.dry_run);
      break;
    case FlagId::exit_code:
      app.add_flag(names, to.exit_code);
      break;
    case FlagId::no_wait:
      app.add_flag(names, to.no_wait);
      break;
    case FlagId::format:
      app.add_option(names, to.format);
      break;
    case FlagId::output:
      app.add_option(names, to.output);
      break;
    case FlagId::since:
      app.add_option(names, to.since);
      break;
    case FlagId::verbose:
      app.add_flag(names, to.verbose);
      break;
    case FlagId::shared:
      app.add_flag(names, to.shared);
      break;
    case FlagId::repair:
      app.add_flag(names, to.repair);
      break;
    case FlagId::max_size:
      app.add_option(names, raw.max_size);
      break;
    case FlagId::max_age:
      app.add_option(names, raw.max_age);
      break;
    case FlagId::min_age:
      app.add_option(names, raw.min_age);
      break;
  }
}

template <class Value>
Status read_amount(std::string_view flag, const std::string& text, std::optional<Value> (*parse)(std::string_view),
                   std::string_view form, std::optional<Value>& to) {
  if (text.empty()) return {};
  to = parse(text);
  if (!to) return usage(fmt::format("`{} {}` makes no sense", flag, text), fmt::format("write {}", form));
  return {};
}

// The operand of `cache`, and whether the flags that were given are meant for it.
Status check_cache(const Raw& raw, Invocation& to) {
  const std::vector<std::string_view> operands = {"stats", "verify", "gc", "path", "keygen"};
  const bool makes_key = !to.labels.empty() && to.labels.front() == "keygen";
  if (makes_key && to.labels.size() != 2) return usage("`trilock cache keygen` takes the name of a file");
  if (!makes_key && to.labels.size() != 1)
    return usage("`trilock cache` takes one of stats, verify, gc, path and keygen");
  const std::string& operand = to.labels.front();
  if (std::find(operands.begin(), operands.end(), operand) == operands.end()) {
    std::string help = did_you_mean(operand, operands);
    return usage(fmt::format("unknown command `cache {}`", operand),
                 help.empty() ? "choose stats, verify, gc, path or keygen" : help);
  }
  if (to.repair && operand != "verify") return usage("`--repair` is for `trilock cache verify`");
  const bool evicts = !raw.max_size.empty() || !raw.max_age.empty() || !raw.min_age.empty() || to.dry_run;
  if (evicts && operand != "gc")
    return usage("`--max-size`, `--max-age`, `--min-age` and `--dry-run` are for `trilock cache gc`");
  Status status = read_amount("--max-size", raw.max_size, parse_size, size_form, to.max_size);
  if (status) status = read_amount("--max-age", raw.max_age, parse_age, age_form, to.max_age_ns);
  if (status) status = read_amount("--min-age", raw.min_age, parse_age, age_form, to.min_age_ns);
  return status;
}

Status check_values(const Raw& raw, Invocation& to) {
  for (const std::string& var : raw.vars) {
    const std::size_t equals = var.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage(fmt::format("`--var {}` has no value", var), "write `--var NAME=VALUE`");
    to.vars.emplace_back(var.substr(0, equals), var.substr(equals + 1));
  }
  if (!raw.jobs.empty()) {
    const auto parsed = std::from_chars(raw.jobs.data(), raw.jobs.data() + raw.jobs.size(), to.jobs);
    if (parsed.ec != std::errc() || parsed.ptr != raw.jobs.data() + raw.jobs.size() || to.jobs == 0 || to.jobs > 4096)
      return usage(fmt::format("`{}` is not a number of jobs", raw.jobs), "give a whole number from 1 to 4096");
  }
  if (!to.output.empty() && std::find(output_modes.begin(), output_modes.end(), to.output) == output_modes.end())
    return usage(fmt::format("unknown output mode `{}`", to.output), "choose full, new, errors or none");
  if (std::find(graph_formats.begin(), graph_formats.end(), to.format) == graph_formats.end())
    return usage(fmt::format("unknown format `{}`", to.format), "choose dot, mermaid, json or svg");
  if (to.command == Command::cache) return check_cache(raw, to);
  if (to.exit_code && !to.dry_run) return usage("`--exit-code` is for `--dry-run`", "add `--dry-run`");
  if (to.command == Command::why && to.labels.size() != 1) return usage("`trilock why` takes one label");
  if (to.command == Command::query && to.labels.size() != 1)
    return usage("`trilock query` takes one expression", "quote it from the shell: `trilock query 'deps(image)'`");
  if (to.command == Command::affected && to.since.empty())
    return usage("`trilock affected` needs a revision to compare with", "name it with `--since REF`: `--since HEAD`");
  constexpr std::array<std::string_view, 3> shells = {"bash", "zsh", "fish"};
  if (to.command == Command::completion &&
      (to.labels.size() != 1 || std::find(shells.begin(), shells.end(), to.labels[0]) == shells.end()))
    return usage("`trilock completion` takes the name of a shell", "choose bash, zsh or fish");
  if (to.displaced && !to.labels.empty())
    return usage("`trilock clean --displaced` takes no labels", "it removes all that was displaced, and no outputs");
  if (to.command == Command::check && !to.labels.empty()) return usage("`trilock check` takes no labels");
  if (to.command == Command::init && !to.labels.empty()) return usage("`trilock init` takes no labels");
  if (to.command == Command::schema && !to.labels.empty()) return usage("`trilock schema` takes no labels");
  return {};
}

// CLI11 speaks of the first word that it does not know in its own way; ours has a suggestion.
Error unknown_flag(const CommandSpec& command, const std::string& word) {
  std::vector<std::string_view> names;
  for (const FlagId id : command.flags) {
    const std::string_view all = spec_of(id).names;
    names.push_back(all.substr(all.find("--")));
  }
  std::string help = did_you_mean(word.substr(0, word.find('=')), names);
  if (help.empty()) help = fmt::format("`trilock {} --help` lists the options", command.name);
  return {ErrorKind::invalid, fmt::format("unknown option `{}`", word), help};
}

Result<Invocation> parse_command(const CommandSpec& command, std::vector<std::string> words) {
  Invocation result;
  result.command = command.command;
  if (std::find_if(words.begin(), words.end(), [](const std::string& w) { return w == "-h" || w == "--help"; }) !=
      words.end())
    return Invocation{.command = Command::help, .help_text = help_of(command)};
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  Raw raw;
  for (const FlagId id : command.flags) add_flag(app, spec_of(id), result, raw);
  result.words = words;
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return usage(error.what(), fmt::format("`trilock {} --help` lists the options", command.name));
  }
  for (const std::string& word : app.remaining()) {
    if (word.size() > 1 && word.starts_with('-') && word != "--") return std::unexpected(unknown_flag(command, word));
    if (word != "--") result.labels.push_back(word);
  }
  if (Status checked = check_values(raw, result); !checked) return std::unexpected(checked.error());
  return result;
}

}  // namespace

std::span<const CommandSpec> command_table() {
  return commands;
}

const FlagSpec& flag_spec(FlagId id) {
  return spec_of(id);
}

Result<Invocation> parse_command_line(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "-h" || words[0] == "--help" || words[0] == "help")
    return Invocation{.command = Command::help, .help_text = help_of_all()};
  if (words[0] == "--version")
    return Invocation{.command = Command::help, .help_text = "trilock " TRILOCK_VERSION "\n"};
  if (words[0] == "__complete")
    return Invocation{.command = Command::complete, .labels = {words.begin() + 1, words.end()}};
  if (words[0] == watched_run) {
    Result<Invocation> run = parse_command(commands.front(), {words.begin() + 1, words.end()});
    if (run) run->watched = true;
    return run;
  }
  std::vector<std::string_view> names;
  for (const CommandSpec& command : commands) {
    if (command.name == words[0]) return parse_command(command, {words.begin() + 1, words.end()});
    names.push_back(command.name);
  }
  std::string help = did_you_mean(words[0], names);
  return usage(fmt::format("unknown command `{}`", words[0]),
               help.empty() ? "`trilock` alone lists the commands" : help);
}

Invocation presumed_invocation(int argc, const char* const* argv) {
  Invocation presumed;
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    if (i == 1 && std::string_view(argv[i]) == "run") presumed.command = Command::run;
    if (i == 1 && std::string_view(argv[i]) == "watch") presumed.command = Command::watch;
    if (std::string_view(argv[i]) == "--json") presumed.json = true;
  }
  return presumed;
}

}  // namespace trilock::cli

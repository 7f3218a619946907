#include "rules/programs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace trilock {
namespace {

constexpr auto standard = std::to_array<std::string_view>(
    {"arch",      "awk",       "b2sum",   "base32",   "base64",  "basename", "basenc",    "bunzip2",   "bzcat",
     "bzip2",     "cat",       "chcon",   "chgrp",    "chmod",   "chown",    "chroot",    "cksum",     "cmp",
     "comm",      "cp",        "csplit",  "cut",      "date",    "dd",       "df",        "diff",      "diff3",
     "dir",       "dircolors", "dirname", "du",       "echo",    "egrep",    "env",       "expand",    "expr",
     "factor",    "false",     "fgrep",   "find",     "flock",   "fmt",      "fold",      "gawk",      "getopt",
     "grep",      "groups",    "gunzip",  "gzip",     "head",    "hostid",   "hostname",  "id",        "install",
     "ionice",    "join",      "kill",    "link",     "ln",      "logname",  "ls",        "mawk",      "md5sum",
     "mkdir",     "mkfifo",    "mknod",   "mktemp",   "mv",      "nawk",     "nice",      "nl",        "nohup",
     "nproc",     "numfmt",    "od",      "paste",    "pathchk", "pgrep",    "pinky",     "pkill",     "pr",
     "printenv",  "printf",    "ps",      "ptx",      "pwd",     "readlink", "realpath",  "rm",        "rmdir",
     "runcon",    "sdiff",     "sed",     "seq",      "setsid",  "sha1sum",  "sha224sum", "sha256sum", "sha384sum",
     "sha512sum", "shred",     "shuf",    "sleep",    "sort",    "split",    "stat",      "stdbuf",    "stty",
     "sum",       "sync",      "tac",     "tail",     "tar",     "tee",      "test",      "time",      "timeout",
     "touch",     "tr",        "true",    "truncate", "tsort",   "tty",      "uname",     "unexpand",  "uniq",
     "unlink",    "unxz",      "uptime",  "users",    "vdir",    "wc",       "which",     "who",       "whoami",
     "xargs",     "xz",        "xzcat",   "yes",      "zcat",    "[",        "sh",        "bash",      "dash",
     "ash",       "ksh",       "mksh",    "zsh"});

Status add_workspace_program(std::string_view written, std::string_view dir, ResolveContext& context, Action& action) {
  Diagnostics findings;
  const std::string path = workspace_path(dir, written, {}, findings);
  if (findings.has_errors())
    return fail(ErrorKind::invalid, findings.all().front().message, findings.all().front().help);
  if (!context.tree().exists(path))
    return fail(ErrorKind::tool_missing, fmt::format("`{}` does not exist", path),
                "a program with a slash in its name is looked for in the workspace, from `dir`");
  return add_file(context.tree(), path, action);
}

bool names_output(const Text& text) {
  if (text.references.empty() || text.references.front().offset != 0) return false;
  const std::string& value = text.references.front().value;
  return value == "out" || value.starts_with("out.");
}

}  // namespace

std::string fill_program(const Text& text, std::string_view dir, ResolveContext& context) {
  std::string program = context.fill(text, dir);
  if (names_output(text) && !program.contains('/')) program.insert(0, "./");
  return program;
}

Status add_program(const std::string& program, std::string_view dir, ResolveContext& context, std::vector<Tool>& tools,
                   Action& action) {
  if (program.starts_with('/')) {
    const Result<ContentDigests> digests = context.tree().strong_digest(program);
    if (!digests) return fail(ErrorKind::tool_missing, digests.error().message, digests.error().help);
    tools.push_back({program, program, digests->strong.hex(), {}});
    return {};
  }
  if (program.contains('/')) return add_workspace_program(program, dir, context, action);
  Result<Tool> tool = context.tool(program);
  if (!tool) return std::unexpected(std::move(tool).error());
  tools.push_back(*std::move(tool));
  return {};
}

bool is_standard_program(std::string_view name) {
  return std::ranges::find(standard, name) != standard.end();
}

}  // namespace trilock

// What a node runs once its references are known, and what came out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/digest.hpp"
#include "schemas/node.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Markers that a rule writes into arguments, environment values, directories and paths of files to write; the engine
// puts the absolute path in their place when it runs the action. The key is taken before that, so it holds no path
// of this machine.
inline constexpr std::string_view workspace_marker = "\x1fworkspace\x1f";  // the workspace, no final slash
inline constexpr std::string_view scratch_marker =
    "\x1fscratch\x1f";  // an empty directory of mode 0700, removed afterwards
// What a path of the form `.trilock/…` begins with on this machine: the workspace's disposable state.
inline constexpr std::string_view state_marker = "\x1fstate\x1f";
// `path` is relative to the workspace; a private output (schemas/node.hpp) lies with the state.
[[nodiscard]] inline std::string with_marker(std::string_view path) {
  const bool is_private = is_private_output(path);
  if (is_private) path.remove_prefix(path.find('/') + 1);
  return std::string(is_private ? state_marker : workspace_marker).append("/").append(path);
}

enum class EnvClass : std::uint8_t {
  base,      // PATH, HOME, TMPDIR, LANG, TERM: every process has them; no part of the key
  declared,  // `env`: name and value are part of the key
  passed,    // `pass-env`, or what a rule names as deciding the result: name and value are part of the key
  ambient,   // what a rule passes on without it deciding the result (DOCKER_HOST); no part of the key
  secret,    // `secret-env`: the name is part of the key, the value is redacted everywhere
};

struct EnvVar {
  std::string name;
  std::string value;
  EnvClass kind = EnvClass::declared;
};

// One process. It is started directly, without a shell, in its own process group, with exactly the action's
// environment and `env` on top.
struct Process {
  std::string name;               // for messages: "terraform plan"
  std::vector<std::string> argv;  // argv[0] is looked up in PATH unless it has a slash (then relative to `dir`)
  std::string dir;                // relative to the workspace, or starting with a marker; "" is the workspace
  std::vector<EnvVar> env;
  std::vector<int> ok_codes = {0};
  bool quiet = false;   // its output is data for `collect`; it is shown only when it fails
  bool review = false;  // Rule::review decides whether the action goes on after it
};

// A file that the engine writes before the processes run: into the scratch directory, or an output. An output that
// has the same content and mode already is left untouched.
struct FileWrite {
  std::string path;  // relative to the workspace, or starting with a marker
  std::string content;
  std::uint32_t mode = 0644;
};

enum class EntryType : std::uint8_t { file, directory, symlink };

// A copy of sources with fixed modification times, laid out in the scratch directory: the context of an image.
struct StagedEntry {
  EntryType type = EntryType::file;
  std::string source;       // relative to the workspace
  std::string destination;  // relative to the scratch directory
  std::uint32_t mode = 0644;
};

// Anything else that decides the result. Names are unique within an action and shown by `trilock why`.
struct Field {
  std::string name;
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};

struct Tool {
  std::string name;      // as the user knows it: "terraform"
  std::string path;      // resolved, absolute; shown, no part of the key
  std::string identity;  // content digest or version output; part of the key
  std::string version;   // as it tells it: "1.22.5"; empty when nobody asked; part of the key
};

struct Action {
  std::string rule;
  std::uint32_t rule_version = 1;  // raised when the same inputs mean another result than before
  std::vector<Process> processes;
  std::vector<FileWrite> writes;
  std::vector<StagedEntry> staged;
  std::vector<std::string> collect;  // files in the scratch directory that `Rule::collect` reads; may be absent
  std::vector<EnvVar> env;           // sorted by name
  std::vector<std::string> inputs;   // relative to the workspace; sorted, unique; files, symlinks, directories
  std::vector<OutputSpec> outputs;
  std::vector<Tool> tools;
  std::vector<Tool> programs;  // that `programs` names, with the interpreters of scripts; by name and identity
  std::vector<Field> fields;
  // Where a process writes which files it read, in the syntax of Makefiles: relative to the workspace, or starting with
  // a marker; "" for none. Its relative paths are seen from the directory of the first process.
  std::string depfile;
  // What its processes make outside the workspace and take away again, in words of the rule's own for Rule::leftovers:
  // a run that is killed leaves it. Holds no secret; no part of the key. Empty for nothing.
  std::vector<Field> leaves;
  CachePolicy cache = CachePolicy::shared;
};

struct ProcessRun {
  int exit_code = 0;  // 128 + signal when it was killed by one
  std::string out;
  std::string err;
  std::uint64_t duration_ms = 0;
};

struct Run {
  std::vector<ProcessRun> processes;         // as many as ran
  std::map<std::string, std::string> files;  // Action::collect: name -> content
};

// One file, directory or symlink below (or at) an output.
struct OutputEntry {
  std::string path;  // relative to the workspace
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;  // permission bits, setuid and setgid stripped
  std::uint64_t size = 0;  // of a file
  StrongDigest blob;       // of a file
  FastDigest content;      // of a file: the same bytes, for comparing on this machine; all zero when not known
  std::string symlink_target;
  friend bool operator==(const OutputEntry&, const OutputEntry&) = default;
};

struct ActionResult {
  FastDigest key;
  std::vector<OutputEntry> outputs;  // sorted by path
  std::vector<Field> values;         // what other nodes may refer to, less `key` and `out`
  std::vector<Field> witness;        // what `Rule::probe` needs to find outputs that live outside the file system
  std::string out;                   // standard output of all processes that are not quiet
  std::string err;
  std::uint64_t duration_ms = 0;
  std::vector<std::string> discovered;  // paths that the depfile named; relative to the workspace, or absolute
  std::vector<Field> explanation;       // the fields of the key: `trilock why` compares against them
};

enum class Outcome : std::uint8_t { unchanged, restored, ran, failed, skipped, cancelled, waiting };
inline constexpr std::size_t outcome_count = 7;
[[nodiscard]] std::string_view to_string(Outcome outcome);

}  // namespace trilock

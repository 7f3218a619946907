// A rule turns targets into nodes and nodes into actions. It has four verbs (plan, resolve, collect, probe), one more
// for actions that must be looked at half-way (review), one for results that can be had again without running (revive),
// one for actions that leave things behind when killed (leftovers), and one for `trilock init` (draft). No rule starts
// a process or writes a file: it says what is to be run, and the engine runs it.
//
// Thread rule: rules have no state; every verb may be called from any thread at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/source_tree.hpp"
#include "schemas/action.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/expansion_budget.hpp"
#include "schemas/key_spec.hpp"
#include "schemas/node.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/result.hpp"

namespace trilock {

// A process that a rule wants to know something from: `go list`, `go env`, `docker version`. The engine answers from
// memory when the question is the same and nothing that the answer depends on has changed, so a question costs no
// process on a run with nothing to do. Equal questions of one run are asked once. An answer with an exit code other
// than 0 is never used by a later run.
struct Question {
  std::vector<std::string> argv;  // argv[0] is an absolute path, or is looked up in PATH
  std::string dir;                // relative to the workspace
  std::vector<EnvVar> env;        // on top of the base environment
  // What the answer depends on besides the question itself and the content of the executable:
  std::vector<std::string> content_of;  // files by content; an absent file counts as absent
  std::vector<std::string> stat_of;     // files by stat: an index file of a store
  std::vector<std::string> listing_of;  // directories by the names and types in them
  std::string also;                     // anything else, in a form that changes when it does
  // More files by content that are only known from the answer; they are checked when the answer is used again.
  std::function<std::vector<std::string>(std::string_view out)> learn = nullptr;
  bool every_run = false;  // the answer holds for one run only

  // How it is asked by commands that run nothing: so that the tool starts no program that the repository names, writes
  // nothing to the workspace and asks no server that the runner has not named. It is the same question, and the answer
  // must be the one that a run gets. Of `env`, what the pipeline declares is left out.
  struct Quiet {
    std::vector<EnvVar> set = {};    // on top of `env`; the scratch marker stands for a directory that is removed
    std::string refused = {};        // why it cannot be asked so, as a clause: "`CC` is set by its `env`"; "" if it can
    bool keeps_environment = false;  // `env` is as it should be
  };
  Quiet quiet = {};
};

struct Answer {
  int exit_code = 0;
  std::string out;
  std::string err;
  bool quiet = false;  // asked in the manner of Question::Quiet
};

// What `plan` may look at.
struct PlanContext {
  const Pipeline& pipeline;
  SourceTree& tree;
  Diagnostics& diagnostics;
  ExpansionBudget* budget = nullptr;  // of what planning makes of references, for all nodes; null: each has its own
  std::string inside_dir = {};        // the `dir` that was last found to be in the workspace
};

// What `resolve`, `probe` and `revive` may ask the engine for.
class ResolveContext {
 public:
  virtual ~ResolveContext() = default;
  [[nodiscard]] virtual SourceTree& tree() = 0;
  // The text with references replaced by the values of the nodes they mean. A path (`out`) is given relative to `dir`.
  [[nodiscard]] virtual std::string fill(const Text& text, std::string_view dir) = 0;
  // A value of a node that this one depends on; null when it has none of that name.
  [[nodiscard]] virtual const std::string* value(std::string_view label, std::string_view name) = 0;
  // Ends in an error only when the process could not be started (a non-zero exit is an answer), and with
  // ErrorKind::not_known when only a run may start it.
  virtual Result<Answer> ask(const Question& question) = 0;
  // All executables of that name in PATH, in its order; absolute paths.
  virtual std::vector<std::string> find_executables(const std::string& name) = 0;
  // The first of them with its content digest as identity; ErrorKind::tool_missing when there is none.
  virtual Result<Tool> tool(const std::string& name) = 0;
  // The environment that trilock was started with.
  [[nodiscard]] virtual std::optional<std::string> environment(const std::string& name) = 0;
  // Declared outputs, relative to the workspace, that are no source of this node: its own, and those of every node
  // that it does not depend on. Whether they exist yet is an accident of order, so no context may hold them.
  [[nodiscard]] virtual std::span<const std::string> foreign_outputs() = 0;
};

// Whether an action goes on after a process that is marked for review.
struct Verdict {
  enum class Kind : std::uint8_t { proceed, wait, fail } kind = Kind::proceed;
  std::string message;  // for wait and fail: why, in full
};

struct Collected {
  std::vector<Field> values;  // sorted by name
  std::vector<Field> witness;
};

// Something that the processes of a killed run left outside the workspace.
struct Leftover {
  std::string what;  // "the lock 1234 on the state of terraform.staging"
  std::string help;  // how to remove it: "`terraform force-unlock 1234` gives it back"
};

// Programs that the processes of a node start by themselves, as far as the pipeline says so.
struct StartedPrograms {
  std::string by;  // for messages: "`script`"
  Place place;
  std::vector<std::string> names;  // as for `programs`; each once
};

struct Folder;  // rules/draft.hpp
struct Draft;

class Rule {
 public:
  virtual ~Rule() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view description() const = 0;   // one sentence for `trilock schema` and docs
  [[nodiscard]] virtual std::span<const KeySpec> keys() const = 0;  // without the common ones
  [[nodiscard]] virtual std::span<const std::string_view> values() const = 0;
  // Keys of which a node has exactly one, for `trilock schema`; `plan` reports what breaks it.
  [[nodiscard]] virtual std::span<const std::string_view> one_of() const { return {}; }

  // What the node starts beyond the programs that its action names, for `check`: those do not count unless declared.
  [[nodiscard]] virtual StartedPrograms started(const Target& target) const;

  // Whether actions read files of the workspace beyond the inputs that nodes declare.
  [[nodiscard]] virtual bool reads_undeclared_files() const { return true; }

  // Whether planning a node looks at targets beyond those that it refers to.
  [[nodiscard]] virtual bool looks_at_all_targets() const { return false; }

  // Completes a node whose common keys have been read (see plan_node). Keys and types of the table have been checked
  // already. Reports what is wrong with the user's files; reads through the tree; runs nothing.
  virtual void plan(const Target& target, PlanContext& context, Node& node) const = 0;

  // Values of the nodes it depends on are known now. The engine adds what is common to all rules afterwards: the
  // inputs that `node.inputs` select, the environment of the node, and what the key holds of other nodes.
  virtual Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const = 0;

  // What the tools wrote, as values. Called when every process ended with an ok code.
  virtual Result<Collected> collect(const Node& node, const Action& action, const Run& run) const;

  // Whether the outputs of `result` that live outside the file system still exist. Called before a result is used
  // instead of running. An error counts as no.
  virtual Result<bool> probe(const Node& node, const Target& target, const ActionResult& result,
                             ResolveContext& context) const;

  // Called when `probe` says no: the processes that bring back what `result` had outside of the file system, out of its
  // outputs, which are on disk when the first of them starts, or from where the action sent it. They have the
  // environment of the node's action, must leave nothing behind when they are killed, and what they write is shown only
  // when they fail. Afterwards `probe` is asked again; whatever goes wrong, the node runs. Empty when there is no way.
  virtual Result<std::vector<Process>> revive(const Node& node, const Target& target, const ActionResult& result,
                                              ResolveContext& context) const;

  // Called after each process with `review` set; `index` is its place in Action::processes.
  virtual Verdict review(const Node& node, const Target& target, const Run& run, std::size_t index) const;

  // What is still there of what an action left when it was killed: `leaves` is its Action::leaves, `at_ms` (since the
  // epoch) when it began. Called at the start of the next run, when its processes are gone; values of other nodes are
  // not known. Removes nothing: the user may have begun to.
  virtual Result<std::vector<Leftover>> leftovers(const Node& node, const Target& target, std::span<const Field> leaves,
                                                  std::int64_t at_ms, ResolveContext& context) const;

  // Adds nodes for what is in the folder, and says what it found and what it could not make use of. Rules are asked in
  // the order of the registry and see what those before them added.
  virtual void draft(const Folder& folder, Draft& draft) const;
};

// Every rule there is, in the order in which help and docs list them. rules/registry.cpp
[[nodiscard]] std::span<const Rule* const> registry();

// What schemas needs to know of each rule, in the order of the registry.
[[nodiscard]] std::vector<RuleKeys> rule_keys();

// Reads the common keys of a target, hands the node to its rule, and sorts what must be sorted.
[[nodiscard]] Node plan_node(const Target& target, std::uint32_t target_index, PlanContext& context);

// Takes the keys out of a table that planning has turned into parts of the node, and that nothing reads again: most of
// what a large pipeline holds in memory. A key that refers to other nodes stays, since what they gave counts by it.
// Call it when every node is planned; planning may look at the tables of other targets.
void release_planned_keys(Target& target);

// --- what several rules need ---

// `path` joined to `dir` and cleaned. Reports `place` and gives "" when it is absolute or leaves the workspace.
std::string workspace_path(std::string_view dir, std::string_view path, Place place, Diagnostics& diagnostics);

// Whether a path of the workspace leads to something in it, through symlinks too; reported at `place` otherwise. For
// what is not read through the tree, which looks by itself.
bool stays_inside(const PlanContext& context, const std::string& path, Place place);

// The path of a file or directory that a node writes, as workspace_path gives it. Reports, and gives "" for, what is no
// place for that: the workspace itself, what is or lies in a `.git` or `.trilock`, and a pattern. `what` begins the
// sentence: "output", "depfile".
std::string output_path(std::string_view what, std::string_view dir, std::string_view path, Place place,
                        Diagnostics& diagnostics);

// `path` as seen from `dir`, both relative to the workspace: ("a/b", "a/c/x") -> "../c/x".
[[nodiscard]] std::string relative_to(std::string_view dir, std::string_view path);

// A pattern that selects this path alone.
[[nodiscard]] std::string quote_pattern(std::string_view path);

// An absolute path as the source tree has it: relative when it lies in the workspace. `.` and `..` are resolved.
[[nodiscard]] std::string tree_path(const SourceTree& tree, std::string_view absolute);

// Makes a file an input of the action, with the files that it leads to when it is a symlink. What lies outside the
// workspace counts by its content, as a field that is named by the way there: "../go.mod".
Status add_file(SourceTree& tree, std::string path, Action& action);

// Adds an edge for every reference in the value, however deep.
// plan_node has done so for all keys of the table.
void add_references(const Config& value, Node& node);
void add_references(const Text& text, Node& node);

// Typed access to a table whose keys were checked. The defaults are for absent keys.
[[nodiscard]] std::string literal_or(const ConfigTable& table, std::string_view key, std::string_view fallback);
[[nodiscard]] bool boolean_or(const ConfigTable& table, std::string_view key, bool fallback);
[[nodiscard]] std::vector<Text> texts_of(const ConfigTable& table, std::string_view key);  // string or array
// A string table in the order of the file; numbers and booleans in their TOML spelling.
[[nodiscard]] std::vector<std::pair<std::string, Text>> text_table_of(const ConfigTable& table, std::string_view key);
[[nodiscard]] Place place_of(const ConfigTable& table, std::string_view key, Place fallback);  // of the value

}  // namespace trilock

// The pipeline as the user wrote it, read, expanded and linked: what schemas hands to the rules.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "schemas/byte_stretch.hpp"
#include "schemas/cache_settings.hpp"
#include "schemas/config.hpp"
#include "schemas/diagnostic.hpp"
#include "schemas/key_spec.hpp"
#include "schemas/label_index.hpp"
#include "schemas/loop.hpp"
#include "schemas/result.hpp"

namespace trilock {

struct Pool {
  std::string name;
  std::uint32_t slots = 1;
  Place place;
};

// One table after matrix expansion, with defaults merged in and every `${var…}`, `${matrix…}`, `${env…}` and
// `${git…}` replaced. Only references to nodes remain in its strings.
struct Target {
  std::string_view rule;  // "image": of the RuleKeys that the pipeline was read with
  std::string label;      // "image.dev[go=1.22,libc=glibc]"
  Coordinates coordinates;
  ConfigTable table;
  Place place;                                                // of the table's header
  std::vector<std::pair<std::string, std::string>> env_read;  // `${env.X}` in it: name and value, for the key

  [[nodiscard]] std::string_view title() const;  // "image.dev": the label without coordinates
  [[nodiscard]] std::string_view name() const;   // "dev"
};

struct Pipeline {
  std::string name;
  std::vector<Target> targets;  // in the order of the files; of one table, in matrix order, last axis fastest
  std::vector<Pool> pools;
  CacheSettings cache;
  // Resolved, in the order of the files; only those that something refers to, a `template` too.
  std::vector<std::pair<std::string, std::string>> vars;
  // Files that variables were read from; paths relative to the workspace.
  struct ReadFile {
    std::string path;
    Place place;  // where it is named
  };
  std::vector<ReadFile> read_files;
  // Of all tables that have `secret-env`, those with errors too: names, and what is known of names that an error has
  // left open, with `*` for the rest.
  std::vector<std::string> secret_names;
  std::vector<std::string> secret_patterns;

  [[nodiscard]] const Target* find(std::string_view label) const;
  // Makes `find` fast; load_pipeline calls it. Without it, or after a change of `targets`, `find` looks at each.
  void build_index();

 private:
  LabelIndex index_;
};

// The outside of the pipeline, as far as reading it needs one. Tests replace it.
class PipelineWorld {
 public:
  virtual ~PipelineWorld() = default;
  // Paths are relative to the workspace, and nothing outside of it is read, whatever they are.
  virtual Result<std::string> read_file(const std::string& path) = 0;
  // These bytes of it, one stretch behind the other. An error when the file ends before one of them does.
  virtual Result<std::string> read_stretches(const std::string& path, std::span<const ByteStretch> stretches);
  virtual Result<std::vector<std::string>> glob(const std::string& pattern) = 0;
  virtual std::optional<std::string> environment(const std::string& name) = 0;
  // `git describe --tags --always --dirty`, the full commit id, the branch's name, or the tag that HEAD is at.
  enum class GitFact : std::uint8_t { describe, commit, branch, tag };
  virtual Result<std::string> git(GitFact fact) = 0;
  // Who runs the turns of what can be done at once.
  [[nodiscard]] virtual Loop loop() { return one_after_another; }
};

// What a rule says of itself to the reader of a pipeline.
struct RuleKeys {
  std::string_view rule;
  std::span<const KeySpec> keys;
  // Values that a reference may name; a trailing `.` means a prefix: "output.".
  std::span<const std::string_view> values;
  std::string_view description = {};              // one sentence, without a full stop
  std::span<const std::string_view> one_of = {};  // keys of which a node has exactly one; the rule checks it
};

// Parts of a file, one behind the other; `parts` say where in `text` each is, and what line of the file it begins
// behind.
struct ChosenText {
  std::string text;
  std::vector<TomlStretch> parts;
};

// Which tables of nodes a pipeline is loaded with, by somebody who knows all of it from before and wants to see some.
class TableChoice {
 public:
  virtual ~TableChoice() = default;
  // What is to be read of a file, read through `world`. Without tables of nodes it must be the whole file.
  [[nodiscard]] virtual Result<ChosenText> read(const std::string& path, PipelineWorld& world) const = 0;
  // Whether references of a table, "rule.name", are linked. Those of others may lead to tables that are not read.
  [[nodiscard]] virtual bool links(std::string_view title) const = 0;
};

struct LoadOptions {
  std::string path = "trilock.toml";                               // relative to the workspace
  std::vector<std::pair<std::string, std::string>> var_overrides;  // --var and --var-file, later wins
  std::vector<std::string> var_files;                              // that these came from, as the source tree has them
  const TableChoice* choice = nullptr;                             // null: all of them
};

// Reads the file and what it includes, resolves variables, merges defaults, expands matrices, interpolates, and
// finds the node that each reference means. Reports every finding at once; the pipeline is usable only when
// `diagnostics` has no errors. Pure but for `world`.
[[nodiscard]] Pipeline load_pipeline(const LoadOptions& options, std::span<const RuleKeys> rules, PipelineWorld& world,
                                     SourceMap& sources, Diagnostics& diagnostics);

// The labels of `pipeline` that a pattern of the command line, of `needs` or of `after` means: a label, a label
// without (some) coordinates, a rule ("image" or "image.*"), or a glob over labels. Empty when none.
[[nodiscard]] std::vector<std::string> match_labels(const Pipeline& pipeline, std::string_view pattern);

}  // namespace trilock

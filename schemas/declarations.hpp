// The top-level tables of a pipeline, gathered from all of its files: what is declared, where, and that it is declared
// once and has known keys. Nothing is interpolated yet.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "schemas/config.hpp"
#include "schemas/findings.hpp"
#include "schemas/include.hpp"
#include "schemas/key_lists.hpp"
#include "schemas/pipeline.hpp"
#include "schemas/vars.hpp"

namespace trilock {

// `[image.dev]` as it was written.
struct TableDeclaration {
  std::uint32_t rule = 0;  // index into the rules
  std::string name;
  Place place;
  ConfigTable table;
};

struct Declarations {
  std::string name;
  std::optional<Config> cache;           // the table [cache]
  std::vector<Pool> pools;               // in the order of the files
  std::vector<ConfigTable> defaults;     // by rule; [defaults] and [defaults.RULE] together
  std::vector<TableDeclaration> tables;  // in the order of the files
};

// Variables go to `variables`.
[[nodiscard]] Declarations gather_declarations(std::vector<PipelineFile> files, std::span<const RuleKeys> rules,
                                               const KeyLists& keys, Variables& variables, Findings& findings);

// What may stand in a file outside of the tables of rules, in the order of docs/pipeline.md.
struct TopLevelKey {
  std::string_view name;
  std::string_view description;  // one sentence, without a full stop
};
[[nodiscard]] std::span<const TopLevelKey> top_level_keys();

// The keys of [pipeline]. Those of [cache] are in schemas/cache_settings.hpp.
[[nodiscard]] std::span<const KeySpec> pipeline_keys();

inline constexpr std::int64_t language_version = 1;

}  // namespace trilock

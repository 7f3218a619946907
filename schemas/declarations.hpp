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

// The keys of [cache], as far as a table may have them.
[[nodiscard]] std::span<const KeySpec> cache_keys();

}  // namespace trilock

// What [defaults] and [defaults.RULE] add to a table.
#pragma once

#include "schemas/config.hpp"
#include "schemas/findings.hpp"

namespace trilock {

// Adds the keys of `defaults` that `table` lacks. A key that is a table in both (`env`, `args`) is merged key by key,
// and the table's own value wins; any other value replaces the default.
void add_defaults(ConfigTable& table, const ConfigTable& defaults);

// Joins default tables of several files. The same key twice is an error, but for tables, which are joined.
void join_defaults(ConfigTable& into, ConfigTable more, Findings& findings);

}  // namespace trilock

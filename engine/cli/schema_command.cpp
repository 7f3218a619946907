// schema: what editors need to complete and check trilock.toml. schemas/pipeline.schema.json is this output, kept.
#include <fmt/format.h>

#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "rules/rule.hpp"
#include "schemas/editor_schema.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

int schema_command(const Invocation&) {
  write_json_out(editor_schema(rule_keys()), 2);
  return exit_done;
}

}  // namespace trilock::cli

// Any bytes as a pipeline, and as a file that it may include, are read within the bounds of
// schemas/expansion_budget.hpp (libFuzzer holds time and memory), give findings that can be shown, or targets whose
// labels can.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "schemas/utf8.hpp"
#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trilock;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = bytes.find('\0');
  FakeWorld world;
  world.files["trilock.toml"] = bytes.substr(0, cut);
  world.files["a.toml"] = cut == bytes.npos ? "" : bytes.substr(cut + 1);
  world.files["VERSION"] = "1.2.3\n";
  world.globs["*.toml"] = {"a.toml", "trilock.toml"};
  world.env["HOME"] = "/home/user\xff\x1b[31m";
  world.facts[PipelineWorld::GitFact::commit] = "0123456789abcdef";
  const Loaded loaded = load(world);
  require(!find_invalid_utf8(loaded.findings));
  require(loaded.findings.find('\x1b') == std::string::npos);
  require(loaded.diagnostics.all().size() <= 2 * most_findings);
  require(loaded.diagnostics.has_errors() || loaded.pipeline.secret_patterns.empty());
  for (const Target& target : loaded.pipeline.targets) {
    require(is_printable(target.label));
    require(loaded.pipeline.find(target.label) != nullptr);
  }
  return 0;
}

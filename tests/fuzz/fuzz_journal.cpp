// Any text is a journal: what is read of it is such as this program writes, and the same again when it is written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/journal_text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trilock;
  const JournalOwner owner{.boot = "b", .user = 1, .workspace = "/w"};
  // Half of the inputs are lines of this user, so that they are read; the others have to say so themselves.
  std::string text = size > 0 && data[0] % 2 == 0 ? journal_line(DeadRun{{std::uint64_t{1} << 62}, 1, 1}, owner) : "";
  text.append("\n").append(reinterpret_cast<const char*>(data), size);
  const JournalRemains remains = read_journal(text, owner);
  std::string again;
  for (const DeadRun& run : remains.runs) {
    require(Brands::is_first(run.brands.first) && run.process > 0 && run.started > 0);
    // No limit that a person sets.
    require(!run.brands.hold(0) && !run.brands.hold(~std::uint64_t{0}) && !run.brands.hold(std::uint64_t{1} << 32));
    again += journal_line(run, owner) + "\n";
  }
  if (again.empty()) again = journal_line(DeadRun{{std::uint64_t{1} << 62}, 1, 0}, owner) + "\n";
  std::uint64_t last = 0;
  for (const JournalEntry& entry : remains.entries) {
    require(entry.number > last && entry.at_ms >= 0 && entry.label.size() <= JournalLimits::label_bytes);
    last = entry.number;
  }
  last = 0;
  for (const JournalAside& aside : remains.asides) {
    require(aside.number > last && aside.label.size() <= JournalLimits::label_bytes);
    last = aside.number;
    for (const AsideOutput& each : aside.outputs) {
      require(is_output_path(each.output) && !each.output.starts_with('/') && !each.output.contains("//"));
      require(("/" + each.output + "/").find("/../") == std::string::npos);
      require(("/" + each.output + "/").find("/.git/") == std::string::npos);
      require(each.kept.empty() || (is_kept_name(each.kept) && !each.kept.contains('/')));
    }
    again += journal_line(aside) + "\n";
  }
  const JournalRemains same = read_journal(again, owner);
  require(same.unknown_lines == 0 && same.runs.size() == remains.runs.size());
  require(same.asides.size() == remains.asides.size());
  for (std::size_t i = 0; i < same.asides.size(); ++i)
    require(same.asides[i].outputs == remains.asides[i].outputs && same.asides[i].label == remains.asides[i].label);
  return 0;
}

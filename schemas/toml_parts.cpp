// Every part but the first begins with a header `[a.b]`, so what a later part adds to a table of an earlier one is a
// table of its own. The parts say the same as the whole when each table `[a]` that several of them have was made by
// headers alone, was opened as `[a]` in the first of them at the latest, and has no `b` twice. Then TOML has no rule
// that would look from one part into another.
#include "schemas/toml_parts.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::string_view blanks = " \t";

class Joiner {
 public:
  Joiner(std::vector<ConfigTable>& parts, const SourceMap& sources) : parts_(parts), sources_(sources) {}

  bool may_join() {
    for (const ConfigTable& part : parts_)
      for (const ConfigEntry& entry : part.entries)
        if (!may_add(entry)) return false;
    return true;
  }

  ConfigTable join() {
    ConfigTable whole;
    for (ConfigTable& part : parts_) {
      for (ConfigEntry& entry : part.entries) {
        Seen& seen = seen_.at(entry.key);
        if (!seen.joined) {
          seen.joined = whole.entries.size();
          whole.entries.push_back(std::move(entry));
          if (!seen.children.empty()) table_of(whole.entries.back())->entries.reserve(seen.children.size());
          continue;
        }
        std::vector<ConfigEntry>& from = table_of(entry)->entries;
        std::vector<ConfigEntry>& to = table_of(whole.entries[*seen.joined])->entries;
        to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
      }
      part = {};
    }
    return whole;
  }

 private:
  struct Seen {
    const ConfigEntry* first = nullptr;
    std::optional<std::size_t> joined;              // where it is in the whole
    std::unordered_set<std::string_view> children;  // of all parts, once there are several
  };

  static ConfigTable* table_of(ConfigEntry& entry) { return std::get_if<ConfigTable>(&entry.value.data); }

  bool may_add(const ConfigEntry& entry) {
    const auto [known, added] = seen_.try_emplace(entry.key);
    Seen& seen = known->second;
    if (added) {
      seen.first = &entry;
      return true;
    }
    if (seen.children.empty() && (!by_header(*seen.first) || !add_children(*seen.first, seen))) return false;
    return by_header(entry) && opened_by_child(entry) && add_children(entry, seen);
  }

  static bool add_children(const ConfigEntry& entry, Seen& seen) {
    return std::ranges::all_of(entry.value.table()->entries, [&](const ConfigEntry& child) {
      return seen.children.insert(std::string_view(child.key)).second;
    });
  }

  // A key outside of tables is the first of its line.
  [[nodiscard]] bool by_header(const ConfigEntry& entry) const {
    const std::string_view line = sources_.line(entry.place.source, entry.place.line);
    const std::size_t begin = line.find_first_not_of(blanks);
    return entry.value.table() != nullptr && begin != line.npos && line[begin] == '[';
  }

  // By `[a.b]`, and by no `[a]`: that would be where the table's place is.
  [[nodiscard]] bool opened_by_child(const ConfigEntry& entry) const {
    const Place& key = entry.place;
    const std::string_view line = sources_.line(key.source, key.line);
    const std::string_view rest = line.substr(code_point_offset(line, key.column - 1 + key.length));
    const std::size_t next = rest.find_first_not_of(blanks);
    return entry.value.place.line == key.line && next != rest.npos && rest[next] == '.';
  }

  std::vector<ConfigTable>& parts_;
  const SourceMap& sources_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace

std::optional<ConfigTable> join_toml_parts(std::vector<ConfigTable> parts, const SourceMap& sources) {
  Joiner joiner(parts, sources);
  if (!joiner.may_join()) return std::nullopt;
  return joiner.join();
}

}  // namespace trilock

#include "engine/journal_text.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "cache/hash.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

std::optional<std::uint64_t> number_of(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::uint64_t>(&value->data)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value->data); number != nullptr && *number >= 0)
    return static_cast<std::uint64_t>(*number);
  return std::nullopt;
}

std::optional<std::string> text_of(const Json* value, std::size_t longest) {
  if (value == nullptr || value->string() == nullptr || value->string()->size() > longest) return std::nullopt;
  return *value->string();
}

constexpr std::uint64_t largest = std::uint64_t{1} << 62;  // of numbers and times

std::string digest_of(std::string_view text) {
  FastHasher hasher;
  hasher.update(text);
  return hasher.digest().hex();
}

std::optional<std::vector<Field>> fields_of(const Json* value) {
  std::vector<Field> fields;
  if (value == nullptr || value->object() == nullptr) return std::nullopt;
  for (const JsonMember& member : value->object()->members) {
    std::optional<std::string> text = text_of(&member.second, JournalLimits::line_bytes);
    if (!text) return std::nullopt;
    fields.push_back({member.first, std::move(*text)});
  }
  return fields;
}

std::optional<std::vector<AsideOutput>> outputs_of(const Json* value) {
  if (value == nullptr || value->array() == nullptr) return std::nullopt;
  std::vector<AsideOutput> outputs;
  for (const Json& each : *value->array()) {
    if (each.array() == nullptr || each.array()->size() != 2) return std::nullopt;
    std::optional<std::string> output = text_of(each.array()->data(), JournalLimits::path_bytes);
    std::optional<std::string> kept = text_of(each.array()->data() + 1, JournalLimits::path_bytes);
    if (!output || !kept || !is_output_path(*output) || !(kept->empty() || is_kept_name(*kept))) return std::nullopt;
    outputs.push_back({std::move(*output), std::move(*kept)});
  }
  return outputs;
}

class Reader {
 public:
  explicit Reader(const JournalOwner& owner) : owner_(owner), workspace_(digest_of(owner.workspace)) {}

  void add(std::string_view line) {
    if (line.empty()) return;
    const bool known = line.size() <= JournalLimits::line_bytes && read(line);
    if (!known) ++remains_.unknown_lines;
  }

  JournalRemains finish() && {
    for (auto& [number, entry] : entries_) remains_.entries.push_back(std::move(entry));
    for (auto& [number, aside] : asides_) remains_.asides.push_back(std::move(aside));
    return std::move(remains_);
  }

 private:
  // False for a line that this program does not write.
  bool read(std::string_view text) {
    const Result<Json> line = parse_json(text);
    if (!line || line->object() == nullptr) return false;
    if (line->at("run") != nullptr) return read_run(*line);
    if (!ours_) return true;  // of another user or workspace; it may be right there
    if (const auto number = number_of(line->at("end"))) {
      entries_.erase(*number);
      asides_.erase(*number);
      return true;
    }
    if (entries_.size() + asides_.size() >= JournalLimits::open_entries) return false;
    std::optional<std::string> label = text_of(line->at("label"), JournalLimits::label_bytes);
    if (!label) return false;
    if (const auto number = number_of(line->at("begin"))) {
      const auto at = number_of(line->at("at"));
      std::optional<std::vector<Field>> leaves = fields_of(line->at("leaves"));
      if (!at || *at > largest || !leaves || !is_next(*number)) return false;
      entries_[*number] = {*number, static_cast<std::int64_t>(*at), std::move(*label), std::move(*leaves)};
      return true;
    }
    const auto number = number_of(line->at("aside"));
    std::optional<std::vector<AsideOutput>> outputs = outputs_of(line->at("outputs"));
    if (!number || !outputs || !is_next(*number)) return false;
    asides_[*number] = {*number, std::move(*label), std::move(*outputs)};
    return true;
  }

  bool read_run(const Json& line) {
    ours_ = false;
    const auto first = number_of(line.at("run"));
    const auto process = number_of(line.at("process"));
    const auto started = number_of(line.at("started"));
    const auto user = number_of(line.at("user"));
    const std::optional<std::string> boot = text_of(line.at("boot"), JournalLimits::path_bytes);
    const std::optional<std::string> workspace = text_of(line.at("workspace"), JournalLimits::path_bytes);
    constexpr std::uint64_t largest_pid = std::uint64_t{1} << 22;
    if (!first || !Brands::is_first(*first) || !process || *process == 0 || *process > largest_pid || !started ||
        !user || !boot || !workspace)
      return false;
    ours_ = *user == owner_.user && *workspace == workspace_;
    const bool same_boot = !boot->empty() && *boot == owner_.boot;
    const bool known = std::any_of(remains_.runs.begin(), remains_.runs.end(),
                                   [&](const DeadRun& run) { return run.brands.first == *first; });
    constexpr std::size_t most_runs =
        1000;  // of runs that were killed one after the other, and could not be cleared up
    if (ours_ && same_boot && *started != 0 && !known && remains_.runs.size() < most_runs)
      remains_.runs.push_back({{*first}, static_cast<pid_t>(*process), *started});
    return true;
  }

  bool is_next(std::uint64_t number) {
    if (number <= last_ || number > largest) return false;
    last_ = number;
    return true;
  }

  const JournalOwner& owner_;
  std::string workspace_;
  JournalRemains remains_;
  bool ours_ = false;  // the lines of the run that is being read
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, JournalEntry> entries_;
  std::map<std::uint64_t, JournalAside> asides_;
};

}  // namespace

bool is_output_path(std::string_view path) {
  if (path.empty() || path.size() > JournalLimits::path_bytes || path.contains('\0')) return false;
  for (std::string_view rest = path;;) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part == ".git") return false;
    if (slash == rest.size()) return true;
    rest.remove_prefix(slash + 1);
  }
}

bool is_kept_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  if (name.size() > longest) return false;
  const auto take_number = [&] {
    const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    name.remove_prefix(digits);
    return digits > 0;
  };
  const auto take = [&](std::string_view text) {
    const bool there = name.starts_with(text);
    if (there) name.remove_prefix(text.size());
    return there;
  };
  return take_number() && take("-") && take_number() && take(".old-") && take_number() && name.empty();
}

JournalRemains read_journal(std::string_view text, const JournalOwner& owner) {
  Reader reader(owner);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reader.add(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::move(reader).finish();
}

std::string journal_line(const DeadRun& run, const JournalOwner& owner) {
  JsonObject line;
  line.set("run", std::uint64_t{run.brands.first});
  line.set("process", std::int64_t{run.process});
  line.set("started", std::uint64_t{run.started});
  line.set("boot", owner.boot);
  line.set("user", std::uint64_t{owner.user});
  line.set("workspace", digest_of(owner.workspace));
  return write_json(Json(std::move(line)));
}

std::string journal_line(const JournalEntry& entry) {
  JsonObject values;
  for (const Field& field : entry.leaves) values.set(field.name, field.value);
  JsonObject line;
  line.set("begin", std::uint64_t{entry.number});
  line.set("at", std::int64_t{entry.at_ms});
  line.set("label", entry.label);
  line.set("leaves", std::move(values));
  return write_json(Json(std::move(line)));
}

std::string journal_line(const JournalAside& aside) {
  JsonArray outputs;
  for (const AsideOutput& each : aside.outputs) outputs.emplace_back(JsonArray{Json(each.output), Json(each.kept)});
  JsonObject line;
  line.set("aside", std::uint64_t{aside.number});
  line.set("label", aside.label);
  line.set("outputs", std::move(outputs));
  return write_json(Json(std::move(line)));
}

std::string journal_end_line(std::uint64_t number) {
  JsonObject line;
  line.set("end", std::uint64_t{number});
  return write_json(Json(std::move(line)));
}

}  // namespace trilock

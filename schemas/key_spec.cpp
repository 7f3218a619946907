#include "schemas/key_spec.hpp"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "schemas/amounts.hpp"

namespace trilock {
namespace {

// Checks the values of one table against the types of its keys. Every finding names the key: a value deep in an array
// does not show it on its line.
class ValueCheck {
 public:
  explicit ValueCheck(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void check(const KeySpec& spec, const Config& value) {
    key_ = spec.name;
    switch (spec.type) {
      case KeyType::string:
        return string(value, "a string");
      case KeyType::literal:
        literal(value, "a string");
        return;
      case KeyType::strings:
        return array(value, "an array of strings", &ValueCheck::any_string);
      case KeyType::literals:
        return array(value, "an array of strings", &ValueCheck::any_literal);
      case KeyType::labels:
        return array(value, "an array of labels", &ValueCheck::any_literal);
      case KeyType::string_or_list:
        if (value.text() == nullptr) array(value, "a string or an array of strings", &ValueCheck::any_string);
        return;
      case KeyType::string_table:
        return table_of(value, "a string, a number or a boolean", &ValueCheck::is_scalar);
      case KeyType::text_table:
        return table_of(value, "a string", &ValueCheck::is_string);
      case KeyType::boolean:
        if (value.type() != ConfigType::boolean) wrong_type("a boolean", value);
        return;
      case KeyType::only_false:
        return only_false(value);
      case KeyType::integer:
        return integer(value);
      case KeyType::duration:
        return duration(value);
      case KeyType::choice:
        return choice(spec, value);
      case KeyType::outputs:
        return outputs(value);
      case KeyType::cache_policy:
        return cache_policy(value);
      case KeyType::byte_size:
        return byte_size(value);
      case KeyType::axes:
      case KeyType::any_table:
        if (value.table() == nullptr) wrong_type("a table", value);
        return;
    }
  }

 private:
  void wrong_type(std::string_view expected, const Config& value, std::string help = {}) {
    diagnostics_.error(value.place, fmt::format("`{}`: expected {}, found {}", key_, expected, describe(value.type())),
                       std::move(help));
  }

  void string(const Config& value, std::string_view expected) {
    if (value.text() == nullptr) wrong_type(expected, value);
  }

  // True when the value is a string that can be used as it stands.
  bool literal(const Config& value, std::string_view expected) {
    const Text* text = value.text();
    if (text == nullptr) {
      wrong_type(expected, value);
      return false;
    }
    for (const Reference& reference : text->references) {
      diagnostics_.error(reference.place, fmt::format("`{}`: a reference to a node cannot be used here", key_));
    }
    return text->is_literal();
  }

  void any_string(const Config& value) { string(value, "a string"); }
  void any_literal(const Config& value) { literal(value, "a string"); }

  void array(const Config& value, std::string_view expected, void (ValueCheck::*element)(const Config&)) {
    const ConfigArray* elements = value.array();
    if (elements == nullptr) return wrong_type(expected, value);
    for (const Config& each : *elements) (this->*element)(each);
  }

  static bool is_string(ConfigType type) { return type == ConfigType::string; }
  static bool is_scalar(ConfigType type) {
    return type == ConfigType::string || type == ConfigType::integer || type == ConfigType::floating ||
           type == ConfigType::boolean;
  }

  void table_of(const Config& value, std::string_view expected, bool (*fits)(ConfigType)) {
    const ConfigTable* table = value.table();
    if (table == nullptr) return wrong_type("a table", value);
    const std::string_view parent = key_;
    for (const ConfigEntry& entry : table->entries) {
      const std::string name = fmt::format("{}.{}", parent, entry.key);
      key_ = name;
      const ConfigType type = entry.value.type();
      const bool number = type == ConfigType::floating || type == ConfigType::integer;
      if (!fits(type)) wrong_type(expected, entry.value, number ? "a number loses digits: write it in quotes" : "");
    }
    key_ = parent;
  }

  void only_false(const Config& value) {
    const bool* wanted = std::get_if<bool>(&value.data);
    if (wanted == nullptr) return wrong_type("`false`", value);
    if (!*wanted) return;
    diagnostics_.error(value.place, fmt::format("`{0} = true`: this version of trilock has no {0}", key_),
                       "remove it: what a node reads is what it declares, but nothing hides the rest from it");
  }

  void integer(const Config& value) {
    const auto* number = std::get_if<std::int64_t>(&value.data);
    if (number == nullptr) return wrong_type("an integer", value);
    if (*number < 0) {
      diagnostics_.error(value.place, fmt::format("`{}`: expected 0 or more, found `{}`", key_, *number));
    }
  }

  void duration(const Config& value) {
    if (!literal(value, "a duration")) return;
    const std::string& text = value.text()->literal;
    if (parse_duration_ms(text)) return;
    diagnostics_.error(value.place, fmt::format("`{}`: expected a duration, found `{}`", key_, text),
                       "a duration is written as `90s`, `10m`, `1h30m` or `250ms`");
  }

  void byte_size(const Config& value) {
    if (!literal(value, "a size")) return;
    const std::string& text = value.text()->literal;
    if (parse_size(text)) return;
    diagnostics_.error(value.place, fmt::format("`{}`: expected a size, found `{}`", key_, text),
                       fmt::format("a size is {}", size_form));
  }

  void choice(const KeySpec& spec, const Config& value) {
    if (!literal(value, "a string")) return;
    const std::string& text = value.text()->literal;
    std::string listed;
    for (const std::string_view allowed : spec.choices) {
      if (allowed == text) return;
      listed += fmt::format("{}`{}`", listed.empty() ? "" : ", ", allowed);
    }
    diagnostics_.error(value.place, fmt::format("`{}`: expected one of {}, found `{}`", key_, listed, text),
                       did_you_mean(text, {spec.choices.begin(), spec.choices.end()}));
  }

  void outputs(const Config& value) {
    const ConfigTable* table = value.table();
    if (table == nullptr) {
      return array(value, "an array of paths or a table of name = path", &ValueCheck::any_literal);
    }
    const std::string_view parent = key_;
    for (const ConfigEntry& entry : table->entries) {
      const std::string name = fmt::format("{}.{}", parent, entry.key);
      key_ = name;
      any_literal(entry.value);
    }
    key_ = parent;
  }

  void cache_policy(const Config& value) {
    if (value.type() == ConfigType::boolean) return;
    if (value.text() == nullptr) return wrong_type("`true`, `\"local\"` or `false`", value);
    if (!literal(value, "a string") || value.text()->literal == "local") return;
    diagnostics_.error(value.place, fmt::format("`{}`: expected `true`, `\"local\"` or `false`, found `\"{}\"`", key_,
                                                value.text()->literal));
  }

  Diagnostics& diagnostics_;
  std::string_view key_;
};

const KeySpec* find_spec(std::string_view key, std::span<const std::span<const KeySpec>> allowed) {
  for (const auto& list : allowed) {
    for (const KeySpec& spec : list) {
      if (spec.name == key) return &spec;
    }
  }
  return nullptr;
}

// The digits of a fraction as units of 10^-9; further digits only say whether something is left.
struct Fraction {
  std::uint64_t billionths = 0;
  bool rest = false;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::uint64_t value = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (value > (most - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

std::optional<Fraction> take_fraction(std::string_view& text) {
  Fraction fraction;
  if (text.empty() || text.front() != '.') return fraction;
  text.remove_prefix(1);
  std::size_t digits = 0;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), ++digits) {
    const auto digit = static_cast<std::uint64_t>(text.front() - '0');
    if (digits < 9) {
      fraction.billionths = fraction.billionths * 10 + digit;
    } else if (digit != 0) {
      fraction.rest = true;
    }
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) fraction.billionths *= 10;
  return fraction;
}

// Milliseconds of the unit that `text` starts with; 0 when there is none.
std::uint64_t take_unit_ms(std::string_view& text) {
  struct Unit {
    std::string_view name;
    std::uint64_t ms;
  };
  static constexpr Unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  for (const Unit& unit : units) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.ms;
  }
  return 0;
}

}  // namespace

void check_keys(const ConfigTable& table, std::string_view title, Place place,
                std::span<const std::span<const KeySpec>> allowed, Diagnostics& diagnostics) {
  ValueCheck values(diagnostics);
  for (const ConfigEntry& entry : table.entries) {
    if (const KeySpec* spec = find_spec(entry.key, allowed)) {
      values.check(*spec, entry.value);
      continue;
    }
    std::vector<std::string_view> names;
    if (diagnostics.error_count() < most_findings) {  // nobody sees what is suggested for more
      for (const auto& list : allowed)
        for (const KeySpec& spec : list) names.push_back(spec.name);
    }
    diagnostics.error(entry.place, fmt::format("unknown key `{}` in [{}]", entry.key, title),
                      did_you_mean(entry.key, names));
  }
  for (const auto& list : allowed) {
    for (const KeySpec& spec : list) {
      if (!spec.required || table.find(spec.name) != nullptr) continue;
      diagnostics.error(place, fmt::format("missing key `{}` in [{}]", spec.name, title));
    }
  }
}

std::span<const KeySpec> common_keys() {
  static constexpr KeySpec keys[] = {
      {"description", KeyType::literal, "What the node is for, as `trilock list` shows it"},
      {"inputs", KeyType::strings, "Globs of the files that the node reads; `!` excludes, later patterns win"},
      {"outputs", KeyType::outputs, "Files and directories that the node writes: a list, or a table of name = path"},
      {"needs", KeyType::labels, "Labels of nodes that must be done before, and whose outputs and values count"},
      {"after", KeyType::labels, "Labels of nodes that must be done before, for the order only"},
      {"env", KeyType::string_table, "Environment variables of its processes; names and values count"},
      {"pass-env", KeyType::literals, "Names of variables that are passed on; their values count"},
      {"secret-env", KeyType::literals,
       "Names of variables that are passed on and redacted; their values do not count"},
      {"programs", KeyType::strings, "Programs that its processes start; what they are counts"},
      {"when", KeyType::string,
       "A condition, `a == \"b\"` or `a != \"b\"`; the node is left out when it does not hold"},
      {"matrix", KeyType::axes, "Axes and their values; one node for each combination"},
      {"pool", KeyType::literal, "The pool of [pools] whose slots the node takes"},
      {"weight", KeyType::integer, "How many slots of the pool and of `--jobs` the node takes", {}, false, "1"},
      {"timeout", KeyType::duration, "How long the node may run before it is stopped and counts as failed"},
      {"retries", KeyType::integer, "How many times a failed node is run again", {}, false, "0"},
      {"cache", KeyType::cache_policy,
       "Where results may be kept: `true` anywhere, `\"local\"` here, `false` nowhere; when absent anywhere, or here "
       "with "
       "`secret-env`"},
      {"sandbox",
       KeyType::only_false,
       "Whether its processes see only the declared inputs; no version can do that yet",
       {},
       false,
       "false"},
      {"dir",
       KeyType::literal,
       "The working directory, relative to the workspace; the other paths of the node are relative to it",
       {},
       false,
       "\".\""},
  };
  return keys;
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  constexpr std::uint64_t billion = 1'000'000'000;
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    const auto whole = take_number(text);
    if (!whole) return std::nullopt;
    const auto fraction = take_fraction(text);
    if (!fraction) return std::nullopt;
    const std::uint64_t unit = take_unit_ms(text);
    if (unit == 0) return std::nullopt;
    // Rounded up: a short duration must not become 0, which often means no limit.
    const std::uint64_t scaled = fraction->billionths * unit;
    const std::uint64_t part = scaled / billion + (scaled % billion != 0 || fraction->rest ? 1 : 0);
    if (*whole > (most - part) / unit) return std::nullopt;
    const std::uint64_t value = *whole * unit + part;
    if (value > most - total) return std::nullopt;
    total += value;
  }
  return total;
}

}  // namespace trilock

#include "schemas/config.hpp"

namespace trilock {

const ConfigEntry* ConfigTable::entry(std::string_view key) const {
  for (const ConfigEntry& candidate : entries) {
    if (candidate.key == key) return &candidate;
  }
  return nullptr;
}

const Config* ConfigTable::find(std::string_view key) const {
  const ConfigEntry* found = entry(key);
  return found != nullptr ? &found->value : nullptr;
}

ConfigType Config::type() const {
  static constexpr ConfigType types[] = {ConfigType::boolean, ConfigType::integer,  ConfigType::floating,
                                         ConfigType::string,  ConfigType::datetime, ConfigType::array,
                                         ConfigType::table};
  static_assert(std::size(types) == std::variant_size_v<decltype(data)>);
  return types[data.index()];
}

std::string_view describe(ConfigType type) {
  switch (type) {
    case ConfigType::boolean:
      return "a boolean";
    case ConfigType::integer:
      return "an integer";
    case ConfigType::floating:
      return "a float";
    case ConfigType::string:
      return "a string";
    case ConfigType::datetime:
      return "a date or time";
    case ConfigType::array:
      return "an array";
    case ConfigType::table:
      return "a table";
  }
  return "";
}

}  // namespace trilock

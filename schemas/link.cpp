// Work that does not depend on coordinates (which table is meant, whether it has the value) is done once per reference
// of a table; only the choice of the node is done for each target.
#include "schemas/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "schemas/exported_values.hpp"
#include "schemas/families.hpp"

namespace trilock {
namespace {

constexpr std::size_t shown_labels = 8;
constexpr std::size_t bytes_per_label = 2 * sizeof(Config);  // as a value, and as an edge

class Linker {
 public:
  Linker(std::span<const ExpandedTable> tables, std::span<const RuleKeys> rules, std::vector<Target>& targets,
         ExpansionBudget& budget, Findings& findings)
      : families_(tables, rules), rules_(rules), targets_(targets), budget_(budget), findings_(findings) {}

  void link(const ExpandedTable& table) {
    for (const Slot& slot : table.slots) {
      for (std::size_t ordinal = 0; ordinal < slot.pattern.nodes.size(); ++ordinal) link_use(table, slot, ordinal);
    }
    link_labels(table, "needs");
    link_labels(table, "after");
  }

 private:
  void link_use(const ExpandedTable& table, const Slot& slot, std::size_t ordinal) {
    const NodeUse& use = slot.pattern.nodes[ordinal];
    const ExpandedTable* family = families_.find(use.target);
    if (family == nullptr) {
      findings_.error(use.place, fmt::format("unknown node `{}`", use.target), families_.suggest(use.target));
      return;
    }
    if (family->size() == 0) return;
    const RuleKeys& rule = rules_[family->rule];
    if (auto fault = check_value(rule, family->title, targets_[family->first].table, use.value)) {
      findings_.error(use.place, std::move(fault->message), std::move(fault->help));
      return;
    }
    if (!check_axes(*family, use)) return;
    for (std::size_t i = 0; i < table.size(); ++i) {
      Target& target = targets_[table.first + i];
      Text& text = std::get<Text>(value_at(target.table, slot.path).data);
      if (!link_reference(*family, target, table.first + i, text.references[ordinal])) return;
    }
  }

  bool check_axes(const ExpandedTable& family, const NodeUse& use) {
    for (const auto& [axis, value] : use.coordinates) {
      if (family.matrix->find_axis(axis)) continue;
      std::vector<std::string_view> names;
      for (const Axis& known : family.matrix->axes()) names.push_back(known.name);
      std::string help = did_you_mean(axis, names);
      if (help.empty()) help = names.empty() ? "it has no matrix" : fmt::format("its axes are {}", quote_list(names));
      findings_.error(use.place, fmt::format("`{}` has no axis `{}`", family.title, axis), std::move(help));
      return false;
    }
    return true;
  }

  // False after a finding: what the other coordinates find at the same reference would say the same.
  bool link_reference(const ExpandedTable& family, const Target& target, std::size_t index, Reference& reference) {
    const Choices choices = choose(*family.matrix, reference.coordinates, target.coordinates, WantedValues::literal);
    const std::size_t left = count(choices);
    if (left == 1) {
      std::size_t found = 0;
      for_each_node(*family.matrix, choices, [&](std::size_t node) {
        found = family.first + node;
        return false;
      });
      if (found == index) {
        findings_.error(reference.place, fmt::format("`{}` refers to itself", target.label));
        return false;
      }
      reference.label = targets_[found].label;
      return true;
    }
    const std::string wanted = make_label(reference.target, reference.coordinates);
    if (left == 0) {
      report_no_node(family, wanted, choices, target.coordinates, reference.place);
    } else {
      findings_.error(reference.place, fmt::format("`{}` could be any of {} nodes", wanted, left),
                      fmt::format("choose one of {}", labels_of(family, choices)));
    }
    return false;
  }

  void report_no_node(const ExpandedTable& family, const std::string& wanted, Choices choices, const Coordinates& own,
                      Place place) {
    std::string message = fmt::format("there is no node `{}`", wanted);
    for (std::size_t i = 0; i < choices.size(); ++i) {
      if (!choices[i].empty()) continue;
      const Axis& axis = family.matrix->axes()[i];
      const auto common = std::ranges::find(own, axis.name, &Coordinate::axis);
      // A value that the user did not write comes from the coordinates of the referring node.
      if (!wanted.contains(axis.name + "=") && common != own.end()) {
        message = fmt::format("`{}` has no node with `{}={}`", family.title, axis.name, common->value);
      }
      choices[i].resize(axis.values.size());
      for (std::uint32_t value = 0; value < axis.values.size(); ++value) choices[i][value] = value;
    }
    findings_.error(place, std::move(message), fmt::format("choose one of {}", labels_of(family, choices)));
  }

  std::string labels_of(const ExpandedTable& family, const Choices& choices) const {
    const std::size_t total = count(choices);
    const std::size_t shown = total <= shown_labels + 1 ? total : shown_labels;
    std::vector<std::string> labels;
    for_each_node(*family.matrix, choices, [&](std::size_t node) {
      labels.push_back(targets_[family.first + node].label);
      return labels.size() < shown;
    });
    std::string list = quote_list(labels, labels.size());
    if (shown < total) list += fmt::format(" and {} more", total - shown);
    return list;
  }

  void link_labels(const ExpandedTable& table, std::string_view key) {
    if (table.size() == 0 || targets_[table.first].table.find(key) == nullptr) return;
    for (std::size_t i = 0; i < table.size(); ++i) {
      Target& target = targets_[table.first + i];
      const auto entry = std::ranges::find(target.table.entries, key, &ConfigEntry::key);
      ConfigArray* patterns = std::get_if<ConfigArray>(&entry->value.data);
      if (patterns == nullptr) return;
      ConfigArray labels;
      for (const Config& pattern : *patterns) {
        const Text* text = pattern.text();
        // What was reported for one target of the table is not looked at again for the others.
        if (text == nullptr || !text->is_literal() || findings_.is_faulty(pattern.place)) continue;
        add_labels(text->literal, pattern.place, key, target, table.first + i, labels);
      }
      *patterns = std::move(labels);
    }
  }

  void add_labels(const std::string& text, Place place, std::string_view key, const Target& target, std::size_t index,
                  ConfigArray& labels) {
    const LabelPattern pattern(text);
    std::size_t found = 0;
    bool itself = false;
    bool broken = false;
    const auto add = [&](std::size_t node) {
      ++found;
      itself = itself || node == index;
      if (node == index) return true;
      const std::string& label = targets_[node].label;
      broken = broken || !budget_.spend(bytes_per_label + label.size(), place, findings_);
      if (!broken) labels.push_back(Config{Text{label, {}}, place});
      return !broken;
    };
    const std::vector<const ExpandedTable*>& families = families_.matching(pattern.head());
    for (const ExpandedTable* family : families) {
      broken = broken || family->size() == 0;
      if (family->size() == 0 || !names_axes_of(pattern, *family)) continue;
      const Choices choices =
          choose(*family->matrix, pattern.coordinates(), target.coordinates, WantedValues::patterns);
      for_each_node(*family->matrix, choices, [&](std::size_t node) { return add(family->first + node); });
    }
    for (const std::size_t node : whole_matches(text, pattern, place)) add(node);
    if (broken) return;
    if (itself && pattern.names_one_table()) {
      findings_.error(place, fmt::format("`{}` {} itself", target.label, key == "needs" ? "needs" : "comes after"));
    } else if (found == 0) {
      report_no_match(text, pattern, place, target);
    }
  }

  static bool names_axes_of(const LabelPattern& pattern, const ExpandedTable& family) {
    return std::ranges::all_of(pattern.coordinates(), [&](const Coordinate& coordinate) {
      return family.matrix->find_axis(coordinate.axis).has_value();
    });
  }

  // What a pattern with wildcards matches in tables whose name it does not match.
  const std::vector<std::size_t>& whole_matches(const std::string& text, const LabelPattern& pattern, Place place) {
    const auto [known, added] = whole_matches_.try_emplace(text);
    if (!added || !has_wildcard(text) || !budget_.spend(targets_.size(), place, findings_)) return known->second;
    for (const ExpandedTable& table : families_.all()) {
      if (pattern.matches_head(rules_[table.rule].rule, table.title)) continue;
      for (std::size_t node = table.first; node < table.first + table.size(); ++node) {
        if (pattern.matches_whole(targets_[node].label)) known->second.push_back(node);
      }
    }
    return known->second;
  }

  void report_no_match(const std::string& text, const LabelPattern& pattern, Place place, const Target& target) {
    const ExpandedTable* family = pattern.names_one_table() ? families_.find(pattern.head()) : nullptr;
    if (family != nullptr) {
      Choices choices = choose(*family->matrix, {}, {}, WantedValues::literal);
      if (pattern.coordinates().empty()) {
        report_no_node(*family, text, choose(*family->matrix, {}, target.coordinates, WantedValues::literal),
                       target.coordinates, place);
        return;
      }
      findings_.error(place, fmt::format("there is no node `{}`", text),
                      fmt::format("choose one of {}", labels_of(*family, choices)));
    } else {
      findings_.error(
          place,
          has_wildcard(text) ? fmt::format("no node matches `{}`", text) : fmt::format("unknown node `{}`", text),
          families_.suggest(pattern.head()));
    }
  }

  Families families_;
  std::span<const RuleKeys> rules_;
  std::vector<Target>& targets_;
  ExpansionBudget& budget_;
  Findings& findings_;
  std::unordered_map<std::string, std::vector<std::size_t>> whole_matches_;
};

}  // namespace

void link_targets(std::span<const ExpandedTable> tables, std::span<const RuleKeys> rules, const TableChoice* choice,
                  std::vector<Target>& targets, ExpansionBudget& budget, Findings& findings) {
  Linker linker(tables, rules, targets, budget, findings);
  for (const ExpandedTable& table : tables)
    if (choice == nullptr || choice->links(table.title)) linker.link(table);
}

}  // namespace trilock

#include "rules/devcontainer/template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "schemas/exported_values.hpp"
#include "schemas/interpolate.hpp"
#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::string_view as_variable = "give it to a variable in [vars], and write `${var.NAME}` here";

class TemplateNames : public Names {
 public:
  TemplateNames(const Pipeline& pipeline, ExpansionBudget& budget, Findings& findings)
      : pipeline_(pipeline), budget_(budget), findings_(findings) {}

  std::optional<std::string> variable(std::string_view name, Place place) override {
    if (by_name_.empty())
      for (const auto& [variable, value] : pipeline_.vars) by_name_.emplace(variable, &value);
    if (const auto found = by_name_.find(name); found != by_name_.end()) return *found->second;
    std::vector<std::string_view> known;
    if (findings_.may_suggest())
      for (const auto& [variable, value] : pipeline_.vars) known.push_back(variable);
    findings_.error(place, fmt::format("unknown variable `{}`", name), did_you_mean(name, known));
    return std::nullopt;
  }

  // A template is read while nodes are planned, and planning sees files alone.
  std::optional<std::string> environment(std::string_view name, Place place) override {
    findings_.error(place, fmt::format("`${{env.{}}}` cannot stand in a template", name),
                    fmt::format("{}; `${{localEnv:{}}}` is read by the editor", as_variable, name));
    return std::nullopt;
  }
  std::optional<std::string> git(std::string_view fact, Place place) override {
    findings_.error(place, fmt::format("`${{git.{}}}` cannot stand in a template", fact), std::string(as_variable));
    return std::nullopt;
  }
  ExpansionBudget& budget() override { return budget_; }

 private:
  const Pipeline& pipeline_;
  ExpansionBudget& budget_;
  Findings& findings_;
  std::unordered_map<std::string_view, const std::string*> by_name_;
};

// The axes of a node that exists have one value each.
Config matrix_of(const Coordinates& coordinates) {
  ConfigTable axes;
  for (const Coordinate& coordinate : coordinates) {
    Config value{Text{coordinate.value, {}}, {}};
    axes.entries.push_back({coordinate.axis, {}, Config{ConfigArray{std::move(value)}, {}}});
  }
  return {std::move(axes), {}};
}

// The byte offset at which a string ends at `end`, its closing quote included, begins: at the nearest quote to the
// left that is not escaped.
std::size_t string_begin(std::string_view text, std::size_t end) {
  for (std::size_t at = end < 2 ? 0 : end - 1; at-- > 0;) {
    if (text[at] != '"') continue;
    std::size_t backslashes = 0;
    while (backslashes < at && text[at - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at;
  }
  return 0;
}

class TemplateReader {
 public:
  TemplateReader(const std::string& path, std::string text, const Target& target, PlanContext& context)
      : path_(path),
        text_(std::move(text)),
        target_(target),
        context_(context),
        findings_(found_),
        names_(context.pipeline, context.budget == nullptr ? own_budget_ : *context.budget, findings_),
        rules_(rule_keys()),
        source_(sources_.add(path, text_)) {
    if (target.coordinates.empty()) return;
    matrix_ =
        Matrix::read(matrix_of(target.coordinates), std::string(target.rule), rules_, names_, sources_, findings_);
  }

  Document read(const Json& value) {
    if (const auto* string = value.string()) return document_of(text_of(*string, value.offset));
    if (const auto* array = value.array()) {
      DocumentArray items;
      for (const Json& item : *array) items.items.push_back(read(item));
      return {std::move(items)};
    }
    if (const auto* object = value.object()) {
      DocumentObject members;
      for (const auto& [key, member] : object->members) members.members.push_back({key, read(member)});
      return {std::move(members)};
    }
    return {DocumentScalar{write_json(value)}};
  }

  void report(Place place) const {
    for (const Diagnostic& finding : found_.all()) {
      const auto message =
          fmt::format("`{}:{}:{}`: {}", path_, finding.place.line, finding.place.column, finding.message);
      context_.diagnostics.error(place, message, finding.help);
    }
  }

 private:
  Text text_of(const std::string& string, std::size_t end) {
    if (string.find("${") == std::string::npos) return {string, {}};
    const Config value{Text{string, {}}, place_of_string(end)};
    const Scope scope{names_, rules_, target_.label, matrix_ ? &*matrix_ : nullptr, {}, ForeignReference::keep};
    std::vector<std::string_view> axis_values;
    for (const Coordinate& coordinate : target_.coordinates) axis_values.push_back(coordinate.value);
    Text text = instantiate(interpolate(value, scope, sources_, findings_), axis_values);
    for (Reference& reference : text.references) link(reference);
    return text;
  }

  [[nodiscard]] Place place_of_string(std::size_t end) const {
    const auto begin = string_begin(text_, std::min(end, text_.size()));
    const auto before = std::string_view(text_).substr(0, begin);
    const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto count = [](std::string_view part) { return static_cast<std::uint32_t>(count_code_points(part)); };
    return {source_, static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1),
            count(before.substr(line_start)) + 1, count(std::string_view(text_).substr(begin, end - begin))};
  }

  // The one node that is meant: with the coordinates as written, and this node's own on common axes.
  void link(Reference& reference) {
    const auto written = make_label(reference.target, reference.coordinates);
    std::vector<const Target*> matching;
    bool exists = false;
    if (by_title_.empty())
      for (const Target& candidate : context_.pipeline.targets) by_title_[candidate.title()].push_back(&candidate);
    if (const auto family = by_title_.find(reference.target); family != by_title_.end()) {
      exists = true;
      for (const Target* candidate : family->second)
        if (fits(candidate->coordinates, reference.coordinates)) matching.push_back(candidate);
    }
    std::vector<std::string> labels;
    for (const Target* candidate : matching) labels.push_back(candidate->label);
    std::erase_if(matching, [&](const Target* candidate) { return !agrees(*candidate, reference.coordinates); });
    if (matching.size() == 1) {
      reference.label = matching.front()->label;
      check(reference, *matching.front());
    } else if (!exists) {
      std::vector<std::string> known;
      if (findings_.may_suggest())
        for (const Target& candidate : context_.pipeline.targets) known.push_back(candidate.label);
      const std::vector<std::string_view> views(known.begin(), known.end());
      findings_.error(reference.place, fmt::format("unknown node `{}`", written), did_you_mean(written, views));
    } else if (labels.empty()) {
      findings_.error(reference.place, fmt::format("no node `{}`", written));
    } else {
      findings_.error(reference.place, fmt::format("`{}` means several nodes", written),
                      fmt::format("name one of them: {}", quote_list(labels)));
    }
  }

  void check(const Reference& reference, const Target& meant) {
    const auto rule =
        std::find_if(rules_.begin(), rules_.end(), [&](const RuleKeys& r) { return r.rule == meant.rule; });
    if (rule == rules_.end()) return;
    if (const auto fault = check_value(*rule, reference.target, meant.table, reference.value)) {
      findings_.error(reference.place, fault->message, fault->help);
    }
  }

  static const std::string* on_axis(const Coordinates& coordinates, std::string_view axis) {
    const auto found = std::find_if(coordinates.begin(), coordinates.end(),
                                    [&](const Coordinate& coordinate) { return coordinate.axis == axis; });
    return found == coordinates.end() ? nullptr : &found->value;
  }

  static bool fits(const Coordinates& candidate, const Coordinates& written) {
    return std::all_of(written.begin(), written.end(), [&](const Coordinate& coordinate) {
      const auto* value = on_axis(candidate, coordinate.axis);
      return value != nullptr && *value == coordinate.value;
    });
  }

  [[nodiscard]] bool agrees(const Target& candidate, const Coordinates& written) const {
    return std::all_of(target_.coordinates.begin(), target_.coordinates.end(), [&](const Coordinate& own) {
      const auto* value = on_axis(candidate.coordinates, own.axis);
      return value == nullptr || *value == own.value || on_axis(written, own.axis) != nullptr;
    });
  }

  const std::string& path_;
  const std::string text_;
  const Target& target_;
  PlanContext& context_;
  SourceMap sources_;
  Diagnostics found_;
  Findings findings_;
  ExpansionBudget own_budget_;  // where nobody gives one
  TemplateNames names_;
  const std::vector<RuleKeys> rules_;
  SourceId source_;
  std::optional<Matrix> matrix_;
  std::unordered_map<std::string_view, std::vector<const Target*>> by_title_;
};

// "line 3, column 7: what" -> "3:7", "what"
std::pair<std::string, std::string> split_place(const std::string& message) {
  const std::string_view prefix = "line ";
  const auto middle = message.find(", column ");
  const auto end = message.find(": ");
  if (!message.starts_with(prefix) || middle == std::string::npos || end == std::string::npos) return {"1:1", message};
  return {message.substr(prefix.size(), middle - prefix.size()) + ":" + message.substr(middle + 9, end - middle - 9),
          message.substr(end + 2)};
}

}  // namespace

std::optional<Document> read_template(const std::string& path, Place place, const Target& target,
                                      PlanContext& context) {
  auto text = context.tree.read(path);
  if (!text) {
    if (text.error().kind == ErrorKind::not_found) {
      context.diagnostics.error(place, fmt::format("template `{}` does not exist", path));
    } else {
      context.diagnostics.error(place, text.error().message, text.error().help);
    }
    return std::nullopt;
  }
  const auto json = parse_json(*text, JsonDialect::with_comments);
  if (!json) {
    const auto [where, what] = split_place(json.error().message);
    context.diagnostics.error(place, fmt::format("`{}:{}`: {}", path, where, what),
                              "a template is JSON; comments and trailing commas may stand in it");
    return std::nullopt;
  }
  if (json->object() == nullptr) {
    context.diagnostics.error(place, fmt::format("`{}:1:1`: expected an object", path));
    return std::nullopt;
  }
  TemplateReader reader(path, std::move(*text), target, context);
  Document document = reader.read(*json);
  reader.report(place);
  return document;
}

}  // namespace trilock

// One pass from left to right. `$${` is looked for before `${`, so `$$${x}` is a dollar sign and a literal `${x}`, as
// in Terraform. A reference ends at its `}`; only coordinates may hold further references: `[go=${var.go}]`.
#include "schemas/interpolate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schemas/reference.hpp"

namespace trilock {
namespace {

constexpr std::string_view spaces[] = {"var", "matrix", "env", "git"};
constexpr std::string_view dollar_help = "`$${` gives a literal `${`";

class Interpolator {
 public:
  Interpolator(const Config& value, const Scope& scope, const SourceMap& sources, Findings& findings)
      : content_(value.text()->literal),
        place_(value.place),
        scope_(scope),
        places_(sources, value.place, content_),
        findings_(findings) {}

  Template run() {
    scan(0, content_.size(), result_.pieces, false);
    if (!full_ && !scope_.names.budget().spend(size_, place_, findings_)) result_.faulty = true;
    if (result_.faulty) findings_.mark_faulty(place_);
    return std::move(result_);
  }

 private:
  void scan(std::size_t begin, std::size_t end, std::vector<Piece>& pieces, bool nested) {
    std::string literal;
    const auto close_literal = [&] {
      if (!literal.empty()) pieces.push_back({Piece::Kind::literal, std::move(literal), 0});
      literal.clear();
    };
    const std::string_view text = content_.substr(0, end);
    std::size_t at = begin;
    while (at < end && !full_) {
      const std::size_t dollar = std::min(text.find('$', at), end);
      literal += text.substr(at, dollar - at);
      at = dollar;
      if (at == end) break;
      if (text.substr(at).starts_with("$${")) {
        literal += "${";
        at += 3;
      } else if (text.substr(at).starts_with("${")) {
        const std::size_t close = reference_end(text, at);
        if (close == text.npos) {
          if (scope_.foreign == ForeignReference::keep) {
            literal += text.substr(at);
          } else {
            fault(span(at, 2), "a `${` is never closed", std::string(dollar_help));
          }
          break;
        }
        const std::size_t before = pieces.size();
        std::string replaced;
        close_literal();
        reference(at, close + 1, pieces, replaced, nested);
        // Keeps neighbours in one piece: constant strings then have a single one.
        if (pieces.size() == before || pieces.back().kind == Piece::Kind::literal) {
          if (!pieces.empty() && pieces.back().kind == Piece::Kind::literal) {
            literal = std::move(pieces.back().literal);
            pieces.pop_back();
          }
          literal += replaced;
        }
        at = close + 1;
      } else {
        literal += '$';
        ++at;
      }
    }
    close_literal();
  }

  // Of `${…}` in [begin, end): what it stands for goes to `replaced`, or a piece is added.
  void reference(std::size_t begin, std::size_t end, std::vector<Piece>& pieces, std::string& replaced, bool nested) {
    const std::string_view whole = content_.substr(begin, end - begin);
    const std::string_view inner = whole.substr(2, whole.size() - 3);
    const std::string_view head = inner.substr(0, inner.find_first_of(".["));
    const bool own_space = std::ranges::find(spaces, head) != std::end(spaces);
    const RuleKeys* rule = find_rule(head);
    const bool dotted = inner.find('.') != inner.npos;
    if (scope_.foreign == ForeignReference::keep && (!dotted || (!own_space && !rule && inner.contains(':')))) {
      replaced = whole;
    } else if (inner.empty()) {
      fault(span(begin, whole.size()), "empty reference `${}`", std::string(dollar_help));
    } else if (own_space) {
      plain(head, inner.substr(head.size()), begin, whole, pieces, replaced);
    } else if (rule == nullptr) {
      unknown(head, begin, whole);
    } else if (nested || !scope_.no_nodes_in.empty()) {
      const std::string_view where = nested ? "a coordinate" : scope_.no_nodes_in;
      fault(span(begin, whole.size()), fmt::format("`{}` refers to a node, which {} cannot", whole, where));
    } else {
      node(*rule, begin, whole, pieces);
    }
  }

  void plain(std::string_view space, std::string_view rest, std::size_t begin, std::string_view whole,
             std::vector<Piece>& pieces, std::string& replaced) {
    const Place place = span(begin, whole.size());
    if (rest.size() < 2 || rest.front() != '.') {
      fault(place, fmt::format("`{}` names nothing in `{}`", whole, space),
            fmt::format("write `${{{}.NAME}}`, or `$${{` for a literal `${{`", space));
      return;
    }
    const std::string_view name = rest.substr(1);
    if (scope_.names.budget().is_spent()) {
      full_ = result_.faulty = true;
      return;
    }
    if (space == "matrix") {
      axis(name, place, pieces);
      return;
    }
    std::optional<std::string> value = space == "var"   ? scope_.names.variable(name, place)
                                       : space == "env" ? scope_.names.environment(name, place)
                                                        : scope_.names.git(name, place);
    if (value && fits(value->size(), place)) {
      replaced = std::move(*value);
    } else {
      result_.faulty = true;
    }
  }

  // Counts what references are replaced by.
  bool fits(std::size_t bytes, Place place) {
    size_ += bytes;
    if (size_ <= max_expanded_string) return true;
    full_ = true;
    fault(place, fmt::format("the text becomes longer than {} MiB here", max_expanded_string >> 20));
    return false;
  }

  void axis(std::string_view name, Place place, std::vector<Piece>& pieces) {
    const bool has_axes = scope_.matrix != nullptr && !scope_.matrix->axes().empty();
    if (has_axes) {
      if (const auto index = scope_.matrix->find_axis(name)) {
        pieces.push_back({Piece::Kind::axis, {}, *index});
        return;
      }
    }
    std::string help = fmt::format("[{}] has no matrix", scope_.title);
    if (has_axes) {
      std::vector<std::string_view> names;
      for (const Axis& axis : scope_.matrix->axes()) names.push_back(axis.name);
      help = did_you_mean(name, names);
      if (help.empty()) help = fmt::format("the matrix of [{}] has {}", scope_.title, quote_list(names));
    } else if (!scope_.no_nodes_in.empty()) {
      help = fmt::format("{} cannot depend on a matrix", scope_.no_nodes_in);
    }
    fault(place, fmt::format("unknown matrix axis `{}`", name), std::move(help));
  }

  void unknown(std::string_view head, std::size_t begin, std::string_view whole) {
    std::vector<std::string_view> known(std::begin(spaces), std::end(spaces));
    for (const RuleKeys& rule : scope_.rules) known.push_back(rule.rule);
    const std::string meant = did_you_mean(head, known);
    const bool simple = whole.find("${", 2) == whole.npos;
    fault(span(begin, whole.size()), fmt::format("unknown reference `{}`", whole),
          !meant.empty() ? fmt::format("{} {}", meant, dollar_help)
          : simple       ? fmt::format("`${}` gives a literal `{}`", whole, whole)
                         : std::string(dollar_help));
  }

  void node(const RuleKeys& rule, std::size_t begin, std::string_view whole, std::vector<Piece>& pieces) {
    const Place place = span(begin, whole.size());
    const auto parsed = parse_node_reference(whole.substr(2, whole.size() - 3));
    if (!parsed) {
      std::string help = parsed.error().value_missing
                             ? fmt::format("`{}` nodes have {}", rule.rule, quote_list(value_names(rule), 20))
                             : "a reference to a node is written `${image.dev[go=1.22].digest}`";
      fault(place, fmt::format("{} in `{}`", parsed.error().message, whole), std::move(help));
      return;
    }
    NodeUse use{std::string(parsed->target), {}, std::string(parsed->value), place};
    const bool faulty_before = std::exchange(result_.faulty, false);
    for (const auto& [name, value] : parsed->coordinates) {
      const std::size_t from = static_cast<std::size_t>(value.data() - content_.data());
      std::vector<Piece> coordinate;
      scan(from, from + value.size(), coordinate, true);
      use.coordinates.emplace_back(name, std::move(coordinate));
    }
    const bool usable = !result_.faulty;
    result_.faulty = result_.faulty || faulty_before;
    if (!usable) return;
    pieces.push_back({Piece::Kind::node, {}, result_.nodes.size()});
    result_.nodes.push_back(std::move(use));
  }

  void fault(Place place, std::string message, std::string help = {}) {
    findings_.error(place, std::move(message), std::move(help));
    result_.faulty = true;
  }

  const RuleKeys* find_rule(std::string_view name) const {
    const auto found = std::ranges::find(scope_.rules, name, &RuleKeys::rule);
    return found == scope_.rules.end() ? nullptr : &*found;
  }

  Place span(std::size_t offset, std::size_t length) { return places_.span(offset, length); }

  std::string_view content_;
  Place place_;
  const Scope& scope_;
  PlacesWithin places_;
  Findings& findings_;
  Template result_;
  std::size_t size_ = 0;  // of what references were replaced by
  bool full_ = false;     // no more is read
};

void append(const std::vector<Piece>& pieces, std::span<const std::string_view> axis_values, std::string& out) {
  for (const Piece& piece : pieces) {
    if (piece.kind == Piece::Kind::literal) out += piece.literal;
    if (piece.kind == Piece::Kind::axis) out += axis_values[piece.index];
  }
}

}  // namespace

bool Template::has_axis() const {
  const auto is_axis = [](const Piece& piece) { return piece.kind == Piece::Kind::axis; };
  return std::ranges::any_of(pieces, is_axis) || std::ranges::any_of(nodes, [&](const NodeUse& use) {
           return std::ranges::any_of(use.coordinates,
                                      [&](const auto& pair) { return std::ranges::any_of(pair.second, is_axis); });
         });
}

bool Template::is_literal() const {
  return pieces.empty() || (pieces.size() == 1 && pieces.front().kind == Piece::Kind::literal);
}

Template interpolate(const Config& value, const Scope& scope, const SourceMap& sources, Findings& findings) {
  return Interpolator(value, scope, sources, findings).run();
}

Text instantiate(const Template& pattern, std::span<const std::string_view> axis_values) {
  Text text;
  for (const Piece& piece : pattern.pieces) {
    if (piece.kind != Piece::Kind::node) {
      text.literal += piece.kind == Piece::Kind::axis ? axis_values[piece.index] : std::string_view(piece.literal);
      continue;
    }
    const NodeUse& use = pattern.nodes[piece.index];
    Reference reference{use.target, {}, use.value, {}, text.literal.size(), use.place};
    for (const auto& [axis, value] : use.coordinates) {
      std::string& filled = reference.coordinates.emplace_back(Coordinate{axis, {}}).value;
      append(value, axis_values, filled);
    }
    text.references.push_back(std::move(reference));
  }
  return text;
}

std::optional<std::string> interpolate_plain(const Config& value, std::string_view where,
                                             std::span<const RuleKeys> rules, Names& names, const SourceMap& sources,
                                             Findings& findings) {
  const std::string& text = value.text()->literal;
  if (!text.contains("${")) return text;
  const Scope scope{names, rules, where, nullptr, where};
  const Template pattern = interpolate(value, scope, sources, findings);
  if (pattern.faulty) return std::nullopt;
  return instantiate(pattern, {}).literal;
}

}  // namespace trilock

#include "engine/output_conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cache/glob.hpp"
#include "engine/graph.hpp"

namespace trilock {
namespace {

struct Claim {
  const OutputSpec* output;
  NodeId node;
  std::string_view path;  // as it is declared, or without symlinks
};

bool is_inside(std::string_view path, std::string_view dir) {
  return path.size() > dir.size() && path.starts_with(dir) && path[dir.size()] == '/';
}

// Sorted by path with `/` before every other byte, so that what lies inside a directory follows it directly.
std::strong_ordering compare_paths(std::string_view a, std::string_view b) {
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
  const auto [x, y] = std::ranges::mismatch(a, b);
  if (x == a.end() || y == b.end()) return a.size() <=> b.size();
  return rank(*x) <=> rank(*y);
}

bool by_path(const Claim& a, const Claim& b) {
  return compare_paths(a.path, b.path) < 0;
}

void report_shared_output(const Graph& graph, const Claim& first, const Claim& second, Diagnostics& diagnostics) {
  const bool linked = first.path != first.output->path || second.path != second.output->path;
  const bool declared_so =
      first.output->path == second.output->path || is_inside(second.output->path, first.output->path);
  if (linked && declared_so) return;  // reported by the names that are declared
  const bool swap = index_of(second.node) < index_of(first.node);
  const Claim& earlier = swap ? second : first;
  const Claim& later = swap ? first : second;
  const std::string message =
      first.output->path == second.output->path
          ? fmt::format("two nodes have the output `{}`: {} and {}", later.output->path, graph.node(earlier.node).label,
                        graph.node(later.node).label)
      : first.path == second.path
          ? fmt::format("the outputs `{}` of {} and `{}` of {} are one file, by a symlink", earlier.output->path,
                        graph.node(earlier.node).label, later.output->path, graph.node(later.node).label)
          : fmt::format("the output `{}` of {} lies inside the output `{}` of {}{}", second.output->path,
                        graph.node(second.node).label, first.output->path, graph.node(first.node).label,
                        linked ? ", by a symlink" : "");
  Diagnostic& found = diagnostics.error(later.output->place, message, "give each node an output of its own");
  found.notes.push_back({"the other one is declared here", earlier.output->place});
}

// In the order of by_path everything inside a directory follows it directly, so one open directory is enough to know.
void report_shared_outputs(const Graph& graph, const std::vector<Claim>& claims, Diagnostics& diagnostics) {
  const Claim* open = nullptr;
  const Claim* before = nullptr;
  for (const Claim& claim : claims) {
    const bool same = before != nullptr && claim.path == before->path;
    const bool inside = open != nullptr && is_inside(claim.path, open->path);
    if (same && claim.node != before->node) report_shared_output(graph, *before, claim, diagnostics);
    if (!same && inside && claim.node != open->node) report_shared_output(graph, *open, claim, diagnostics);
    if (!same && !inside) open = &claim;
    before = &claim;
  }
}

// The claims, sorted by path, that a pattern can reach: at, below or above the literal part of it.
class ClaimIndex {
 public:
  explicit ClaimIndex(const std::vector<Claim>& claims) : claims_(claims) {
    by_path_.reserve(claims.size());
    std::string_view last;
    for (const Claim& claim : claims) {
      const std::string_view path = claim.path;
      by_path_.emplace(path, &claim);
      const std::string_view folder = path.substr(0, path.rfind('/') + 1);
      if (folder == last) continue;
      last = folder;
      for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
        above_.insert(path.substr(0, slash));
    }
  }

  void collect(std::string_view pattern, std::vector<const Claim*>& found) const {
    const bool literal = is_literal_pattern(pattern);
    const std::string_view base = literal ? pattern : literal_prefix(pattern);
    for (std::size_t slash = base.find('/'); slash != std::string_view::npos; slash = base.find('/', slash + 1))
      add(base.substr(0, slash), found);
    if (!base.empty() && !by_path_.contains(base) && !above_.contains(base)) return;
    const OutputSpec probe{.name = "", .path = std::string(base), .place = {}};
    const Claim key{&probe, NodeId{}, probe.path};
    auto claim = base.empty() ? claims_.begin() : std::lower_bound(claims_.begin(), claims_.end(), key, by_path);
    for (; claim != claims_.end(); ++claim) {
      const std::string_view path = claim->path;
      if (!base.empty() && path != base && !is_inside(path, base)) break;
      if (literal || path == base || glob_match(pattern, path) || may_match_below(pattern, path))
        found.push_back(&*claim);
    }
  }

 private:
  void add(std::string_view path, std::vector<const Claim*>& found) const {
    if (const auto claim = by_path_.find(path); claim != by_path_.end()) found.push_back(claim->second);
  }

  const std::vector<Claim>& claims_;
  std::unordered_map<std::string_view, const Claim*> by_path_;
  std::unordered_set<std::string_view> above_;  // the folders that have claims in them, at any depth
};

// Whether a pattern that leaves out leaves out all of an output: itself, or everything below it.
bool excludes(const std::string& pattern, std::string_view output) {
  if (is_literal_pattern(pattern)) return output == pattern || is_inside(output, pattern);
  return glob_match(pattern, output) || glob_match(pattern, std::string(output) + "/x");
}

struct Selection {
  const Claim* claim;
  const InputPattern* by;
};

// The outputs of any node that these patterns select, later patterns winning.
std::vector<Selection> select_claims(const std::vector<InputPattern>& inputs, const ClaimIndex& index) {
  std::vector<Selection> selected;
  std::vector<const Claim*> reached;
  std::unordered_set<const Claim*> known;  // those that are selected
  for (const InputPattern& input : inputs) {
    if (input.exclude) {
      std::erase_if(selected, [&](const Selection& s) {
        return excludes(input.pattern, s.claim->path) && known.erase(s.claim) > 0;
      });
      continue;
    }
    reached.clear();
    index.collect(input.pattern, reached);
    for (const Claim* claim : reached)
      if (known.insert(claim).second) selected.push_back({claim, &input});
  }
  return selected;
}

void report_source(const Graph& graph, const Selection& selection, Diagnostics& diagnostics) {
  const std::string& producer = graph.node(selection.claim->node).label;
  const std::string path(selection.claim->path);
  Diagnostic& found = diagnostics.error(
      selection.by->place, fmt::format("`{}` selects `{}`, an output of {}", selection.by->pattern, path, producer),
      fmt::format("add `needs = [\"{}\"]`, or leave it out with `\"!{}\"`", producer, path));
  found.notes.push_back({"the output is declared here", selection.claim->output->place});
}

// Where what a pattern selects begins: the path that it names, or the folder that its walk starts in.
std::string_view beginning_of(std::string_view pattern) {
  return is_literal_pattern(pattern) ? pattern : literal_prefix(pattern);
}

// Whether a later `!` leaves out all that the pattern could select.
bool is_left_out(const std::vector<InputPattern>& inputs, std::size_t index) {
  const std::string_view pattern = inputs[index].pattern;
  const std::string_view base = beginning_of(pattern);
  const bool literal = is_literal_pattern(pattern);
  return std::any_of(inputs.begin() + static_cast<std::ptrdiff_t>(index) + 1, inputs.end(), [&](const InputPattern& p) {
    if (!p.exclude) return false;
    if (is_literal_pattern(p.pattern)) return p.pattern == base || is_inside(base, p.pattern);
    return p.pattern == pattern || Glob(p.pattern).matches_all_below(base) || (literal && glob_match(p.pattern, base));
  });
}

// An output is put aside before its node runs, so what the node reads there would not be there.
void report_own_inputs(const Graph& graph, NodeId id, const OutputSpec& output, Diagnostics& diagnostics) {
  const Node& node = graph.node(id);
  Diagnostic* found = nullptr;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const InputPattern& input = node.inputs[i];
    const std::string_view base = beginning_of(input.pattern);
    if (input.exclude || (base != output.path && !is_inside(base, output.path)) || is_left_out(node.inputs, i))
      continue;
    if (found != nullptr) {
      found->notes.push_back({"so does this", input.place});
      continue;
    }
    const bool same = input.pattern == output.path;
    found = &diagnostics.error(input.place,
                               same ? fmt::format("`{}` is an input and an output of {}", output.path, node.label)
                                    : fmt::format("`{}` selects what lies in `{}`, an output of {} itself",
                                                  input.pattern, output.path, node.label),
                               same ? "write to another file: an output is put aside before its node runs"
                                    : "name the files or a directory of its own that the node makes: an output is put "
                                      "aside before its node runs");
    found->notes.push_back({"the output is declared here", output.place});
  }
}

void report_outputs_as_sources(const Graph& graph, const std::vector<Claim>& claims, Diagnostics& diagnostics) {
  const ClaimIndex index(claims);
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const NodeId reader = static_cast<NodeId>(i);
    for (const std::vector<OutputSpec>* specs : {&graph.node(reader).outputs, &graph.node(reader).depfiles})
      for (const OutputSpec& output : *specs)
        if (!is_private_output(output.path)) report_own_inputs(graph, reader, output, diagnostics);
    std::vector<bool> upstream;
    for (const Selection& selection : select_claims(graph.node(reader).inputs, index)) {
      if (selection.claim->node == reader) continue;
      const auto direct = graph.dependencies(reader);
      if (std::binary_search(direct.begin(), direct.end(), selection.claim->node)) continue;
      if (upstream.empty()) upstream = graph.closure({&reader, 1});
      if (!upstream[index_of(selection.claim->node)]) report_source(graph, selection, diagnostics);
    }
  }
}

}  // namespace

void report_output_conflicts(const Graph& graph, Diagnostics& diagnostics) {
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(static_cast<NodeId>(i));
    const auto claim = [&](const OutputSpec& output) {
      claims.push_back({&output, static_cast<NodeId>(i), output.path});
      if (!output.real.empty()) claims.push_back({&output, static_cast<NodeId>(i), output.real.view()});
    };
    for (const OutputSpec& output : node.outputs)
      if (!is_private_output(output.path)) claim(output);
    for (const OutputSpec& depfile : node.depfiles) claim(depfile);
  }
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    const auto order = compare_paths(a.path, b.path);
    return order != 0 ? order < 0 : a.node < b.node;
  });
  report_shared_outputs(graph, claims, diagnostics);
  report_outputs_as_sources(graph, claims, diagnostics);
}

void report_outputs_over_files(const Graph& graph, std::span<const LoadedFile> files, Diagnostics& diagnostics) {
  for (const Node& node : graph.nodes())
    for (const std::vector<OutputSpec>* specs : {&node.outputs, &node.depfiles})
      for (const OutputSpec& output : *specs)
        for (const LoadedFile& file : files) {
          if (file.path == output.path)
            diagnostics.error(output.place,
                              fmt::format("the output `{}` of {} is {}", output.path, node.label, file.what),
                              "give the node a file of its own");
          else if (is_inside(file.path, output.path))
            diagnostics.error(output.place,
                              fmt::format("the output `{}` of {} holds `{}`, which is {}", output.path, node.label,
                                          file.path, file.what),
                              "an output is replaced as a whole; name a file or a directory of its own");
        }
}

}  // namespace trilock

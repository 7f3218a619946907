// What is known of an image before anything runs: its files, and the nodes whose images it builds on.
#pragma once

#include <string>
#include <string_view>

#include "rules/rule.hpp"

namespace trilock {

// Names in Node::kept. `base <full image name>` holds the label of the node whose image that name means;
// `text <full image name>` the text of a `contexts` entry that refers to values itself.
inline constexpr std::string_view kept_base = "base ";
inline constexpr std::string_view kept_text = "text ";

void plan_image(const Target& target, PlanContext& context, Node& node);

// Where the OCI archive of a planned node goes: what `archive` says, or a private output with `[cache] images`.
// Relative to the workspace; "" for none.
[[nodiscard]] std::string archive_of(const Target& target, const Node& node);

// "" (after no report) for paths that refer to other nodes or leave the workspace.
[[nodiscard]] std::string literal_path(const Target& target, std::string_view key, std::string_view fallback,
                                       const Node& node);

}  // namespace trilock

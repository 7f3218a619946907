// The rule `image`: builds a container image with docker, buildah or podman from a Dockerfile and a context. Why it
// passes what it passes: docs/design/0002-images.md.
#pragma once

#include "rules/rule.hpp"

namespace trilock {

class ImageRule final : public Rule {
 public:
  [[nodiscard]] std::string_view name() const override { return "image"; }
  [[nodiscard]] std::string_view description() const override;
  [[nodiscard]] std::span<const KeySpec> keys() const override;
  // `digest`: of the configuration, by which every store names the image. `manifest-digest`: by which a registry does;
  // only of an image that was pushed or archived. `ref`: `repository@manifest-digest` when pushed, else `digest`.
  [[nodiscard]] std::span<const std::string_view> values() const override;
  // An image may be built on that of any other node, and a context holds no output of any.
  [[nodiscard]] bool looks_at_all_targets() const override { return true; }
  // Finds the nodes whose images the Dockerfile builds on.
  void plan(const Target& target, PlanContext& context, Node& node) const override;
  Result<Action> resolve(const Node& node, const Target& target, ResolveContext& context) const override;
  Result<Collected> collect(const Node& node, const Action& action, const Run& run) const override;
  // Whether the image and all its tags are in the store that it was built in.
  Result<bool> probe(const Node& node, const Target& target, const ActionResult& result,
                     ResolveContext& context) const override;
  // Out of the archive, or from the registry that it was pushed to, by its manifest digest.
  Result<std::vector<Process>> revive(const Node& node, const Target& target, const ActionResult& result,
                                      ResolveContext& context) const override;
  // Working containers of buildah and podman. A daemon cleans up by itself.
  Result<std::vector<Leftover>> leftovers(const Node& node, const Target& target, std::span<const Field> leaves,
                                          std::int64_t at_ms, ResolveContext& context) const override;
  void draft(const Folder& folder, Draft& draft) const override;  // image_draft.cpp
};

}  // namespace trilock

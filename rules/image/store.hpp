// What a builder's store holds. All images of a store are asked for in one question, and the answer holds until the
// store's own index changes, so an unchanged store costs no process. Thread rule: any thread.
#pragma once

#include <span>
#include <string>

#include "rules/image/builder.hpp"
#include "rules/rule.hpp"
#include "schemas/result.hpp"

namespace trilock {

// Whether the image of that id ("sha256:…") exists and has all the tags.
[[nodiscard]] Result<bool> image_in_store(const Builder& builder, const std::string& id,
                                          std::span<const std::string> tags, ResolveContext& context);

// Containers of buildah or podman that were made at that time (in milliseconds since the epoch) or later and are still
// there: their names. While no build runs, they are what builds that were killed have left.
[[nodiscard]] Result<std::vector<std::string>> working_containers(const Builder& builder, std::int64_t since_ms,
                                                                  ResolveContext& context);

}  // namespace trilock

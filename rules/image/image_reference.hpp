// Names of images: `registry/repository:tag@digest`, as github.com/distribution/reference has them. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/text.hpp"

namespace trilock {

// The full form that a short name stands for: "go" -> "docker.io/library/go:latest". What has a digest gets no tag.
[[nodiscard]] std::string full_image_name(std::string_view name);

// The name without tag and digest: "localhost:5000/go".
[[nodiscard]] std::string_view repository_of(std::string_view name);

// "" when `name` may name an image, else what is wrong with it: "its repository has the capital letter `G`".
[[nodiscard]] std::string check_image_name(std::string_view name);

// Whether a name in a store's list is the one that was asked for. containers/storage keeps short names below
// `localhost/`, docker keeps them as they are written.
[[nodiscard]] bool same_stored_name(std::string_view listed, std::string_view wanted);

// "sha256:" and 64 hex digits.
[[nodiscard]] bool is_image_id(std::string_view text);

// A label taken apart: "image.base[go=1.22]" -> {"image.base", {{"go", "1.22"}}}.
struct LabelParts {
  std::string target;
  Coordinates coordinates;
};
[[nodiscard]] LabelParts parse_label(std::string_view label);

// The labels among `labels` that a node with coordinates `own` means by `wanted` (which may name only some axes): on
// an axis that both have, the same value. One when the reference is good.
[[nodiscard]] std::vector<std::string> variants_of(std::string_view wanted, std::span<const std::string> labels,
                                                   const Coordinates& own);

}  // namespace trilock

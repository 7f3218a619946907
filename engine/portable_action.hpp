// An action as other machines see it: what the key walk says, with SHA-256 where the key of this machine has XXH3, in
// the form of the Remote Execution API. Its digest names the result in every cache.
//
// What the API has a field for stands there: the arguments and the directory of the first process, the environment,
// the paths of outputs, the inputs, the namespace as salt. All else is a property, under the words that `why` has for
// it: "tool go", "from image.base.digest", "field tags", "writes Dockerfile", "arguments 2" of the second process.
// Thread rule: as the SourceTree.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/remote_api/messages.hpp"
#include "cache/source_tree.hpp"
#include "engine/key.hpp"

namespace trilock {

// ErrorKind::corrupt when an input is no longer what the material says.
Result<PortableAction> portable_action(const KeyMaterial& material, SourceTree& tree, std::string_view name_space);

// As explain_key, of an action that may be another machine's; for compare_explanations. Digests are SHA-256.
[[nodiscard]] std::vector<Field> explain(const PortableAction& action);

// The action under which it is kept what an action with a depfile was seen to read (docs/design/0006-depfiles.md):
// `declared` is the action without what it read.
[[nodiscard]] PortableAction discovery_action(PortableAction declared);

// The action under which it is kept which actions a pipeline's nodes had last.
[[nodiscard]] PortableAction latest_action(std::string_view pipeline, std::string_view name_space);

}  // namespace trilock

// Which program builds images, and what it is told. docs/design/0002-images.md has the measurements behind each flag.
// Thread rule: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/rule.hpp"
#include "schemas/action.hpp"
#include "schemas/result.hpp"

namespace trilock {

enum class BuilderKind : std::uint8_t { docker, buildah, podman };
[[nodiscard]] std::string_view to_string(BuilderKind kind);

struct Builder {
  BuilderKind kind = BuilderKind::buildah;
  std::string command;  // argv[0]: the name, or a path when another program of that name comes first in PATH
  std::string version;  // "1.28.2"; of docker the client's
  Tool tool;
  bool buildx = false;  // docker only: the client builds through buildx, otherwise BuildKit is part of the client
};

// `wanted` is the key `builder`: auto, docker, buildah or podman. `auto` is docker when a daemon answers on a local
// socket and a client with BuildKit exists, else buildah, else podman. Errors: tool_missing, saying what to install.
[[nodiscard]] Result<Builder> choose_builder(std::string_view wanted, ResolveContext& context);

// One that built an image before; no daemon is asked.
[[nodiscard]] Result<Builder> builder_of(std::string_view kind, ResolveContext& context);

// What the builder's processes see of the environment that trilock was started with; sorted by name.
[[nodiscard]] std::vector<EnvVar> builder_environment(BuilderKind kind, ResolveContext& context);

// Where docker's daemon listens, when it is a socket of this machine: an absolute path; "" when it is elsewhere.
[[nodiscard]] std::string docker_socket(ResolveContext& context);

// Whether the builder reads heredocs by itself. A `# syntax=` line brings docker a frontend that does.
[[nodiscard]] bool knows_heredocs(const Builder& builder, std::string_view syntax);

// An image of another node that a Dockerfile names.
struct BaseImage {
  std::string label;
  std::string digest;  // config digest: "sha256:…"
};

// What stands for it in the Dockerfile: a name that the builder finds in its own store and nowhere else.
[[nodiscard]] std::string pinned_name(BuilderKind kind, const BaseImage& base);

struct BuildRequest {
  std::string label;
  std::string target;
  std::string platform;
  std::vector<std::pair<std::string, std::string>> args;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> tags;
  std::vector<BaseImage> bases;
  bool layer_cache = true;  // false when a step's result depends on what the builder's layer cache does not look at
  bool push = false;
  std::string archive;  // of the OCI archive, relative to the workspace; "" for none
};

// The processes, in order. They read `Dockerfile`, `context/` and `ignore` in the scratch directory and leave there
// `iid`, buildx also `metadata.json`, and `manifest` for an image that is archived or that buildah or podman push.
[[nodiscard]] std::vector<Process> build_processes(const Builder& builder, const BuildRequest& request);

// An image that was built before, and where it can be had.
struct StoredImage {
  std::string id;  // "sha256:…"
  std::vector<std::string> tags;
  std::string archive;  // relative to the workspace; "" for none
  std::string pushed;   // "repository@manifest digest"; "" for none
};

// The processes that bring the image into the builder's store, with its tags; empty when it can be had nowhere. They
// fail when it comes with another id than it had, or, of an image without tags, leave that to be seen in the store.
[[nodiscard]] std::vector<Process> revival_processes(const Builder& builder, const StoredImage& image);

// Other programs that the processes of build_processes start.
[[nodiscard]] std::vector<std::string> helper_tools(const Builder& builder, const BuildRequest& request);

}  // namespace trilock

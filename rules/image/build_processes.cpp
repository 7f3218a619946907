// The command lines of the three builders.
#include <fmt/format.h>

#include "rules/image/builder.hpp"

namespace trilock {
namespace {

// The archive, in two steps: an OCI layout from the store, then a tar whose bytes depend on the image alone (sorted,
// without times and owners). The id is known only when the build is done, so a shell puts it in.
//
// Of docker the layout is made here: skopeo's `oci:` writes the configuration anew, and with it the image gets another
// id and loses what OCI does not know of (HEALTHCHECK, ONBUILD). The types of the two kinds of manifest stand for the
// same bytes. `manifest.json` is for `docker load`, as docker's own archives have had it since 25.
constexpr std::string_view docker_layout = R"sh(builder=$1 out=$2
"$builder" save --output image.tar "$(cat iid)"
skopeo copy --quiet --dest-compress docker-archive:image.tar dir:dir
rm image.tar
mkdir -p oci/blobs/sha256
mv dir/[0-9a-f]* oci/blobs/sha256/
sed -e 's|vnd.docker.distribution.manifest.v2+json|vnd.oci.image.manifest.v1+json|' \
  -e 's|vnd.docker.container.image.v1+json|vnd.oci.image.config.v1+json|' \
  -e 's|vnd.docker.image.rootfs.diff.tar.gzip|vnd.oci.image.layer.v1.tar+gzip|g' dir/manifest.json >oci.json
digest=$(sha256sum oci.json | cut -c -64)
printf 'sha256:%s\n' "$digest" >manifest
printf '{"imageLayoutVersion":"1.0.0"}' >oci/oci-layout
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%d}]}' \
  application/vnd.oci.image.manifest.v1+json "$digest" "$(wc -c <oci.json)" >oci/index.json
set -- $(grep -o '"sha256:[0-9a-f]*"' oci.json | sed 's|"sha256:|"blobs/sha256/|')
config=$1
shift
printf '[{"Config":%s,"RepoTags":null,"Layers":[%s]}]' "$config" "$(IFS=,; echo "$*")" >oci/manifest.json
mv oci.json "oci/blobs/sha256/$digest")sh";

constexpr std::string_view containers_layout = R"sh(builder=$1 out=$2
id=$(cat iid)
"$builder" push --quiet --digestfile manifest "${id#sha256:}" oci:oci)sh";

constexpr std::string_view pack_layout = R"sh(cd oci
tar --create --file "$out" --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
  --mode=u=rwX,go=rX *)sh";

std::string in_scratch(std::string_view name) {
  return fmt::format("{}/{}", scratch_marker, name);
}

Process shell(std::string name, std::string_view script, std::vector<std::string> args) {
  Process process{.name = std::move(name), .argv = {"sh", "-euc", std::string(script), "sh"}};
  for (auto& arg : args) process.argv.push_back(std::move(arg));
  process.dir = scratch_marker;
  return process;
}

// Arguments that all builders have in common.
void add_request(const BuildRequest& request, std::vector<std::string>& argv) {
  argv.insert(argv.end(), {"--file", in_scratch("Dockerfile")});
  if (!request.target.empty()) argv.insert(argv.end(), {"--target", request.target});
  if (!request.platform.empty()) argv.insert(argv.end(), {"--platform", request.platform});
  for (const auto& [name, value] : request.args) {
    argv.insert(argv.end(), {"--build-arg", fmt::format("{}={}", name, value)});
  }
  for (const auto& [name, value] : request.labels) {
    argv.insert(argv.end(), {"--label", fmt::format("{}={}", name, value)});
  }
}

void add_tags(const BuildRequest& request, std::vector<std::string>& argv) {
  for (const auto& tag : request.tags) argv.insert(argv.end(), {"--tag", tag});
}

void add_containers_build(const Builder& builder, const BuildRequest& request, std::vector<Process>& processes) {
  const bool layers = builder.kind == BuilderKind::buildah && request.layer_cache;
  Process build{.name = builder.command + " build"};
  build.argv = {builder.command,
                "build",
                "--format",
                "oci",
                "--timestamp",
                "0",
                "--identity-label=false",
                "--pull=false",
                layers ? "--layers" : "--layers=false",
                "--ignorefile",
                in_scratch("ignore"),
                "--iidfile",
                in_scratch("iid")};
  add_request(request, build.argv);
  add_tags(request, build.argv);
  build.argv.push_back(in_scratch("context"));
  processes.push_back(std::move(build));
}

void add_docker_build(const Builder& builder, const BuildRequest& request, std::vector<Process>& processes) {
  for (const BaseImage& base : request.bases) {
    processes.push_back({.name = "docker tag",
                         .argv = {builder.command, "tag", base.digest, pinned_name(BuilderKind::docker, base)},
                         .quiet = true});
  }
  Process build{.name = "docker build", .argv = {builder.command}};
  if (builder.buildx) {
    build.argv.insert(build.argv.end(), {"buildx", "build", "--load", "--metadata-file", in_scratch("metadata.json")});
    build.env = {{"BUILDX_NO_DEFAULT_ATTESTATIONS", "1", EnvClass::declared},
                 {"SOURCE_DATE_EPOCH", "0", EnvClass::declared}};
  } else {
    build.argv.emplace_back("build");
    build.env = {{"DOCKER_BUILDKIT", "1", EnvClass::declared}};
  }
  build.argv.insert(build.argv.end(), {"--progress=plain", "--iidfile", in_scratch("iid")});
  add_request(request, build.argv);
  add_tags(request, build.argv);
  build.argv.push_back(in_scratch("context"));
  processes.push_back(std::move(build));
}

void add_push(const Builder& builder, const BuildRequest& request, std::vector<Process>& processes) {
  for (const auto& tag : request.tags) {
    Process push{.name = builder.command + " push", .argv = {builder.command, "push"}};
    if (builder.kind != BuilderKind::docker) {
      push.argv.insert(push.argv.end(), {"--digestfile", in_scratch("manifest")});
    }
    push.argv.push_back(tag);
    processes.push_back(std::move(push));
  }
}

void add_archive(const Builder& builder, const BuildRequest& request, std::vector<Process>& processes) {
  const bool docker = builder.kind == BuilderKind::docker;
  const std::string script = fmt::format("{}\n{}", docker ? docker_layout : containers_layout, pack_layout);
  const std::string out = with_marker(request.archive);
  processes.push_back(shell("archive", script, {builder.command, out}));
}

Process store_process(const Builder& builder, std::vector<std::string> args) {
  Process process{.name = fmt::format("{} {}", to_string(builder.kind), args.front()), .argv = {builder.command}};
  for (auto& arg : args) process.argv.push_back(std::move(arg));
  process.quiet = true;
  return process;
}

}  // namespace

std::vector<Process> revival_processes(const Builder& builder, const StoredImage& image) {
  const bool docker = builder.kind == BuilderKind::docker;
  std::vector<Process> processes;
  // To the containers tools a `:` ends the path. What comes before the workspace's own part does not count: the path is
  // relative to the directory that they are started in.
  if (!image.archive.empty() && docker) {
    processes.push_back(store_process(builder, {"load", "--quiet", "--input", with_marker(image.archive)}));
  } else if (!image.archive.empty() && image.archive.find(':') == std::string::npos) {
    const bool with_state = is_private_output(image.archive);
    const std::string_view path = std::string_view(image.archive).substr(with_state ? image.archive.find('/') + 1 : 0);
    processes.push_back(store_process(builder, {"pull", "--quiet", fmt::format("oci-archive:{}", path)}));
    if (with_state) processes.back().dir = state_marker;
  } else if (!image.pushed.empty()) {
    processes.push_back(store_process(builder, {"pull", "--quiet", image.pushed}));
  } else {
    return {};
  }
  const std::string id = docker ? image.id : image.id.substr(image.id.find(':') + 1);
  for (const auto& tag : image.tags) processes.push_back(store_process(builder, {"tag", id, tag}));
  return processes;
}

std::vector<Process> build_processes(const Builder& builder, const BuildRequest& request) {
  std::vector<Process> processes;
  if (builder.kind == BuilderKind::docker) {
    add_docker_build(builder, request, processes);
  } else {
    add_containers_build(builder, request, processes);
  }
  if (!request.archive.empty()) add_archive(builder, request, processes);
  if (request.push) add_push(builder, request, processes);
  return processes;
}

std::vector<std::string> helper_tools(const Builder& builder, const BuildRequest& request) {
  if (request.archive.empty()) return {};
  if (builder.kind == BuilderKind::docker) return {"skopeo", "tar"};
  return {"tar"};
}

}  // namespace trilock

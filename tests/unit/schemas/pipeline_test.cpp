// The top level of a pipeline: the example of the documentation, order, names, duplicates.
#include <doctest/doctest.h>

#include "tests/unit/schemas/pipeline_fixture.hpp"

namespace trilock {

TEST_CASE("a pipeline of several rules is read, expanded and linked") {
  FakeWorld world;
  world.facts[PipelineWorld::GitFact::tag] = "v1.4.0";
  world.files["trilock.toml"] = R"([pipeline]
name = "go-devbox"
version = 1

[vars]
env = "staging"

[pools]
docker = 2

[cache]
dir = "~/.cache/trilock"
shared = "/mnt/ci-cache/${var.env}"
mode = "read-write"

[image.base]
dockerfile = "docker/base.Dockerfile"

[image.dev]
dockerfile = "Dockerfile"
args = { GO_VERSION = "${matrix.go}" }
contexts = { base = "image.base" }
tags = ["myorg/go-env:${git.tag}"]
matrix = { go = ["1.21", "1.22"], libc = ["musl", "glibc"] }
pool = "docker"

[devcontainer.dev]
image = "${image.dev[go=1.22,libc=glibc].ref}"

[terraform.staging]
vars = { env = "${var.env}", image_hash = "${image.dev[go=1.22,libc=glibc].digest}" }
exports = ["instance_ip"]
)";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  CHECK(loaded.pipeline.name == "go-devbox");
  CHECK(loaded.labels() == Strings{"image.base", "image.dev[go=1.21,libc=musl]", "image.dev[go=1.21,libc=glibc]",
                                   "image.dev[go=1.22,libc=musl]", "image.dev[go=1.22,libc=glibc]", "devcontainer.dev",
                                   "terraform.staging"});
  REQUIRE(loaded.pipeline.pools.size() == 1);
  CHECK(loaded.pipeline.pools[0].name == "docker");
  CHECK(loaded.pipeline.pools[0].slots == 2);
  CHECK(loaded.pipeline.cache.dir == "~/.cache/trilock");
  CHECK(loaded.pipeline.cache.shared == "/mnt/ci-cache/staging");
  CHECK(loaded.pipeline.cache.mode == CacheMode::read_write);

  const Target& dev = loaded.target("image.dev[go=1.22,libc=musl]");
  CHECK(dev.rule == "image");
  CHECK(dev.name() == "dev");
  CHECK(dev.coordinates == Coordinates{{"go", "1.22"}, {"libc", "musl"}});
  CHECK(dev.place.line == 19);
  CHECK(dev.table.find("matrix") == nullptr);
  CHECK(loaded.text(dev.label, "args.GO_VERSION") == "1.22");
  CHECK(loaded.strings(dev.label, "tags") == Strings{"myorg/go-env:v1.4.0"});
  CHECK(loaded.text("terraform.staging", "vars.env") == "staging");

  const Text* image = loaded.target("devcontainer.dev").table.find("image")->text();
  REQUIRE(image->references.size() == 1);
  const Reference& reference = image->references[0];
  CHECK(image->literal == "");
  CHECK(reference.target == "image.dev");
  CHECK(reference.value == "ref");
  CHECK(reference.label == "image.dev[go=1.22,libc=glibc]");
  CHECK(reference.place == Place{reference.place.source, 28, 10, 36});
}

TEST_CASE("targets come in the order of their headers, whatever their rule") {
  const Loaded loaded = load(R"([image.a]
dockerfile = "a"
[command.b]
[image.c]
dockerfile = "c"
[command.a]
)");
  CHECK(loaded.findings == "");
  CHECK(loaded.labels() == Strings{"image.a", "command.b", "image.c", "command.a"});
}

TEST_CASE("an empty file is an empty pipeline") {
  const Loaded loaded = load("");
  CHECK(loaded.findings == "");
  CHECK(loaded.labels().empty());
  CHECK(loaded.pipeline.cache.mode == CacheMode::read);
}

TEST_CASE("unknown top-level names") {
  CHECK(load("[imag.dev]\n").findings == R"(error: unknown table [imag]
  --> trilock.toml:1:2
   |
 1 | [imag.dev]
   |  ^^^^
   = help: did you mean `image`?
)");
  CHECK(load("name = \"x\"\n").findings == R"(error: unknown key `name` outside of a table
  --> trilock.toml:1:1
   |
 1 | name = "x"
   | ^^^^
   = help: there are `include`, `pipeline`, `vars`, `defaults`, `pools`, `cache`, `image`, `devcontainer`, `terraform` and `command`
)");
}

TEST_CASE("the version of the language") {
  CHECK(load("[pipeline]\nname = \"x\"\n").findings == "");
  CHECK(load("[pipeline]\nversion = 2\n").findings == R"(error: version 2 of the pipeline language is unknown
  --> trilock.toml:2:11
   |
 2 | version = 2
   |           ^
   = help: this trilock reads version 1
)");
  CHECK(load("[pipeline]\nversion = \"1\"\n").findings == R"(error: `version`: expected an integer, found a string
  --> trilock.toml:2:11
   |
 2 | version = "1"
   |           ^^^
)");
}

TEST_CASE("a rule holds tables of nodes only") {
  CHECK(load("[image]\ndockerfile = \"Dockerfile\"\n").findings ==
        R"(error: key `dockerfile` in [image], which has only tables of nodes
  --> trilock.toml:2:1
   |
 2 | dockerfile = "Dockerfile"
   | ^^^^^^^^^^
   = help: a node is a table `[image.NAME]`
)");
  CHECK(load("image = 3\n").findings == R"(error: expected a table [image], found an integer
  --> trilock.toml:1:9
   |
 1 | image = 3
   |         ^
   = help: a node is a table `[image.NAME]`
)");
  CHECK(load("[command.\"a b\"]\n").findings == R"(error: `a b` is no name for a node
  --> trilock.toml:1:10
   |
 1 | [command."a b"]
   |          ^^^^^
   = help: a name is made of letters, digits, `_` and `-`
)");
}

TEST_CASE("keys of nodes are checked, and all findings come sorted by place") {
  CHECK(load(R"([command.b]
timeout = "soon"
[image.a]
dockerfiel = "x"
pool = "dokcer"
[pools]
docker = 0
)")
            .findings == R"(error: `timeout`: expected a duration, found `soon`
  --> trilock.toml:2:11
   |
 2 | timeout = "soon"
   |           ^^^^^^
   = help: a duration is written as `90s`, `10m`, `1h30m` or `250ms`

error: missing key `dockerfile` in [image.a]
  --> trilock.toml:3:1
   |
 3 | [image.a]
   | ^^^^^^^^^

error: unknown key `dockerfiel` in [image.a]
  --> trilock.toml:4:1
   |
 4 | dockerfiel = "x"
   | ^^^^^^^^^^
   = help: did you mean `dockerfile`?

error: unknown pool `dokcer`
  --> trilock.toml:5:8
   |
 5 | pool = "dokcer"
   |        ^^^^^^^^
   = help: did you mean `docker`?

error: pool `docker` cannot have 0 slots
  --> trilock.toml:7:10
   |
 7 | docker = 0
   |          ^
   = help: a pool has at least one slot
)");
}

TEST_CASE("pools") {
  CHECK(load("[pools]\na = \"2\"\n").findings == R"(error: expected a number of slots for pool `a`, found a string
  --> trilock.toml:2:5
   |
 2 | a = "2"
   |     ^^^
)");
  CHECK(load("[command.a]\npool = \"x\"\n").findings == R"(error: unknown pool `x`
  --> trilock.toml:2:8
   |
 2 | pool = "x"
   |        ^^^
   = help: there is no [pools]
)");
  CHECK(load("[pools]\nbig = 9\n[vars]\np = \"big\"\n[command.a]\npool = \"${var.p}\"\n").findings == "");
}

TEST_CASE("the cache") {
  CHECK(load("[cache]\nmode = \"write\"\nsharde = \"x\"\n").findings ==
        R"(error: `mode`: expected one of `read`, `read-write`, found `write`
  --> trilock.toml:2:8
   |
 2 | mode = "write"
   |        ^^^^^^^

error: unknown key `sharde` in [cache]
  --> trilock.toml:3:1
   |
 3 | sharde = "x"
   | ^^^^^^
   = help: did you mean `shared`?
)");
  CHECK(load("[cache]\ndir = \"${image.a.ref}\"\n[image.a]\ndockerfile = \"x\"\n").findings ==
        R"(error: `${image.a.ref}` refers to a node, which [cache] cannot
  --> trilock.toml:2:8
   |
 2 | dir = "${image.a.ref}"
   |        ^^^^^^^^^^^^^^
)");
}

TEST_CASE("the cache: what a run may do with it") {
  FakeWorld world;
  world.env["KEY"] = "/run/secrets/key";
  world.files["trilock.toml"] = R"([vars]
team = "tools"
[cache]
shared = "https://ci.example:8443/cache"
namespace = "pr-${var.team}"
sign-key = "${env.KEY}"
trusted-keys = ["keys/${var.team}.pub", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]
images = true
max-size = "20GiB"
)";
  const Loaded loaded = load(world);
  CHECK(loaded.findings == "");
  const CacheSettings& cache = loaded.pipeline.cache;
  CHECK(cache.shared_kind() == SharedKind::http);
  CHECK(cache.mode == CacheMode::read);
  CHECK(cache.name_space == "pr-tools");
  CHECK(cache.sign_key == "/run/secrets/key");
  CHECK(cache.trusted_keys == Strings{"keys/tools.pub", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="});
  CHECK(cache.images);
  CHECK(cache.max_size == 20ULL << 30);

  const CacheSettings none = load("[cache]\n").pipeline.cache;
  CHECK(none.shared_kind() == SharedKind::none);
  CHECK(none.name_space.empty());
  CHECK(none.trusted_keys.empty());
  CHECK_FALSE(none.images);
  CHECK_FALSE(none.max_size);
  CHECK(load("[cache]\nshared = \"/mnt/c\"\n").pipeline.cache.shared_kind() == SharedKind::directory);
}

TEST_CASE("the cache: wrong values") {
  CHECK(load("[cache]\nshared = \"grpcs://ci.example\"\n").findings ==
        R"(error: a cache behind `grpcs://` is not available in this version
  --> trilock.toml:2:10
   |
 2 | shared = "grpcs://ci.example"
   |          ^^^^^^^^^^^^^^^^^^^^
   = help: a shared tier is a directory, or a URL with `http://` or `https://`
)");
  CHECK(load("[cache]\nshared = \"grpc://user:word@ci.example\"\n").findings ==
        R"(error: a cache behind `grpc://` is not available in this version
  --> trilock.toml:1:1
   |
 1 | [cache]
   | ^^^^^^^
   = help: a shared tier is a directory, or a URL with `http://` or `https://`
)");
  CHECK(load("[cache]\nimages = \"yes\"\nmax-size = \"20g\"\ntrusted-keys = \"k\"\n").findings ==
        R"(error: `images`: expected a boolean, found a string
  --> trilock.toml:2:10
   |
 2 | images = "yes"
   |          ^^^^^

error: `max-size`: expected a size, found `20g`
  --> trilock.toml:3:12
   |
 3 | max-size = "20g"
   |            ^^^^^
   = help: a size is a number with B, K, M, G or T (`500M`, `1.5GiB`, `10GB`)

error: `trusted-keys`: expected an array of strings, found a string
  --> trilock.toml:4:16
   |
 4 | trusted-keys = "k"
   |                ^^^
)");
  const auto fault = [](std::string_view shared) {
    const std::optional<UrlFault> found = fault_of_shared(shared);
    return found ? found->message : "";
  };
  CHECK(fault("http://h").empty());
  CHECK(fault("https://u:p@h/a/b/").empty());
  CHECK(fault("/a/b").empty());
  CHECK(fault("s3://b") == "unknown scheme `s3://` of a cache");
  CHECK(fault("HTTP://h") == "unknown scheme `HTTP://` of a cache");
  CHECK(fault("http:///a") == "the URL of the cache has no host");
  CHECK(fault("http://h/a?b") == "the URL of the cache has a query or a fragment");
  CHECK(fault("http://h/a#b") == "the URL of the cache has a query or a fragment");
}

TEST_CASE("the cache: a URL stands in the file, or is all of one variable") {
  FakeWorld world;
  world.env = {{"URL", "https://ci.example"}, {"HOST", "ci.example"}, {"SCHEME", "https:"}, {"TRILOCK_VAR_given", "s"}};
  world.files["url.txt"] = "https://ci.example\n";
  const auto with = [&](const std::string& vars, const std::string& shared) {
    world.files["trilock.toml"] = "[vars]\n" + vars + "\n[cache]\nshared = \"" + shared + "\"\n";
    return load(world);
  };
  const auto from_runner = [&](const std::string& vars, const std::string& shared) {
    const Loaded loaded = with(vars, shared);
    CHECK(loaded.findings == "");
    return loaded.pipeline.cache.shared_from_runner;
  };
  CHECK(from_runner("", "${env.URL}"));
  CHECK(from_runner("u = { env = \"URL\" }", "${var.u}"));
  CHECK(from_runner("u = \"${env.URL}\"\nv = \"${var.u}\"", "${var.v}"));
  CHECK(from_runner("given = \"https://other.example\"", "${var.given}"));
  CHECK_FALSE(from_runner("", "https://ci.example"));
  CHECK_FALSE(from_runner("u = \"https://ci.example\"", "${var.u}"));
  CHECK_FALSE(from_runner("u = { env = \"NONE\", default = \"https://ci.example\" }", "${var.u}"));
  CHECK_FALSE(from_runner("u = { file = \"url.txt\" }", "${var.u}"));
  CHECK_FALSE(from_runner("team = \"tools\"", "/mnt/${var.team}/${env.HOST}"));

  CHECK(with("", "https://${env.HOST}.evil.example/").findings ==
        R"(error: the URL of the cache is put together from references
  --> trilock.toml:4:10
   |
 4 | shared = "https://${env.HOST}.evil.example/"
   |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: write it as it is, or take all of it from one variable: `shared = "${env.CACHE_URL}"`
)");
  const std::pair<std::string, std::string> assembled[] = {
      {"", "${env.SCHEME}//${env.HOST}"},
      {"", "${env.URL}/"},
      {"h = { env = \"HOST\" }", "https://evil.example/${var.h}"},
      {"h = \"https://evil.example/${env.HOST}\"", "${var.h}"},
      {"h = \"x-${env.HOST}\"\nu = \"https://evil.example/${var.h}\"", "${var.u}"},
      {"u = { env = \"NONE\", default = \"https://evil.example/${env.HOST}\" }", "${var.u}"},
      {"n = \"URL\"\nu = { env = \"${var.n}\" }", "${var.u}"},
      {"team = \"tools\"", "https://evil.example/${var.team}"},
  };
  for (const auto& [vars, shared] : assembled) {
    CAPTURE(vars);
    CAPTURE(shared);
    CHECK(with(vars, shared).findings.starts_with("error: the URL of the cache is put together from references\n"));
  }
}

TEST_CASE("the cache: the runner decides over the file") {
  std::map<std::string, std::string> env;
  const ReadVariable variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = env.find(name);
    if (found == env.end()) return std::nullopt;
    return found->second;
  };
  CacheSettings settings;
  settings.mode = CacheMode::read_write;
  settings.name_space = "main";
  CHECK(apply_environment(settings, variable));
  env = {{"TRILOCK_CACHE_MODE", ""}, {"TRILOCK_CACHE_NAMESPACE", ""}};
  CHECK(apply_environment(settings, variable));
  CHECK(settings.mode == CacheMode::read_write);
  CHECK(settings.name_space == "main");
  env = {{"TRILOCK_CACHE_MODE", "read"}, {"TRILOCK_CACHE_NAMESPACE", "pr"}};
  CHECK(apply_environment(settings, variable));
  CHECK(settings.mode == CacheMode::read);
  CHECK(settings.name_space == "pr");
  env["TRILOCK_CACHE_MODE"] = "read-write";
  CHECK(apply_environment(settings, variable));
  CHECK(settings.mode == CacheMode::read_write);
  env["TRILOCK_CACHE_MODE"] = "write";
  const Status wrong = apply_environment(settings, variable);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == ErrorKind::invalid);
  CHECK(wrong.error().message == "unknown cache mode `write` in `TRILOCK_CACHE_MODE`");
  CHECK(wrong.error().help == "expected `read` or `read-write`");
  CHECK(settings.mode == CacheMode::read_write);
}

TEST_CASE("a file that cannot be read or parsed is all that is said") {
  FakeWorld world;
  CHECK(load(world).findings == "error: cannot read `trilock.toml`: no such file\n");
  const Loaded broken = load("[image.a\n[command.b]\nrun = [\"${var.x}\"]\n");
  CHECK(broken.diagnostics.error_count() == 1);
  CHECK(broken.findings.starts_with("error: invalid TOML: "));
}

}  // namespace trilock

// Writes one graph for several engines, so that all of them do the same work: trilock.toml, build.ninja, Makefile,
// Tupfile, and on request the packages of turbo and the projects of moon.
//
//   generate DIRECTORY [--nodes N] [--layers N] [--fan-in N] [--bytes N] [--seed N] [--edges out|needs|after]
//            [--command write|true] [--node PROGRAM] [--form tables|matrix] [--with turbo,moon]
//
// Every node has one source of `--bytes` bytes and takes from the nodes `i` to `i + fan-in - 1` of the layer before,
// the last one followed by the first. So with a fan-in of 2 a leaf of the first layer reaches two nodes of the second,
// three of the third: 299 nodes besides itself in 24 layers. The seed decides what is in the sources.
//
// `--command write`: PROGRAM OUTPUT INPUT…, which writes what it was made from (tests/bench/node.cpp). `true`:
// /bin/true, which writes nothing; nodes then only wait for each other. `--form matrix` is one table of three axes, for
// trilock alone.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Options {
  std::string directory;
  std::size_t nodes = 10'000;
  std::size_t layers = 1;
  std::size_t fan_in = 2;
  std::size_t bytes = 64;
  std::uint64_t seed = 1;
  std::string edges = "out";
  std::string command = "write";
  std::string node = "node";
  std::string form = "tables";
  std::string with;

  [[nodiscard]] bool writes() const { return command == "write"; }
  [[nodiscard]] std::size_t width() const { return (nodes + layers - 1) / layers; }
};

[[noreturn]] void refuse(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  std::exit(2);
}

std::uint64_t number(std::string_view text, std::string_view option) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    refuse(fmt::format("`{}` takes a number, not `{}`", option, text));
  return value;
}

Options read_options(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (!word.starts_with("--")) {
      options.directory = word;
      continue;
    }
    if (i + 1 == count) refuse(fmt::format("`{}` takes a value", word));
    const std::string value = words[++i];
    if (word == "--nodes")
      options.nodes = number(value, word);
    else if (word == "--layers")
      options.layers = number(value, word);
    else if (word == "--fan-in")
      options.fan_in = number(value, word);
    else if (word == "--bytes")
      options.bytes = number(value, word);
    else if (word == "--seed")
      options.seed = number(value, word);
    else if (word == "--edges")
      options.edges = value;
    else if (word == "--command")
      options.command = value;
    else if (word == "--node")
      options.node = value;
    else if (word == "--form")
      options.form = value;
    else if (word == "--with")
      options.with = value;
    else
      refuse(fmt::format("unknown option `{}`", word));
  }
  if (options.directory.empty()) refuse("the directory is missing");
  if (options.nodes == 0 || options.layers == 0 || options.layers > options.nodes)
    refuse("there is at least one node, and no more layers than nodes");
  return options;
}

// A thousand files a directory, as a large repository would have them.
std::string folder(std::string_view kind, std::size_t node) {
  return fmt::format("{}/{:03}", kind, node / 1000);
}
std::string source(std::size_t node) {
  return fmt::format("{}/{}", folder("src", node), node);
}
std::string output(std::size_t node) {
  return fmt::format("{}/{}", folder("out", node), node);
}

std::vector<std::size_t> upstream(const Options& options, std::size_t node) {
  std::vector<std::size_t> before;
  const std::size_t width = options.width();
  if (node < width) return before;
  const std::size_t first = (node / width - 1) * width;
  for (std::size_t k = 0; k < std::min(options.fan_in, width); ++k) before.push_back(first + (node + k) % width);
  return before;
}

class Text {
 public:
  explicit Text(const std::string& path) : file_(path, std::ios::binary) {}
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    file_ << fmt::format(format, std::forward<Args>(args)...);
  }

 private:
  std::ofstream file_;
};

void write_sources(const Options& options) {
  std::mt19937_64 random(options.seed);
  std::string content(options.bytes, '\n');
  for (std::size_t i = 0; i < options.nodes; ++i) {
    if (i % 1000 == 0)
      for (const std::string_view kind : {"src", "out"}) std::filesystem::create_directories(folder(kind, i));
    for (std::size_t at = 0; at + 1 < content.size(); ++at) content[at] = static_cast<char>('a' + random() % 26);
    const int file = ::open(source(i).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || ::write(file, content.data(), content.size()) != static_cast<ssize_t>(content.size()))
      refuse(fmt::format("cannot write {}", source(i)));
    ::close(file);
  }
}

void write_trilock_tables(const Options& options) {
  Text toml("trilock.toml");
  toml.add("[pipeline]\nname = \"bench\"\nversion = 1\n");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    const std::vector<std::size_t> before = upstream(options, i);
    toml.add("\n[command.n{}]\n", i);
    if (options.writes()) {
      toml.add("run = [\"{}\", \"{}\", \"{}\"", options.node, output(i), source(i));
      for (const std::size_t node : before)
        if (options.edges == "out")
          toml.add(", \"${{command.n{}.out}}\"", node);
        else
          toml.add(", \"{}\"", output(node));
      toml.add("]\n");
    } else {
      toml.add("run = [\"/bin/true\"]\n");
    }
    toml.add("inputs = [\"{}\"]\n", source(i));
    if (options.writes()) toml.add("outputs = [\"{}\"]\n", output(i));
    if (before.empty() || (options.writes() && options.edges == "out")) continue;
    toml.add("{} = [", options.edges == "needs" ? "needs" : "after");
    for (std::size_t k = 0; k < before.size(); ++k) toml.add("{}\"command.n{}\"", k > 0 ? ", " : "", before[k]);
    toml.add("]\n");
  }
}

// As many nodes as asked for, rounded down to a multiple of 100.
void write_trilock_matrix(const Options& options) {
  const auto axis = [](std::size_t values) {
    std::string list;
    for (std::size_t i = 0; i < values; ++i) list += fmt::format("{}\"{}\"", i > 0 ? ", " : "", i);
    return list;
  };
  Text toml("trilock.toml");
  toml.add(R"([pipeline]
name = "bench"
version = 1

[command.n]
run = ["{}", "out/${{matrix.a}}/${{matrix.b}}.${{matrix.c}}", "src/${{matrix.a}}"]
inputs = ["src/${{matrix.a}}"]
outputs = ["out/${{matrix.a}}/${{matrix.b}}.${{matrix.c}}"]
matrix = {{ a = [{}], b = [{}], c = [{}] }}
)",
           options.node, axis(options.nodes / 100), axis(10), axis(10));
}

void write_ninja(const Options& options) {
  Text ninja("build.ninja");
  if (options.writes())
    ninja.add("rule run\n  command = {} $out $in\n", options.node);
  else
    ninja.add("rule run\n  command = /bin/true\n");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    const std::vector<std::size_t> before = upstream(options, i);
    const auto name = [&](std::size_t node) { return options.writes() ? output(node) : fmt::format("n{}", node); };
    ninja.add("build {}: run {}", name(i), source(i));
    if (!options.writes() && !before.empty()) ninja.add(" ||");
    for (const std::size_t node : before) ninja.add(" {}", name(node));
    ninja.add("\n");
  }
}

void write_make(const Options& options) {
  Text make("Makefile");
  const auto name = [&](std::size_t node) { return options.writes() ? output(node) : fmt::format("n{}", node); };
  make.add("all:");
  for (std::size_t i = 0; i < options.nodes; ++i) make.add(" {}", name(i));
  make.add("\n.PHONY: all");
  for (std::size_t i = 0; !options.writes() && i < options.nodes; ++i) make.add(" {}", name(i));
  make.add("\n");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    make.add("{}: {}", name(i), source(i));
    const std::vector<std::size_t> before = upstream(options, i);
    if (!options.writes() && !before.empty()) make.add(" |");
    for (const std::size_t node : before) make.add(" {}", name(node));
    make.add("\n\t@{}\n", options.writes() ? options.node + " $@ $^" : "/bin/true");
  }
}

// tup knows a node by what it writes, so there is none for `/bin/true`.
void write_tup(const Options& options) {
  if (!options.writes()) return;
  Text tup("Tupfile");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    tup.add(": {}", source(i));
    for (const std::size_t node : upstream(options, i)) tup.add(" {}", output(node));
    tup.add(" |> {} %o %f |> {}\n", options.node, output(i));
  }
  Text("Tupfile.ini").add("");
}

// A package or project a node, in a folder of its own: turbo and moon have no finer unit.
std::string package(std::size_t node) {
  return fmt::format("packages/n{}", node);
}

std::string command_of_package(const Options& options, std::size_t node) {
  if (!options.writes()) return "/bin/true";
  std::string command = options.node + " out source";
  for (const std::size_t before : upstream(options, node)) command += fmt::format(" ../n{}/out", before);
  return command;
}

void write_packages(const Options& options) {
  for (std::size_t i = 0; i < options.nodes; ++i) {
    std::filesystem::create_directories(package(i));
    Text(package(i) + "/source").add("{}\n", i);
  }
}

void write_turbo(const Options& options) {
  Text("package.json")
      .add(R"({{"name":"bench","private":true,"packageManager":"npm@10.0.0","workspaces":["packages/*"]}})");
  Text("turbo.json").add(R"({{"tasks":{{"build":{{"dependsOn":["^build"],"outputs":["out"]}}}}}})");
  Text lock("package-lock.json");
  lock.add(R"({{"name":"bench","lockfileVersion":3,"packages":{{"":{{"name":"bench","workspaces":["packages/*"]}})");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    std::string before;
    for (const std::size_t node : upstream(options, i))
      before += fmt::format("{}\"n{}\":\"*\"", before.empty() ? "" : ",", node);
    Text(package(i) + "/package.json")
        .add(R"({{"name":"n{}","version":"1.0.0","scripts":{{"build":"{}"}},"dependencies":{{{}}}}})", i,
             command_of_package(options, i), before);
    lock.add(R"(,"node_modules/n{0}":{{"resolved":"packages/n{0}","link":true}})", i);
    lock.add(R"(,"packages/n{}":{{"version":"1.0.0","dependencies":{{{}}}}})", i, before);
  }
  lock.add("}}}}\n");
}

void write_moon(const Options& options) {
  std::filesystem::create_directories(".moon");
  Text(".moon/workspace.yml").add("projects: ['packages/*']\nvcs:\n  defaultBranch: main\n");
  for (std::size_t i = 0; i < options.nodes; ++i) {
    std::string before;
    for (const std::size_t node : upstream(options, i))
      before += fmt::format("{}'n{}'", before.empty() ? "" : ", ", node);
    Text moon(package(i) + "/moon.yml");
    moon.add("dependsOn: [{}]\ntasks:\n  build:\n    command: '{}'\n", before, command_of_package(options, i));
    moon.add("    inputs: ['source']\n    deps: ['^:build']\n");
    if (options.writes()) moon.add("    outputs: ['out']\n");
  }
}

}  // namespace

int main(int count, char** words) {
  const Options options = read_options(count, words);
  std::filesystem::create_directories(options.directory);
  std::filesystem::current_path(options.directory);
  if (options.form == "matrix") {
    write_trilock_matrix(options);
    return 0;
  }
  write_sources(options);
  write_trilock_tables(options);
  write_ninja(options);
  write_make(options);
  write_tup(options);
  const bool turbo = options.with.contains("turbo");
  const bool moon = options.with.contains("moon");
  if (turbo || moon) write_packages(options);
  if (turbo) write_turbo(options);
  if (moon) write_moon(options);
}

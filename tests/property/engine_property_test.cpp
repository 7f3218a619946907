// Random pipelines, edited, damaged, reverted and broken at random. After every run each node is held against what it
// had to do, worked out from the pure function that its process is (tests/support/program.hpp):
//
//   - what is on disk is what a clean build would have made,
//   - it ran only if nothing that was recorded or cached would do, and then it did run,
//   - a node that failed, or did not get to run, left its old outputs as they were,
//   - the forecast before the run had said so: what "would run" did, what did "would run" or "may run".
//   - what somebody put at an output stops its node; with `overwrite` it is kept elsewhere.
//
// TRILOCK_PROPERTY_SEED=N runs one seed; TRILOCK_PROPERTY_SEEDS=N the first N.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "tests/support/memory_build.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace trilock;
using namespace trilock::test;

namespace {

enum class Kind : std::uint8_t { lossy, pair, tree, scan };
enum class Tie : std::uint8_t { reference, needs, read_after, order };

struct Link {
  std::size_t node;
  Tie tie;
};

struct Vertex {
  Kind kind = Kind::lossy;
  std::vector<std::string> sources;
  bool glob = false;  // declares src/g*, whatever is there
  std::vector<Link> links;
  int salt = 0;
  int env = 0;
};

// What is known of a result: under which key, with what it read beyond the declared, and what it made.
struct Known {
  std::string declared;
  std::map<std::string, std::string> discovered;
  Made made;
};

constexpr std::size_t source_count = 5;
constexpr std::size_t header_count = 3;
constexpr std::size_t glob_count = 3;

// Writes a source, making its folder: absolute path, content, mode.
using Put = std::function<void(const std::string&, const std::string&, std::uint32_t)>;

class Property {
 public:
  Property(Build& build, Disk& disk, const std::string& dir, std::uint32_t seed, Put writer)
      : build_(build), disk_(disk), put_(std::move(writer)), root_(dir + "/w"), cache_(dir + "/cache"), random_(seed) {
    make_graph();
    for (std::size_t i = 0; i < source_count; ++i) put(source(i), std::to_string(below(3)));
    for (std::size_t i = 0; i < header_count; ++i) put(header(i), std::to_string(below(3)));
  }
  void step() {
    for (std::size_t edits = below(4); edits > 0; --edits) edit();
    write_pipeline();
    run_and_check();
  }

  // All sources good, then a run in which something goes wrong in the middle; the next one must put all right.
  void trouble(const std::function<void()>& arrange, const std::function<void()>& clear) {
    for (std::size_t i = 0; i < source_count; ++i) put(source(i), std::to_string(below(3)));
    for (std::size_t i = 0; i < header_count; ++i) put(header(i), "h" + std::to_string(below(3)));
    ++vertices_[below(vertices_.size())].salt;
    write_pipeline();
    arrange();
    (void)build_.run({.jobs = jobs(), .keep_going = below(2) == 0, .overwrite = true});
    clear();
    REQUIRE(disk_.remove(at(".trilock/tmp")).has_value());  // as a run does that follows one that was cut short
    const int code = build_.run({.jobs = jobs(), .overwrite = true});
    for (const auto& [label, report] : build_.reports)
      if (report.outcome == Outcome::failed) MESSAGE(label, ": ", report.reason);
    REQUIRE(code == 0);
    for (std::size_t i = 0; i < vertices_.size(); ++i) REQUIRE(text_of(snapshot(i), "") == text_of(run(i).made, ""));
    const std::size_t before = build_.processes;
    REQUIRE(build_.run({.jobs = jobs()}) == 0);
    REQUIRE(build_.processes == before);
    forget_all();
  }

  [[nodiscard]] std::string any_source() { return source(below(source_count)); }
  [[nodiscard]] std::size_t below(std::size_t end) { return random_() % end; }

  std::map<Outcome, std::size_t> outcomes;
  std::size_t cut_off = 0;    // nodes that did not run although one before them did
  std::size_t open = 0;       // nodes that a forecast left open
  std::size_t foretold = 0;   // nodes that ran, and of which it had said so
  std::size_t surprises = 0;  // that were to run, and that a cache had after all
  std::size_t stopped_in_all = 0;
  std::size_t kept_in_all = 0;

 protected:
  [[nodiscard]] std::string at(const std::string& path) const { return root_ + "/" + path; }
  void put(const std::string& path, const std::string& content, std::uint32_t mode = 0644) {
    put_(at(path), content, mode);
  }

  Build& build_;

 private:
  static std::string source(std::size_t i) { return fmt::format("src/s{}", i); }
  static std::string header(std::size_t i) { return fmt::format("src/h{}", i); }
  static std::string globbed(std::size_t i) { return fmt::format("src/g{}", i); }
  static std::string label(std::size_t i) { return fmt::format("command.n{}", i); }
  unsigned jobs() { return 1 + static_cast<unsigned>(below(3)); }

  void make_graph() {
    const std::size_t count = 2 + below(7);
    for (std::size_t i = 0; i < count; ++i) {
      Vertex vertex{.kind = static_cast<Kind>(below(4))};
      for (std::size_t k = 0; k < source_count; ++k)
        if (below(4) == 0) vertex.sources.push_back(source(k));
      vertex.glob = vertex.kind != Kind::scan && below(3) == 0;
      for (std::size_t k = 0; k < i; ++k) {
        if (below(3) != 0) continue;
        const Tie tie = static_cast<Tie>(below(4));
        // Who reads what it only comes after has to say so in a depfile.
        vertex.links.push_back({k, tie == Tie::read_after && vertex.kind != Kind::scan ? Tie::needs : tie});
      }
      vertices_.push_back(std::move(vertex));
    }
  }

  [[nodiscard]] std::vector<std::string> outputs(std::size_t i) const {
    if (vertices_[i].kind == Kind::pair) return {fmt::format("out/{}.a", i), fmt::format("out/{}.b", i)};
    return {fmt::format("out/{}", i)};
  }

  // The file of a node that others read.
  [[nodiscard]] std::string read_path(std::size_t i) const {
    return outputs(i)[0] + (vertices_[i].kind == Kind::tree ? "/sum" : "");
  }

  [[nodiscard]] std::vector<std::string> argv(std::size_t i, bool with_references) const {
    const Vertex& vertex = vertices_[i];
    std::vector<std::string> words = {"true"};
    constexpr std::string_view verbs[] = {"lossy", "pair", "tree", "scan"};
    words.emplace_back(verbs[static_cast<std::size_t>(vertex.kind)]);
    for (const std::string& output : outputs(i)) words.push_back(output);
    words.push_back(vertex.kind == Kind::scan ? fmt::format("tmp/{}.d", i) : fmt::format("salt{}", vertex.salt));
    words.insert(words.end(), vertex.sources.begin(), vertex.sources.end());
    if (vertex.glob)
      for (std::size_t k = 0; k < glob_count; ++k) words.push_back(globbed(k));
    for (const Link& link : vertex.links) {
      if (link.tie == Tie::order) continue;
      const Kind kind = vertices_[link.node].kind;
      const bool by_name = with_references && link.tie == Tie::reference;
      words.push_back(!by_name ? read_path(link.node)
                               : fmt::format("${{{}.out{}}}{}", label(link.node), kind == Kind::pair ? ".a" : "",
                                             kind == Kind::tree ? "/sum" : ""));
    }
    return words;
  }

  [[nodiscard]] std::vector<std::string> declared_inputs(std::size_t i) const {
    std::vector<std::string> paths = vertices_[i].sources;
    if (vertices_[i].glob)
      for (std::size_t k = 0; k < glob_count; ++k)
        if (disk_.stat(at(globbed(k)))) paths.push_back(globbed(k));
    return paths;
  }

  // Tables and keys in any order, since that must mean nothing.
  void write_pipeline() {
    std::vector<std::string> tables;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      const Vertex& vertex = vertices_[i];
      const auto list = [](const std::vector<std::string>& words) {
        return words.empty() ? std::string("[]") : fmt::format("[\"{}\"]", fmt::join(words, "\", \""));
      };
      std::vector<std::string> inputs = vertex.sources;
      if (vertex.glob) inputs.emplace_back("src/g*");
      std::vector<std::string> needs;
      std::vector<std::string> after;
      for (const Link& link : vertex.links) {
        if (link.tie == Tie::needs) needs.push_back(label(link.node));
        if (link.tie == Tie::read_after || link.tie == Tie::order) after.push_back(label(link.node));
      }
      std::vector<std::string> keys = {"run = " + list(argv(i, true)), "inputs = " + list(inputs),
                                       "needs = " + list(needs), "after = " + list(after),
                                       fmt::format("env = {{ E = \"{}\" }}", vertex.env)};
      if (vertex.kind == Kind::pair)
        keys.push_back(fmt::format("outputs = {{ a = \"out/{0}.a\", b = \"out/{0}.b\" }}", i));
      else
        keys.push_back("outputs = " + list(outputs(i)));
      if (vertex.kind == Kind::scan) keys.push_back(fmt::format("depfile = \"tmp/{}.d\"", i));
      std::shuffle(keys.begin(), keys.end(), random_);
      tables.push_back(fmt::format("[{}]\n{}\n", label(i), fmt::join(keys, "\n")));
    }
    std::shuffle(tables.begin(), tables.end(), random_);
    put("trilock.toml", fmt::format("{}", fmt::join(tables, "\n")));
  }

  // --- edits ---

  std::string some_text() {
    switch (below(8)) {
      case 0:
        return "bad" + std::to_string(below(2));
      case 1:
        return fmt::format("include {}\n", header(below(header_count)));
      case 2:
        return fmt::format("include {}\ninclude {}\n", header(below(header_count)), header(below(header_count)));
      default:
        return std::to_string(below(4));
    }
  }

  void edit() {
    Vertex& vertex = vertices_[below(vertices_.size())];
    switch (below(13)) {
      case 0:
      case 1:
      case 2:
        return put(any_source(), some_text());
      case 3:
        return put(header(below(header_count)), some_text());
      case 4:
        if (below(3) == 0) return erase(header(below(header_count)));
        return put(globbed(below(glob_count)), std::to_string(below(2)));
      case 5:
        return erase(globbed(below(glob_count)));
      case 6: {  // a mode, or a touch
        const std::string path = any_source();
        return put(path, disk_.read(at(path)).value_or("0"), below(2) == 0 ? 0755 : 0644);
      }
      case 7:
        vertex.salt = static_cast<int>(below(2));
        return;
      case 8:
        vertex.env = static_cast<int>(below(2));
        return;
      case 9:
      case 10:
        return tamper(below(vertices_.size()));
      case 11:
        for (std::size_t i = 0; i < source_count; ++i)
          if (disk_.read(at(source(i))).value_or("bad").starts_with("bad")) put(source(i), "1");
        return;
      default:
        if (below(3) == 0) {
          build_.forget_state();
          recorded_.clear();
          erase_unknown();
        } else if (below(3) == 0) {
          REQUIRE(disk_.remove(cache_).has_value());
          cached_.clear();
          blobs_.clear();
          erase_unknown();
        }
    }
  }

  // Whether a result is known to have made this, by the state database or the cache.
  [[nodiscard]] bool is_known(const std::string& path, const MadeEntry& entry) const {
    if (entry.type == EntryType::directory) return true;
    if (entry.type == EntryType::file && (entry.content.empty() || blobs_.contains(entry.content))) return true;
    return std::ranges::any_of(recorded_, [&](const auto& recorded) {
      const auto made = recorded.second.made.find(path);
      return made != recorded.second.made.end() && is_same(made->second, entry);
    });
  }
  static bool is_same(const MadeEntry& a, const MadeEntry& b) { return a.type == b.type && a.content == b.content; }

  // What only a result that is forgotten by now had made: another node may make the same bytes at the same time.
  void erase_unknown() {
    for (std::size_t i = 0; i < vertices_.size(); ++i)
      for (const auto& [path, entry] : snapshot(i))
        if (!is_known(path, entry)) erase(path);
  }

  // What would be lost if `wanted` took the place of what is there.
  [[nodiscard]] std::vector<std::string> foreign(const Made& there, const Made& wanted) const {
    std::vector<std::string> paths;
    for (const auto& [path, entry] : there) {
      const auto next = wanted.find(path);
      if (next != wanted.end() && is_same(next->second, entry)) continue;
      if (!is_known(path, entry)) paths.push_back(path);
    }
    return paths;
  }

  void erase(const std::string& path) { REQUIRE(disk_.remove(at(path)).has_value()); }

  void tamper(std::size_t i) {
    const std::vector<std::string> paths = outputs(i);
    const std::string path = paths[below(paths.size())];
    const Result<FileStat> stat = disk_.stat(at(path));
    if (!stat || below(4) == 0) return erase(path);
    const bool is_directory = stat->type == FileType::directory;
    const std::string file = is_directory ? path + "/sum" : path;
    switch (below(5)) {
      case 0: {  // the same size
        std::string content = disk_.read(at(file)).value_or("x");
        if (!content.empty()) content.back() = '!';
        return put(file, content);
      }
      case 1:
        return static_cast<void>(disk_.set_mode(at(path), 0700));
      case 2:
        return put(is_directory ? path + "/a b/extra" : path, "extra");
      case 3:
        erase(path);
        REQUIRE(disk_.make_symlink("nowhere", at(path)).has_value());
        return;
      default:
        erase(path);
        return is_directory ? put(path, "no directory") : put(path + "/in", "no file");
    }
  }

  void forget_all() {
    build_.forget_state();
    REQUIRE(disk_.remove(cache_).has_value());
    recorded_.clear();
    cached_.clear();
    blobs_.clear();
  }

  // --- what must come out ---

  std::optional<std::string> read(const std::string& path) const {
    Result<std::string> content = disk_.read(at(path));
    return content ? std::optional(std::move(*content)) : std::nullopt;
  }

  // The result of a process that is started now.
  [[nodiscard]] Effects run(std::size_t i) const {
    return run_program(argv(i, false), [&](const std::string& path) { return read(path); });
  }

  void add_below(const std::string& path, Made& made) const {
    const Result<FileStat> stat = disk_.stat(at(path));
    if (!stat) return;
    MadeEntry entry{.mode = stat->mode & 0777, .content = {}};
    if (stat->type == FileType::symlink) {
      entry = {EntryType::symlink, 0, disk_.read_link(at(path)).value_or("")};
    } else if (stat->type == FileType::directory) {
      entry.type = EntryType::directory;
    } else {
      entry.content = disk_.read(at(path)).value_or("");
    }
    const bool is_directory = entry.type == EntryType::directory;
    made[path] = std::move(entry);
    if (!is_directory) return;
    const Result<std::vector<DirEntry>> names = disk_.list(at(path));
    REQUIRE(names.has_value());
    for (const DirEntry& name : *names) add_below(path + "/" + name.name, made);
  }

  [[nodiscard]] Made snapshot(std::size_t i) const {
    Made made;
    for (const std::string& output : outputs(i)) add_below(output, made);
    return made;
  }

  static std::string text_of(const Made& made, const std::string& below) {
    std::string text;
    for (const auto& [path, entry] : made)
      if (path == below || path.starts_with(below + "/") || below.empty())
        text += fmt::format("{}|{}|{}|{}\n", path, static_cast<int>(entry.type), entry.mode, entry.content);
    return text;
  }

  // Everything that decides what node `i` makes, of what it declares.
  std::string declared_key(std::size_t i) {
    std::string key = fmt::format("{}\n{}\n", fmt::join(argv(i, false), " "), vertices_[i].env);
    for (const std::string& path : declared_inputs(i)) {
      const Result<FileStat> stat = disk_.stat(at(path));
      key += fmt::format("{} {:o} {}\n", path, stat ? stat->mode : 0, read(path).value_or("absent"));
    }
    for (const Link& link : vertices_[i].links) {
      if (link.tie == Tie::reference) key += text_of(results_.at(link.node), outputs(link.node)[0]);
      if (link.tie == Tie::needs) key += text_of(results_.at(link.node), "");
    }
    return key;
  }

  [[nodiscard]] bool holds(const Known& known, const std::string& declared) const {
    return known.declared == declared && std::ranges::all_of(known.discovered, [&](const auto& input) {
             return read(input.first).value_or("absent") == input.second;
           });
  }

  [[nodiscard]] bool can_restore(const Known& known) const {
    return std::ranges::all_of(known.made, [&](const auto& entry) {
      const std::string& content = entry.second.content;  // the empty blob is always there
      return entry.second.type != EntryType::file || content.empty() || blobs_.contains(content);
    });
  }

  Outcome expect(std::size_t i, const std::string& declared, const Made& before, Known& known) {
    const auto recorded = recorded_.find(i);
    if (recorded != recorded_.end() && holds(recorded->second, declared)) {
      known = recorded->second;
      if (before == known.made) return Outcome::unchanged;
      if (can_restore(known)) return unless_stopped(Outcome::restored, before, known.made);
    }
    for (const Known& cached : cached_[i]) {
      if (!holds(cached, declared) || !can_restore(cached)) continue;
      known = cached;
      return unless_stopped(Outcome::restored, before, known.made);
    }
    return unless_stopped(run(i).exit_code == 0 ? Outcome::ran : Outcome::failed, before, {});
  }

  Outcome unless_stopped(Outcome otherwise, const Made& before, const Made& wanted) {
    const std::vector<std::string> paths = foreign(before, wanted);
    if (paths.empty() || overwrite_) {
      for (const std::string& path : paths) to_keep_.push_back(before.at(path));
      return otherwise;
    }
    ++stopped_;
    return Outcome::failed;
  }

  // Everything that stood in the way is in `displaced/`, unless it came out the same or its node failed.
  void check_kept() {
    Made displaced;
    add_below(".trilock/displaced", displaced);
    for (const MadeEntry& entry : to_keep_) {
      const auto has = [&](const Made& made) {
        return std::ranges::any_of(made, [&](const auto& other) { return is_same(other.second, entry); });
      };
      bool kept = has(displaced);
      for (std::size_t i = 0; !kept && i < vertices_.size(); ++i) kept = has(snapshot(i));
      REQUIRE(kept);
    }
  }

  void learn(std::size_t i, const std::string& declared, const Effects& effects) {
    Known known{declared, {}, effects.made};
    if (vertices_[i].kind == Kind::scan) {
      const std::vector<std::string> inputs = declared_inputs(i);
      for (const std::string& path : effects.read)
        if (std::ranges::find(inputs, path) == inputs.end()) known.discovered[path] = read(path).value_or("absent");
    }
    for (const auto& [path, entry] : known.made)
      if (entry.type == EntryType::file && blobs_.insert(entry.content).second) learned_.insert(entry.content);
    cached_[i].push_back(known);
    recorded_[i] = std::move(known);
  }

  void check_node(std::size_t i, const Made& before) {
    const NodeReport& report = build_.reports.at(label(i));
    INFO("node ", label(i), ": ", std::string(to_string(report.outcome)), ", ", report.reason, ", ", report.err);
    ++outcomes[report.outcome];
    const bool ready =
        std::ranges::all_of(vertices_[i].links, [&](const Link& l) { return results_.contains(l.node); });
    if (report.outcome == Outcome::skipped || report.outcome == Outcome::cancelled) {
      REQUIRE((!ready || report.outcome == Outcome::cancelled));
      REQUIRE(snapshot(i) == before);
      return;
    }
    REQUIRE(ready);
    const std::string declared = declared_key(i);
    Known known;
    Outcome expected = expect(i, declared, before, known);
    // Whether bytes that another node made in this run were in the cache already when this one asked, nobody can tell.
    const bool unsure = std::ranges::any_of(known.made, [&](const auto& entry) {
      return entry.second.type == EntryType::file && learned_.contains(entry.second.content);
    });
    if (unsure && expected == Outcome::restored && report.outcome == Outcome::ran) expected = Outcome::ran;
    REQUIRE(to_string(report.outcome) == to_string(expected));
    if (report.outcome == Outcome::failed) {
      REQUIRE(snapshot(i) == before);
      return;
    }
    const Effects effects = run(i);
    REQUIRE(effects.exit_code == 0);
    REQUIRE(text_of(snapshot(i), "") == text_of(effects.made, ""));
    results_[i] = effects.made;
    if (report.outcome == Outcome::ran) return learn(i, declared, effects);
    if (report.outcome == Outcome::restored) recorded_[i] = known;
    const bool after_a_run = std::ranges::any_of(vertices_[i].links, [&](const Link& link) {
      return build_.reports.at(label(link.node)).outcome == Outcome::ran;
    });
    if (after_a_run && report.outcome == Outcome::unchanged) ++cut_off;
  }

  void check_foretold(std::size_t i, const std::map<std::string, std::optional<Next>>& forecast) {
    const NodeReport& report = build_.reports.at(label(i));
    const Outcome outcome = report.outcome;
    const std::optional<Next> next = forecast.at(label(i));
    // What stands in the way is found when the node is about to write.
    if (outcome == Outcome::failed && report.reason.contains("no run made ")) return;
    INFO("node ", label(i), " ", std::string(to_string(outcome)), ", foretold ", next ? static_cast<int>(*next) : -1);
    // What comes after a failure was not foretold.
    if (outcome == Outcome::skipped || outcome == Outcome::cancelled) return;
    if (!next) {
      ++open;
      return;
    }
    const bool runs = outcome == Outcome::ran || outcome == Outcome::failed;
    if (*next == Next::nothing) REQUIRE(outcome == Outcome::unchanged);
    if (*next == Next::restore) REQUIRE(outcome == Outcome::restored);
    if (*next == Next::run && runs) ++foretold;
    if (*next != Next::run || runs) return;
    REQUIRE(outcome == Outcome::restored);
    REQUIRE(std::ranges::any_of(vertices_[i].links, [&](const Link& link) {
      return build_.reports.at(label(link.node)).outcome != Outcome::unchanged;
    }));
    ++surprises;
  }

  void run_and_check() {
    std::vector<Made> before;
    for (std::size_t i = 0; i < vertices_.size(); ++i) before.push_back(snapshot(i));
    std::vector<std::string> labels;
    if (below(6) == 0) labels.push_back(label(below(vertices_.size())));
    const bool keep_going = below(4) != 0;
    const std::size_t processes = build_.processes;
    std::map<std::string, std::optional<Next>> forecast;  // none: it may run
    const std::vector<Forecast> foretelling = build_.look({}, labels);
    for (std::size_t i = 0; i < foretelling.size(); ++i)
      forecast[build_.looked_at[i]] = foretelling[i].open ? std::nullopt : std::optional(foretelling[i].decision.next);
    REQUIRE(build_.processes == processes);
    overwrite_ = below(3) != 0;
    stopped_ = 0;
    learned_.clear();
    to_keep_.clear();
    const int code = build_.run({.jobs = jobs(), .keep_going = keep_going, .overwrite = overwrite_}, labels);
    INFO(build_.findings);
    REQUIRE(code < 2);
    INFO(fmt::format("{}", fmt::join(build_.warnings, "; ")));
    for (const std::string& warning : build_.warnings) REQUIRE(warning.contains(": no run made "));
    REQUIRE((overwrite_ || build_.warnings.empty()));
    results_.clear();
    std::size_t started = 0;
    for (std::size_t i = 0; i < vertices_.size(); ++i) {
      if (!build_.reports.contains(label(i))) {
        REQUIRE(snapshot(i) == before[i]);
        continue;
      }
      check_node(i, before[i]);
      check_foretold(i, forecast);
      const Outcome outcome = build_.reports.at(label(i)).outcome;
      if (outcome == Outcome::ran || outcome == Outcome::failed) ++started;
      if (keep_going) REQUIRE(outcome != Outcome::cancelled);
    }
    REQUIRE(build_.processes - processes == started - stopped_);
    stopped_in_all += stopped_;
    kept_in_all += to_keep_.size();
    check_kept();
    REQUIRE((code == 0) == (results_.size() == build_.reports.size()));
    for (std::size_t i = 0; i < vertices_.size(); ++i) REQUIRE(!disk_.stat(at(fmt::format("tmp/{}.d", i))));
  }

  Disk& disk_;
  Put put_;
  std::string root_;
  std::string cache_;
  std::mt19937 random_;
  std::vector<Vertex> vertices_;
  std::map<std::size_t, Known> recorded_;             // the state database
  std::map<std::size_t, std::vector<Known>> cached_;  // the action cache
  std::set<std::string> blobs_;
  std::map<std::size_t, Made> results_;  // of the nodes that came out in this run
  bool overwrite_ = false;
  std::set<std::string> learned_;   // of blobs_, what is new in this run
  std::size_t stopped_ = 0;         // nodes that something stood in the way of
  std::vector<MadeEntry> to_keep_;  // what must not be lost in this run
};

class InMemory final : public Property {
 public:
  InMemory(MemoryBuild& build, std::uint32_t seed)
      : Property(build, build.disk, "", seed,
                 [&build](const std::string& path, const std::string& content, std::uint32_t mode) {
                   build.disk.put(path, content, mode);
                   (void)build.disk.set_mode(path, mode);
                 }),
        memory_(build) {}

  void spoil() {
    const std::size_t nth = 1 + below(40);
    const int error = below(2) == 0 ? ENOSPC : EIO;
    const FaultSpan span = below(2) == 0 ? FaultSpan::once : FaultSpan::from_then_on;
    trouble([&] { memory_.disk.fail_write(nth, error, span); }, [&] { memory_.disk.heal(); });
    // Somebody edits while nodes run.
    const std::string path = any_source();
    const std::size_t when = below(3);
    std::size_t calls = 0;
    trouble(
        [&] {
          build_.before_process = [&](const auto&) {
            if (calls++ != when) return;
            if (below(2) == 0) memory_.disk.next_tick();
            put(path, "e");
          };
        },
        [&] { build_.before_process = nullptr; });
  }

 private:
  MemoryBuild& memory_;
};

class OnDisk final : public Property {
 public:
  OnDisk(Build& build, Disk& disk, const std::string& dir, std::uint32_t seed)
      : Property(build, disk, dir, seed,
                 [&disk](const std::string& path, const std::string& content, std::uint32_t mode) {
                   put_on(disk, path, content, mode);
                 }) {}

  void spoil() {
    const std::string path = any_source();
    const std::size_t when = below(3);
    std::atomic<std::size_t> calls = 0;
    // Once: a second write within the same tick of the clock, of which a process sees the half, leaves no trace.
    trouble(
        [&] {
          build_.before_process = [&](const auto&) {
            if (calls++ == when) put(path, "e");
          };
        },
        [&] { build_.before_process = nullptr; });
  }

 private:
  // In place, as editors that keep the inode do: only the times tell.
  static void put_on(Disk& disk, const std::string& path, const std::string& content, std::uint32_t mode) {
    REQUIRE(disk.make_directories(path.substr(0, path.rfind('/'))).has_value());
    if (const Result<FileStat> stat = disk.stat(path); stat && stat->type != FileType::file)
      REQUIRE(disk.remove(path).has_value());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    REQUIRE(disk.set_mode(path, mode).has_value());
  }
};

// Sanitizers take ten times as long and look at each step more closely, not at more of them.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::uint32_t share = 6;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
constexpr std::uint32_t share = 6;
#else
constexpr std::uint32_t share = 1;
#endif
#else
constexpr std::uint32_t share = 1;
#endif

struct Seeds {
  std::uint32_t first;
  std::uint32_t last;
};

Seeds seeds(std::uint32_t usual) {
  if (const char* one = std::getenv("TRILOCK_PROPERTY_SEED")) {
    const auto seed = static_cast<std::uint32_t>(std::strtoul(one, nullptr, 10));
    return {seed, seed};
  }
  const char* many = std::getenv("TRILOCK_PROPERTY_SEEDS");
  return {1, many != nullptr ? static_cast<std::uint32_t>(std::strtoul(many, nullptr, 10)) : usual};
}

struct Totals {
  std::map<Outcome, std::size_t> outcomes;
  std::size_t cut_off = 0;
  std::size_t open = 0;
  std::size_t foretold = 0;
  std::size_t surprises = 0;
  std::size_t stopped = 0;
  std::size_t kept = 0;

  void add(const Property& property) {
    stopped += property.stopped_in_all;
    kept += property.kept_in_all;
    for (const auto& [outcome, count] : property.outcomes) outcomes[outcome] += count;
    cut_off += property.cut_off;
    open += property.open;
    foretold += property.foretold;
    surprises += property.surprises;
  }
  // Otherwise the test would say nothing.
  void check_variety(std::size_t least) {
    for (const Outcome outcome :
         {Outcome::unchanged, Outcome::restored, Outcome::ran, Outcome::failed, Outcome::skipped, Outcome::cancelled}) {
      INFO(std::string(to_string(outcome)));
      CHECK(outcomes[outcome] > least);
    }
    CHECK(cut_off > least);
    CHECK(open > least);
    CHECK(foretold > 2 * open / 3);  // a forecast that leaves all open says nothing
    CHECK(surprises <= foretold / 20);
    CHECK(stopped > least);
    CHECK(kept > least);
  }
};

}  // namespace

TEST_CASE("property: whatever happens, each node does what it must and no more, and the result is a clean build's") {
  const auto [first, last] = seeds(300 / share);
  Totals totals;
  for (std::uint32_t seed = first; seed <= last; ++seed) {
    INFO("TRILOCK_PROPERTY_SEED=", seed);
    MemoryBuild build;
    InMemory property(build, seed);
    for (int round = 0; round < 10; ++round) {
      INFO("round ", round);
      property.step();
    }
    property.spoil();
    totals.add(property);
  }
  if (first != last) totals.check_variety((last - first) / 8);
}

TEST_CASE("property: the same on the real disk") {
  const auto [first, last] = seeds(24 / share);
  const std::unique_ptr<Disk> disk = make_real_disk();
  Totals totals;
  for (std::uint32_t seed = first; seed <= last; ++seed) {
    INFO("TRILOCK_PROPERTY_SEED=", seed);
    TemporaryDirectory directory;
    REQUIRE(disk->make_directories(directory / "w").has_value());
    Build build(*disk, directory / "w", directory / "cache");
    OnDisk property(build, *disk, directory.path(), seed);
    for (int round = 0; round < 8; ++round) {
      INFO("round ", round);
      property.step();
    }
    property.spoil();
    totals.add(property);
  }
  if (share == 1 && first != last) totals.check_variety(0);  // a share of these seeds is too few to see everything
}

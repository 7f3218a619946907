#include "engine/questions.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/memory_disk.hpp"

using namespace trilock;
using trilock::test::MemoryDisk;

namespace {

class CountingRunner final : public ProcessRunner {
 public:
  Result<ProcessResult> run(const ProcessSpec& spec) override {
    ++asked;
    last = spec;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return ProcessResult{.exit_code = exit_code, .out = "answer " + std::to_string(asked.load())};
  }
  void stop(Stop) override {}
  bool pause(std::uint64_t) override { return true; }
  std::atomic<int> asked = 0;
  ProcessSpec last;  // for tests with one thread
  int exit_code = 0;
};

struct Scene {
  MemoryDisk disk;
  CountingRunner runner;
  Environment environment{{{"PATH", "/usr/bin:/bin"}}};
  std::vector<StoredAnswer> stored;

  Scene() {
    for (const char* tool : {"/usr/bin/true", "/bin/true"}) disk.put(tool, "v1", 0755);
    disk.put("/w/a", "A");
    disk.put("/w/learned", "L");
    disk.put("/w/index", "I");
    disk.put("/w/dir/x", "X");
  }
  // One run of trilock: what earlier runs were answered is known, what is new is kept for the next.
  std::string run(const Question& question, int times = 1) {
    disk.next_tick();
    SourceTree tree(disk, "/w");
    Questions questions(tree, runner, environment);
    questions.remember(stored);
    std::string out;
    for (int i = 0; i < times; ++i) out = questions.ask(question)->out;
    for (StoredAnswer& answer : questions.take_new_answers()) {
      std::erase_if(stored, [&](const StoredAnswer& s) { return s.question == answer.question; });
      stored.push_back(std::move(answer));
    }
    disk.next_tick();
    return out;
  }
};

Question question() {
  Question q;
  q.argv = {"true", "list"};
  q.content_of = {"a"};
  q.stat_of = {"index"};
  q.listing_of = {"dir"};
  q.learn = [](std::string_view) { return std::vector<std::string>{"learned"}; };
  return q;
}

}  // namespace

TEST_CASE("a question is asked once, in this run and in later ones") {
  Scene scene;
  CHECK(scene.run(question(), 3) == "answer 1");
  CHECK(scene.run(question()) == "answer 1");
  CHECK(scene.runner.asked == 1);
}

TEST_CASE("it is asked again when anything changes that the answer depends on") {
  Scene scene;
  REQUIRE(scene.run(question()) == "answer 1");
  scene.disk.put("/w/a", "A");
  CHECK(scene.run(question()) == "answer 1");  // touched only
  scene.disk.put("/w/a", "A2");
  CHECK(scene.run(question()) == "answer 2");
  scene.disk.put("/w/learned", "L2");
  CHECK(scene.run(question()) == "answer 3");
  scene.disk.put("/w/index", "I");
  CHECK(scene.run(question()) == "answer 4");  // by stat: touching counts
  scene.disk.put("/w/dir/y", "");
  CHECK(scene.run(question()) == "answer 5");
  scene.disk.put("/w/dir/y", "other content");
  CHECK(scene.run(question()) == "answer 5");  // by names only
  scene.disk.put("/usr/bin/true", "v2", 0755);
  scene.disk.put("/bin/true", "v2", 0755);
  CHECK(scene.run(question()) == "answer 6");
  scene.disk.erase("/w/a");
  CHECK(scene.run(question()) == "answer 7");
  Question other = question();
  other.env = {{"GOOS", "plan9", EnvClass::passed}};
  CHECK(scene.run(other) == "answer 8");
}

TEST_CASE("`every_run` holds for one run, a failure too") {
  Scene scene;
  Question q = question();
  q.every_run = true;
  CHECK(scene.run(q, 3) == "answer 1");
  CHECK(scene.run(q) == "answer 2");
  scene.runner.exit_code = 1;
  CHECK(scene.run(question(), 2) == "answer 3");
  CHECK(scene.run(question()) == "answer 4");
}

TEST_CASE("equal questions at once start one process") {
  Scene scene;
  SourceTree tree(scene.disk, "/w");
  Questions questions(tree, scene.runner, scene.environment);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { static_cast<void>(questions.ask(question())); });
  for (std::thread& thread : threads) thread.join();
  CHECK(scene.runner.asked == 1);
}

TEST_CASE("a tool that is not there is an error that names it") {
  Scene scene;
  SourceTree tree(scene.disk, "/w");
  Questions questions(tree, scene.runner, scene.environment);
  Question q;
  q.argv = {"no-such-tool"};
  const Result<Answer> answer = questions.ask(q);
  REQUIRE(!answer);
  CHECK(answer.error().message == "`no-such-tool` is not in PATH");
}

TEST_CASE("asked quietly: the same question, without what the pipeline chooses") {
  Scene scene;
  const Question plain = question();
  const auto ask = [&](const std::string& root, const Question& asked) {
    SourceTree tree(scene.disk, root);
    Questions questions(tree, scene.runner, scene.environment);
    questions.remember(scene.stored);
    questions.ask_quietly();
    return questions.ask(asked);
  };
  // The first in PATH is what a run would start, so no other is asked in its place.
  const Result<Answer> refused = ask("/usr", plain);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::not_known);
  CHECK(refused.error().message ==
        "not known before a run: `/usr/bin/true` is a program of the workspace, which only a run starts");
  CHECK(scene.runner.asked == 0);

  Question q = question();
  q.env = {{"DECLARED", "d", EnvClass::declared},
           {"PASSED", "p", EnvClass::passed},
           {"PATH", "/usr/bin:/w/bin:.", EnvClass::declared}};
  q.quiet.set = {{"GOPROXY", "off", EnvClass::declared}};
  CHECK(ask("/w", q)->quiet);
  using Strings = std::vector<std::string>;
  CHECK(scene.runner.last.env == Strings{"GOPROXY=off", "LANG=C.UTF-8", "PASSED=p", "PATH=/usr/bin"});
  CHECK(scene.run(q) == "answer 2");  // what was asked quietly is not kept
  CHECK(scene.runner.last.env == Strings{"DECLARED=d", "LANG=C.UTF-8", "PASSED=p", "PATH=/usr/bin:/w/bin:."});
  CHECK(ask("/w", q)->out == "answer 2");  // a run was told

  q.argv.emplace_back("more");
  q.quiet.refused = "it asks a server";
  CHECK(ask("/w", q).error().message == "not known before a run: it asks a server");
  CHECK(scene.run(q) == "answer 3");
  CHECK(ask("/w", q)->out == "answer 3");
  CHECK(scene.runner.asked == 3);
}

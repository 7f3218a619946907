#include "engine/environment.hpp"

#include <doctest/doctest.h>

using namespace trilock;

TEST_CASE("the base environment is the documented list and nothing else") {
  const Environment environment(
      {{"PATH", "/bin"}, {"HOME", "/root"}, {"TMPDIR", "/t"}, {"SECRET", "x"}, {"LANG", "de_DE"}});
  const std::vector<EnvVar> base = environment.base();
  std::string text;
  for (const EnvVar& variable : base) text += variable.name + "=" + variable.value + "\n";
  CHECK(text == "HOME=/root\nLANG=C.UTF-8\nPATH=/bin\nTMPDIR=/t\n");
}

TEST_CASE("TERM is passed on where a terminal is attached, and nowhere else") {
  const auto names = [](const Environment& environment) {
    std::string text;
    for (const EnvVar& variable : environment.base()) text += variable.name + " ";
    return text;
  };
  CHECK(names(Environment({{"TERM", "xterm"}}, Terminal::attached)) == "LANG PATH TERM ");
  CHECK(names(Environment({{"TERM", "xterm"}}, Terminal::none)) == "LANG PATH ");
  CHECK(names(Environment({}, Terminal::attached)) == "LANG PATH ");
}

TEST_CASE("later layers win, markers become paths") {
  const std::vector<EnvVar> base{{"A", "1", EnvClass::base}, {"B", "2", EnvClass::base}};
  const std::vector<EnvVar> node{
      {"B", std::string(scratch_marker) + "/x:" + std::string(workspace_marker), EnvClass::declared}};
  CHECK(compose_environment({&base, &node}, {"/w", "/s"}) == std::vector<std::string>{"A=1", "B=/s/x:/w"});
}

TEST_CASE("text without markers is left alone, a lone control character too") {
  CHECK(replace_markers("plain", {"/w", "/s"}) == "plain");
  CHECK(replace_markers("a\x1f"
                        "b\x1f",
                        {"/w", "/s"}) ==
        "a\x1f"
        "b\x1f");
  CHECK(replace_markers("", {"/w", "/s"}).empty());
}

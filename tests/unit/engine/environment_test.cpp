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

TEST_CASE("secrets are redacted, the longer one first") {
  const Redactor redact({{"T", "hunter2", EnvClass::secret},
                         {"U", "hunter2-long", EnvClass::secret},
                         {"V", "abc", EnvClass::secret},
                         {"W", "plain", EnvClass::declared}});
  CHECK(redact("a hunter2-long b hunter2hunter2 abc plain") == "a *** b ****** abc plain");
}

#include "schemas/text.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace trilock;

namespace {

Reference reference(std::string target, Coordinates coordinates, std::string value, std::size_t offset) {
  return {std::move(target), std::move(coordinates), std::move(value), "", offset, {}};
}

// "ab${image.dev[go=1.22].digest}c${go.test.key}${go.test.out.bin}"
Text sample() {
  return {"abc",
          {reference("image.dev", {{"go", "1.22"}}, "digest", 2), reference("go.test", {}, "key", 3),
           reference("go.test", {}, "out.bin", 3)}};
}

}  // namespace

TEST_CASE("references are replaced at their offsets") {
  const std::vector<std::string> values = {"<1>", "<2>", "<3>"};
  CHECK(fill(sample(), values) == "ab<1>c<2><3>");
  CHECK(fill({"plain ${x}", {}}, {}) == "plain ${x}");
  CHECK(fill({"", {reference("a.b", {}, "key", 0)}}, std::vector<std::string>{"v"}) == "v");
  CHECK(fill({"é!", {reference("a.b", {}, "key", 2)}}, std::vector<std::string>{"ü"}) == "éü!");
  CHECK(fill({"", {}}, {}) == "");
}

TEST_CASE("a text as its user wrote it") {
  CHECK(to_source(sample()) == "ab${image.dev[go=1.22].digest}c${go.test.key}${go.test.out.bin}");
  CHECK(to_source({"costs $5, ${HOME} and $", {}}) == "costs $5, $${HOME} and $");
  CHECK(to_source({"", {}}) == "");
  CHECK(sample().is_literal() == false);
  CHECK(Text{"x", {}}.is_literal());
}

TEST_CASE("labels") {
  CHECK(make_label("image.dev", {}) == "image.dev");
  CHECK(make_label("image.dev", Coordinates{{"go", "1.22"}}) == "image.dev[go=1.22]");
  CHECK(make_label("image.dev", Coordinates{{"go", "1.22"}, {"libc", "glibc"}}) == "image.dev[go=1.22,libc=glibc]");
}

// Expectations: the Dockerfile reference of docs.docker.com, and BuildKit's parser tests (parser_test.go,
// testfiles/*/result, shell/envVarTest).
#include "rules/image/dockerfile.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "rules/image/dockerfile_words.hpp"
#include "rules/image/image_reference.hpp"
#include "rules/image/stages.hpp"

using namespace trilock;

namespace {

Dockerfile parsed(std::string_view text) {
  std::vector<DockerfileProblem> problems;
  Dockerfile file = parse_dockerfile(text, problems);
  for (const auto& problem : problems) FAIL_CHECK(problem.line << ": " << problem.message);
  return file;
}

std::string problems_of(std::string_view text) {
  std::vector<DockerfileProblem> problems;
  (void)parse_dockerfile(text, problems);
  std::string out;
  for (const auto& problem : problems) {
    out += std::to_string(problem.line) + ": " + problem.message;
    out += (problem.help.empty() ? "" : " (" + problem.help + ")") + std::string("\n");
  }
  return out;
}

// "RUN --mount=a|b c@2-3": name, flags, args, first and last line.
std::string shown(const Dockerfile& file) {
  std::string out;
  for (const auto& instruction : file.instructions) {
    out += instruction.name;
    for (const auto& flag : instruction.flags) out += " --" + flag.name + (flag.has_value ? "=" + flag.value.text : "");
    for (const auto& arg : instruction.args) out += "|" + arg.text;
    out += "@" + std::to_string(instruction.line) + "-" + std::to_string(instruction.last_line) + "\n";
  }
  return out;
}

std::string expanded(std::string_view text) {
  const VariableLookup lookup = [](std::string_view name) -> VariableValue {
    if (name == "HOME") return {VariableValue::Kind::set, "/home"};
    if (name == "EMPTY") return {VariableValue::Kind::set, ""};
    if (name == "LATER") return {VariableValue::Kind::unknown, ""};
    return {};
  };
  const auto result = expand_variables(text, '\\', lookup);
  if (!result) return "error: " + result.error();
  return *result ? **result : "<unknown>";
}

}  // namespace

TEST_CASE("dockerfile: lines, continuations, comments") {
  CHECK(shown(parsed("FROM a\nRUN b \\\n  c\n")) == "FROM|a@1-1\nRUN|b   c@2-3\n");
  CHECK(shown(parsed("# c\n\n  from a as b\r\n\tRUN x\r\n")) == "FROM|a|as|b@3-3\nRUN|x@4-4\n");
  // Comments and empty lines inside a continuation are dropped, with leading blanks too.
  CHECK(shown(parsed("FROM a\nRUN b \\\n  # no\n\n   \t\n# \\\n  c\nRUN d")) ==
        "FROM|a@1-1\nRUN|b   c@2-7\nRUN|d@8-8\n");
  // Blanks may follow the escape; two escapes are none; it may end the file.
  CHECK(shown(parsed("FROM a\nRUN b\\ \t\nc\n")) == "FROM|a@1-1\nRUN|bc@2-3\n");
  CHECK(shown(parsed("FROM a\nRUN b\\\\\nRUN c\n")) == "FROM|a@1-1\nRUN|b\\\\@2-2\nRUN|c@3-3\n");
  CHECK(shown(parsed("FROM a\nRUN b \\")) == "FROM|a@1-1\nRUN|b@2-2\n");
  CHECK(shown(parsed("\xef\xbb\xbf# escape=`\nFROM a\nRUN b `\nc\\\nRUN d")) ==
        "FROM|a@2-2\nRUN|b c\\@3-4\nRUN|d@5-5\n");
}

TEST_CASE("dockerfile: parser directives") {
  CHECK(parsed("# syntax=docker/dockerfile:1\n# Escape = `\nFROM a").escape == '`');
  CHECK(parsed("# syntax=docker/dockerfile:1\nFROM a").syntax == "docker/dockerfile:1");
  CHECK(parsed("# hello\n# escape=`\nFROM a").escape == '\\');
  CHECK(parsed("\n# escape=`\nFROM a").escape == '\\');
  CHECK(parsed("# unknown=1\n# escape=`\nFROM a").escape == '\\');
  CHECK(parsed("FROM a\n# escape=`\n").escape == '\\');
  CHECK(problems_of("# escape=`\n# escape=`\nFROM a") ==
        "2: the parser directive `escape` stands here for the second time\n");
  CHECK(problems_of("# escape=x\nFROM a") == "1: `x` is no escape character (expected `\\` or a backtick)\n");
}

TEST_CASE("dockerfile: flags and arguments") {
  CHECK(shown(parsed("FROM --platform=$BUILDPLATFORM a AS b")) == "FROM --platform=$BUILDPLATFORM|a|AS|b@1-1\n");
  CHECK(shown(parsed("FROM a\nCOPY --from=x --link --chown=1:2 a b c")) ==
        "FROM|a@1-1\nCOPY --from=x --link --chown=1:2|a|b|c@2-2\n");
  CHECK(shown(parsed("FROM a\nRUN --mount=type=bind,from=x,target=/m --network=none ls --all")) ==
        "FROM|a@1-1\nRUN --mount=type=bind,from=x,target=/m --network=none|ls --all@2-2\n");
  CHECK(shown(parsed("FROM a\nCOPY [\"a b\", \"c\"]")) == "FROM|a@1-1\nCOPY|a b|c@2-2\n");
  CHECK(shown(parsed("FROM a\nRUN [\"a\", 1]")) == "FROM|a@1-1\nRUN|[\"a\", 1]@2-2\n");
  CHECK(shown(parsed("ARG A=1 B=\"x y\"\nFROM a")) == "ARG|A=1|B=\"x y\"@1-1\nFROM|a@2-2\n");
  const auto stages = parsed("FROM a AS One\nFROM b\nFROM One").stages;
  CHECK(stages[0].name == "one");
  CHECK(stages[1].name.empty());
  CHECK(stages[2].line == 3);
}

TEST_CASE("dockerfile: heredocs") {
  const auto file = parsed(
      "FROM a\nRUN <<EOF cat <<-'B c' >/x\n# kept\n$A \\\nEOF\n\tt\n\tB c\nCOPY <<x <<\"y\" /d/\n1\nx\n2\ny\nRUN z");
  REQUIRE(file.instructions.size() == 4);
  const auto& run = file.instructions[1];
  REQUIRE(run.heredocs.size() == 2);
  CHECK(run.heredocs[0].name == "EOF");
  CHECK(run.heredocs[0].expand);
  CHECK(run.heredocs[0].content == "# kept\n$A \\\n");
  CHECK(run.heredocs[1].name == "B c");
  CHECK_FALSE(run.heredocs[1].expand);
  CHECK(run.heredocs[1].content == "\tt\n");
  CHECK(run.last_line == 7);
  CHECK(file.instructions.back().line == 13);
}

TEST_CASE("dockerfile: kinds of heredocs") {
  const auto file =
      parsed("FROM a\nRUN 3<<-'E' cat\n\t a\n\tE\nCOPY <<x <<\"y\" /d/\n1\nx\n2\ny\nRUN [\"<<EOF\"]\nRUN a <<< b\n");
  const auto& first = file.instructions[1].heredocs.at(0);
  CHECK(first.strip_tabs);
  CHECK_FALSE(first.expand);
  CHECK(first.descriptor == 3);
  CHECK(first.content == "\t a\n");
  const auto& copy = file.instructions[2];
  REQUIRE(copy.heredocs.size() == 2);
  CHECK(copy.heredocs[0].expand);
  CHECK_FALSE(copy.heredocs[1].expand);
  CHECK(copy.heredocs[1].content == "2\n");
  CHECK(copy.last_line == 9);
  CHECK(file.instructions[3].heredocs.empty());
  CHECK(file.instructions[4].heredocs.empty());
  CHECK(problems_of("FROM a\nRUN <<EOF\nx\n") == "2: the heredoc `EOF` is never closed\n");
}

TEST_CASE("dockerfile: what is wrong, all at once") {
  CHECK(problems_of("") == "1: no instructions\n");
  CHECK(problems_of("ARG A\n") == "1: no `FROM` instruction\n");
  CHECK(problems_of("RUN a\nFROM b\nCOPPY c d\nCOPY e\nFROM f g\nFROM h AS 1x\nRUN\n") ==
        "1: `RUN` before the first `FROM` (only `ARG` may stand before the first `FROM`)\n"
        "3: unknown instruction `COPPY` (did you mean `COPY`?)\n"
        "4: `COPY` needs a source and a destination\n"
        "5: `FROM` needs one argument, or three: `FROM IMAGE AS NAME`\n"
        "6: `1x` is no name for a stage (a name starts with a letter and goes on with letters, digits, `-`, `_` and "
        "`.`)\n"
        "7: `RUN` needs an argument\n");
}

TEST_CASE("dockerfile: variables") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a", "a"},
      {"$HOME", "/home"},
      {"${HOME}x", "/homex"},
      {"$HOMEx", ""},
      {"$", "$"},
      {"\\$HOME", "$HOME"},
      {"'$HOME'", "$HOME"},
      {"\"$HOME\"", "/home"},
      {"\"a'b\"c", "a'bc"},
      {"${NO:-d}", "d"},
      {"${EMPTY:-d}", "d"},
      {"${EMPTY-d}", ""},
      {"${NO-d}", "d"},
      {"${HOME:-d}", "/home"},
      {"${HOME:+x}", "x"},
      {"${EMPTY:+x}", ""},
      {"${EMPTY+x}", "x"},
      {"${NO+x}", ""},
      {"${NO:-${HOME}/${NO:-e}}", "/home/e"},
      {"${NO:?why}", "error: `NO`: why"},
      {"${NO?}", "error: `NO`: not set"},
      {"${HOME:?why}", "/home"},
      {"${HOME", "error: a `${` is never closed"},
      {"${HOME:-a", "error: a `${` is never closed"},
      {"${HOME:", "error: a `${` is never closed"},
      {"${}", "error: a `${` has no name after it"},
      {"'a", "error: a `'` is never closed"},
      {"${LATER}x", "<unknown>"},
      {"${NO:-${LATER}}", "<unknown>"},
      {"${HOME:-${LATER}}", "/home"},
  };
  for (const auto& [text, result] : cases) {
    CAPTURE(text);
    CHECK(expanded(text) == result);
  }
}

TEST_CASE("dockerfile: images and stages that are named") {
  const auto file = parsed(
      "ARG V=1\nARG BASE=go:${V}\nFROM $BASE AS build\nARG V=9\nFROM x:$V AS unused\nFROM scratch\n"
      "COPY --from=build /a /\nCOPY --from=0 /a /\nCOPY --from=BUILD /a /\nCOPY --from=tools:${V} /a /\n"
      "RUN --mount=type=bind,from=mnt,target=/m --mount=type=cache,target=/c a\n");
  std::vector<DockerfileProblem> problems;
  const auto uses = image_uses(file, {{"V", "2"}}, "", problems);
  CHECK(problems.empty());
  std::string text;
  for (const auto& use : uses) {
    text += std::to_string(use.line) + " " + (use.stage ? "stage " + std::to_string(*use.stage) : use.image) + "\n";
  }
  CHECK(text == "3 go:2\n5 x:2\n6 \n7 stage 0\n8 stage 0\n9 stage 0\n10 tools:${V}\n11 mnt\n");
  CHECK(reachable_stages(file, uses, *target_stage(file, "")) == std::vector<bool>{true, false, true});
  CHECK(reachable_stages(file, uses, *target_stage(file, "Unused")) == std::vector<bool>{false, true, false});
  CHECK(target_stage(file, "1") == 1);
  CHECK_FALSE(target_stage(file, "none"));
  const auto later = image_uses(file, {{"V", std::nullopt}}, "", problems);
  CHECK(later[0].image.empty());
}

TEST_CASE("dockerfile: platform arguments in FROM") {
  const auto file = parsed("FROM base-$TARGETARCH$TARGETVARIANT-$TARGETOS\n");
  std::vector<DockerfileProblem> problems;
  CHECK(image_uses(file, {}, "linux/arm/v7", problems)[0].image == "base-armv7-linux");
  const auto empty = parsed("ARG B\nFROM $B\n");
  (void)image_uses(empty, {}, "", problems);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].message == "`$B` is empty after expansion");
}

TEST_CASE("dockerfile: names are replaced in place") {
  const std::string text =
      "FROM --platform=x go\\\nlang AS b\nFROM b\nCOPY --from=\"to\" /a /\nRUN --mount=from=mnt,target=/m x\n";
  const auto file = parsed(text);
  std::vector<DockerfileProblem> problems;
  std::vector<std::pair<FileSpan, std::string>> replacements;
  for (const auto& use : image_uses(file, {}, "", problems)) {
    if (!use.image.empty()) replacements.emplace_back(use.span, "<" + use.image + ">");
  }
  CHECK(replace_spans(text, file.escape, replacements) ==
        "FROM --platform=x <golang>\\\n AS b\nFROM b\nCOPY --from=\"<to>\" /a /\nRUN --mount=from=<mnt>,target=/m x\n");
}

TEST_CASE("image names: full form") {
  CHECK(full_image_name("go") == "docker.io/library/go:latest");
  CHECK(full_image_name("docker.io/go") == "docker.io/library/go:latest");
  CHECK(full_image_name("index.docker.io/library/go") == "docker.io/library/go:latest");
  CHECK(full_image_name("me/go:1") == "docker.io/me/go:1");
  CHECK(full_image_name("localhost/go") == "localhost/go:latest");
  CHECK(full_image_name("localhost:5000/go") == "localhost:5000/go:latest");
  CHECK(full_image_name("go:1@sha256:ab") == "docker.io/library/go@sha256:ab");
  CHECK(repository_of("localhost:5000/go:1") == "localhost:5000/go");
  CHECK(repository_of("localhost:5000/go") == "localhost:5000/go");
  CHECK(same_stored_name("localhost/go:latest", "go"));
  CHECK(same_stored_name("docker.io/library/go:latest", "go"));
  CHECK_FALSE(same_stored_name("localhost/go:latest", "quay.io/go"));
  CHECK(check_image_name("localhost:5000/a/b_c:1.2-x").empty());
  CHECK(check_image_name("My/go") == "its repository has the capital letter `M`");
  CHECK(check_image_name("go:a b") == "its tag has the character ` `");
  CHECK(check_image_name("go:") == "its tag must have 1 to 128 characters");
}

TEST_CASE("image names: which variant a label means") {
  const std::vector<std::string> labels = {"image.base[go=1.21]", "image.base[go=1.22]", "image.base2", "image.one"};
  CHECK(variants_of("image.base", labels, {{"go", "1.22"}, {"libc", "musl"}}) ==
        std::vector<std::string>{"image.base[go=1.22]"});
  CHECK(variants_of("image.base[go=1.21]", labels, {{"go", "1.22"}}) ==
        std::vector<std::string>{"image.base[go=1.21]"});
  CHECK(variants_of("image.base", labels, {}).size() == 2);
  CHECK(variants_of("image.one", labels, {{"go", "1.22"}}) == std::vector<std::string>{"image.one"});
  CHECK(variants_of("image.base", labels, {{"go", "1.23"}}).empty());
}

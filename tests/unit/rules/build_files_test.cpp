#include "rules/command/build_files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace trilock;

namespace {

// "name|description|sources|results" of each target, one a line.
std::string written(const std::vector<BuildTarget>& targets) {
  std::string text;
  for (const BuildTarget& target : targets)
    text += fmt::format("{}|{}|{}|{}\n", target.name, target.description, fmt::join(target.sources, " "),
                        fmt::join(target.results, " "));
  return text;
}

}  // namespace

TEST_CASE("targets of a Taskfile with what they read and write") {
  CHECK(written(taskfile_targets(R"(# a comment
version: '3'
includes:
  docs: ./docs

tasks:
    build:
        desc: Builds it # all of it
        sources:
            - cmd/**/*.go
            - 'go.mod'
            - "{{.X}}"
            - exclude: vendor/**
        generates: [bin/app, "bin/b c"]
        cmds:
            - echo "sources:"
    "quoted:name":
        desc: 'it''s'
    short: echo hi
    {{.COMPUTED}}:
        desc: no
    hidden:
        internal: true
        desc: no
after:
    no: {}
)")) == "build|Builds it|cmd/**/*.go go.mod|bin/app bin/b c\nquoted:name|it's||\nshort|||\n");
}

TEST_CASE("a list at the indentation of its key belongs to the key") {
  CHECK(written(taskfile_targets("tasks:\n  a:\n    sources:\n    - x\n    - y\n    desc: d\n")) == "a|d|x y|\n");
}

TEST_CASE("what is no Taskfile has no targets") {
  CHECK(taskfile_targets("").empty());
  CHECK(taskfile_targets("tasks:").empty());
  CHECK(taskfile_targets("tasks:\n- a\n").empty());
  CHECK(taskfile_targets("tasks:\n\t\tx:\n\t: :\n'").empty());
  CHECK(written(taskfile_targets("tasks:\r\n  a:\r\n    desc: d\r\n")) == "a|d||\n");
}

TEST_CASE("targets of a Makefile with their prerequisites") {
  CHECK(written(makefile_targets(R"(
A := b: c
B ?= x
export C = y: z
SHELL=/bin/sh
.PHONY: build test
.DEFAULT_GOAL := build
## Builds it.
build test: main.go $(DEPS) | out ## the words of the line win
	go build: x
# Cleans.

clean::
%.o: %.c
dir/file.txt: a.txt \
  b.txt; touch $@
target-specific: FLAGS = x
$(X): y
)")) == "build|the words of the line win|main.go|\ntest|the words of the line win|main.go|\nclean|||\n"
        "dir/file.txt||a.txt|\ntarget-specific|||\n");
}

// A Dockerfile as a value: instructions with their flags, words and lines, stages, and where each image is named.
// The grammar is that of BuildKit's frontend/dockerfile/parser (parser.go, parse_heredoc.go) and of docs.docker.com,
// "Dockerfile reference". Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trilock {

// Bytes [begin, end) of the file.
struct FileSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  friend bool operator==(const FileSpan&, const FileSpan&) = default;
};

// Text of a logical line, with the place in the file of every byte: continuations and quotes that were taken out leave
// gaps. `at` has as many elements as `text`.
struct Word {
  std::string text;
  std::vector<std::uint32_t> at;
  [[nodiscard]] Word part(std::size_t first, std::size_t count = std::string::npos) const;
  [[nodiscard]] FileSpan span() const;  // of all of it; {0, 0} when empty
};

struct DockerfileFlag {
  std::string name;  // without the dashes: "from"
  Word value;
  bool has_value = false;
};

struct Heredoc {
  std::string name;
  std::string content;      // tabs still in place
  bool expand = true;       // false when a part of the name is quoted
  bool strip_tabs = false;  // `<<-`
  std::uint32_t descriptor = 0;
};

struct DockerfileInstruction {
  std::string name;             // upper case: "COPY"
  std::uint32_t line = 0;       // counted from 1
  std::uint32_t last_line = 0;  // of the instruction with its heredocs
  int stage = -1;               // -1 before the first FROM
  std::vector<DockerfileFlag> flags;
  // Words of FROM, COPY, ADD, ARG and the like; the one shell line of RUN, CMD and ENTRYPOINT; the elements of the JSON
  // form.
  std::vector<Word> args;
  bool json = false;
  std::vector<Heredoc> heredocs;
  [[nodiscard]] const DockerfileFlag* flag(std::string_view flag_name) const;
};

struct DockerfileStage {
  std::uint32_t index = 0;
  std::string name;  // lower case; "" when it has none
  Word base;         // as written
  std::string platform;
  std::uint32_t line = 0;
};

struct Dockerfile {
  char escape = '\\';
  std::string syntax;  // of `# syntax=`; "" when absent
  std::string check;
  std::vector<DockerfileInstruction> instructions;
  std::vector<DockerfileStage> stages;
  [[nodiscard]] std::optional<std::uint32_t> stage_named(std::string_view name) const;  // case-insensitive; the last
};

// What is wrong in a Dockerfile, in the form of a diagnostic's message and help.
struct DockerfileProblem {
  std::uint32_t line = 0;
  std::string message;
  std::string help;
};

// Reports every problem at once; the value is usable only when none was added.
[[nodiscard]] Dockerfile parse_dockerfile(std::string_view text, std::vector<DockerfileProblem>& problems);

// The text with each span replaced by the text beside it. Line numbers stay: line ends inside a span are kept as
// continuations. Spans must not overlap.
[[nodiscard]] std::string replace_spans(std::string_view text, char escape,
                                        std::vector<std::pair<FileSpan, std::string>> replacements);

}  // namespace trilock

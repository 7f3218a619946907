// The word level of a Dockerfile: flags, JSON lists, heredoc words, variables.
// Sources: BuildKit frontend/dockerfile/parser/{split_command,parse_heredoc,line_parsers}.go and shell/lex.go.
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/image/dockerfile.hpp"

namespace trilock {

// Takes the leading `--name[=value]` words off `rest`. Quotes and backslashes are resolved in their values.
[[nodiscard]] std::vector<DockerfileFlag> take_flags(Word& rest);

[[nodiscard]] std::vector<Word> split_fields(const Word& line);              // at blanks; quotes mean nothing
[[nodiscard]] std::vector<Word> split_words(const Word& line, char escape);  // at blanks outside quotes, which are kept

// The elements of `["a", "b"]`; empty when the line is no JSON array of strings (then it is a shell line).
[[nodiscard]] std::optional<std::vector<Word>> json_words(const Word& line);

// The heredocs that a line opens, in order, without content.
[[nodiscard]] std::vector<Heredoc> heredocs_of(const Word& line);

// What a variable is: set, unset, or not to be known before other nodes have run.
struct VariableValue {
  enum class Kind : std::uint8_t { set, unset, unknown } kind = Kind::unset;
  std::string text;
};
using VariableLookup = std::function<VariableValue(std::string_view name)>;

// `$V ${V} ${V:-d} ${V-d} ${V:+x} ${V+x} ${V:?m} ${V?m}`, nested; quotes are removed, none expands inside single
// ones. Empty when the result needs an unknown value. The error is a message.
[[nodiscard]] std::expected<std::optional<std::string>, std::string> expand_variables(std::string_view text,
                                                                                      char escape,
                                                                                      const VariableLookup& lookup);

}  // namespace trilock

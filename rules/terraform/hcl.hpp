// A scanner for HCL's native syntax: tokens, and the blocks and attributes that they form. It evaluates nothing; what
// an expression means stays Terraform's business. It finds its way through comments, heredocs and templates, so that
// a brace in a string is no block.
// Source: HCL Native Syntax Specification, "Lexical Elements", "Structural Elements" and "Template Expressions".
//
// Never fails: text that is no HCL gives whatever blocks could be seen in it. Terraform reports the error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trilock {

enum class HclTokenKind : std::uint8_t {
  identifier,
  number,
  punctuation,  // one character
  newline,
  template_open,   // `"`, or a heredoc's introducer with its line end
  template_text,   // a literal part of a template, as written
  template_close,  // `"`, the end marker of a heredoc, or empty where the text ends too early
  sequence_open,   // `${` or `%{`, with a `~`
  sequence_close,  // `}` of such
  end,
};

struct HclToken {
  HclTokenKind kind = HclTokenKind::end;
  std::string_view text;  // of the scanned text
  std::uint32_t line = 0;
};

// Half-open range of tokens.
struct HclSpan {
  std::size_t first = 0;
  std::size_t last = 0;
};

struct HclAttribute {
  std::string name;
  HclSpan expression;
  std::uint32_t line = 0;
};

struct HclBlock;
struct HclBody {
  std::vector<HclAttribute> attributes;
  std::vector<HclBlock> blocks;
  [[nodiscard]] const HclAttribute* attribute(std::string_view name) const;  // null when absent
};

struct HclBlock {
  std::string type;
  std::vector<std::string> labels;
  HclBody body;
  std::uint32_t line = 0;
};

// Holds views of the text, which must outlive it.
struct HclDocument {
  std::vector<HclToken> tokens;  // the last one is `end`
  HclBody body;
};

[[nodiscard]] std::vector<HclToken> tokenize_hcl(std::string_view text);
[[nodiscard]] HclDocument parse_hcl(std::string_view text);

// The value of an expression that is one quoted string without sequences, or a heredoc without such.
[[nodiscard]] std::optional<std::string> literal_string(const std::vector<HclToken>& tokens, HclSpan expression);
[[nodiscard]] bool is_true(const std::vector<HclToken>& tokens, HclSpan expression);

// What a path in a function's argument starts from.
enum class HclPathBase : std::uint8_t {
  working_directory,  // no prefix, or `path.cwd`
  module,             // `path.module`
  root,               // `path.root`
};

// A call of a function that reads files: `file`, `templatefile`, `fileset`, `filesha256`, ….
struct HclFileCall {
  std::string function;
  std::uint32_t line = 0;
  bool is_literal = false;  // otherwise the path is known to Terraform alone, and the next fields are empty
  HclPathBase base = HclPathBase::working_directory;
  std::string path;     // absolute only with the base `working_directory`
  std::string pattern;  // of `fileset`
};
[[nodiscard]] std::vector<HclFileCall> find_file_calls(const std::vector<HclToken>& tokens);

}  // namespace trilock

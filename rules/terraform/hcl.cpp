#include "rules/terraform/hcl.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace trilock {
namespace {

// Terraform's own blocks nest to four levels or so; deeper ones are passed over by counting braces.
constexpr std::size_t deepest_block = 64;

bool is_punctuation(const HclToken& token, char c) {
  return token.kind == HclTokenKind::punctuation && token.text.front() == c;
}

class Parser {
 public:
  explicit Parser(const std::vector<HclToken>& tokens) : tokens_(tokens) {}

  HclBody body(std::size_t depth) {
    HclBody body;
    while (!at_end()) {
      if (is_punctuation(now(), '}')) {
        if (depth > 0) break;
        ++at_;
      } else if (now().kind == HclTokenKind::identifier) {
        item(body, depth);
      } else {
        ++at_;
      }
    }
    return body;
  }

 private:
  [[nodiscard]] const HclToken& now() const { return tokens_[at_]; }
  [[nodiscard]] bool at_end() const { return now().kind == HclTokenKind::end; }

  void item(HclBody& body, std::size_t depth) {
    const HclToken& name = now();
    ++at_;
    if (is_punctuation(now(), '=') && !is_punctuation(tokens_[at_ + 1], '=')) {
      ++at_;
      const auto first = at_;
      skip_expression();
      body.attributes.push_back({std::string(name.text), {first, at_}, name.line});
      return;
    }
    HclBlock block{std::string(name.text), {}, {}, name.line};
    if (!labels(block)) return;
    ++at_;
    if (depth < deepest_block) {
      block.body = this->body(depth + 1);
    } else {
      skip_to_close();
    }
    if (!at_end()) ++at_;
    body.blocks.push_back(std::move(block));
  }

  // Reads labels up to the `{`; false, at the token that fits neither, when this is no block.
  bool labels(HclBlock& block) {
    while (!at_end()) {
      if (is_punctuation(now(), '{')) return true;
      if (now().kind == HclTokenKind::identifier) {
        block.labels.emplace_back(now().text);
        ++at_;
      } else if (now().kind == HclTokenKind::template_open) {
        const auto first = at_;
        skip_template();
        block.labels.push_back(literal_string(tokens_, {first, at_}).value_or(""));
      } else {
        return false;
      }
    }
    return false;
  }

  void skip_template() {
    std::size_t depth = 0;
    for (; !at_end(); ++at_) {
      if (now().kind == HclTokenKind::template_open) ++depth;
      if (now().kind == HclTokenKind::template_close && --depth == 0) {
        ++at_;
        return;
      }
    }
  }

  // An attribute ends with its line, unless a bracket or a template is open, or with the `}` of a block on one line.
  void skip_expression() {
    std::size_t depth = 0;
    for (; !at_end(); ++at_) {
      const HclToken& token = now();
      const bool opens = is_punctuation(token, '{') || is_punctuation(token, '[') || is_punctuation(token, '(') ||
                         token.kind == HclTokenKind::template_open;
      const bool closes = is_punctuation(token, '}') || is_punctuation(token, ']') || is_punctuation(token, ')') ||
                          token.kind == HclTokenKind::template_close;
      if (depth == 0 && (closes || token.kind == HclTokenKind::newline)) return;
      if (opens) ++depth;
      if (closes) --depth;
    }
  }

  void skip_to_close() {
    std::size_t depth = 0;
    for (; !at_end(); ++at_) {
      if (is_punctuation(now(), '{')) ++depth;
      if (is_punctuation(now(), '}') && depth-- == 0) return;
    }
  }

  const std::vector<HclToken>& tokens_;
  std::size_t at_ = 0;
};

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18 & 0x07));
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// The backslash escape at `at`; `at` moves behind it.
void unescape(std::string_view text, std::size_t& at, std::string& out) {
  const char c = at + 1 < text.size() ? text[at + 1] : '\\';
  const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
  std::uint32_t code = 0;
  const char* const first = text.data() + std::min(at + 2, text.size());
  const char* const last = text.data() + std::min(at + 2 + digits, text.size());
  if (digits > 0 && std::from_chars(first, last, code, 16).ptr == last && last != first) {
    append_utf8(out, code);
    at += 2 + static_cast<std::size_t>(last - first);
    return;
  }
  out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
  at += 2;
}

std::string template_value(std::string_view text, bool quoted) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    if (quoted && text[at] == '\\') {
      unescape(text, at, out);
    } else if (rest.starts_with("$${") || rest.starts_with("%%{")) {
      out += rest.substr(1, 2);
      at += 3;
    } else {
      out += text[at++];
    }
  }
  return out;
}

constexpr std::array<std::string_view, 11> file_functions = {
    "file",     "filebase64", "filebase64sha256", "filebase64sha512", "fileexists",  "filemd5",
    "filesha1", "filesha256", "filesha512",       "fileset",          "templatefile"};

// Reads the arguments of a call that are paths.
class Arguments {
 public:
  Arguments(const std::vector<HclToken>& tokens, std::size_t at) : tokens_(tokens), at_(at) {}

  // `path.module`, `"${path.module}/x"` or `"x"`, followed by a comma or the closing parenthesis.
  bool path(HclPathBase& base, std::string& path) {
    if (prefix(base)) return ends();
    if (kind() != HclTokenKind::template_open) return false;
    const bool quoted = tokens_[at_].text == "\"";
    bool after_prefix = false;
    ++at_;
    if (kind() == HclTokenKind::sequence_open && tokens_[at_].text == "${") {
      ++at_;
      if (!prefix(base) || kind() != HclTokenKind::sequence_close) return false;
      after_prefix = true;
      ++at_;
    }
    while (kind() == HclTokenKind::template_text) path += template_value(tokens_[at_++].text, quoted);
    if (kind() != HclTokenKind::template_close) return false;
    ++at_;
    if (after_prefix) path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
    return ends();
  }

  void next() { ++at_; }

 private:
  [[nodiscard]] HclTokenKind kind() const { return tokens_[std::min(at_, tokens_.size() - 1)].kind; }

  // Line ends and a trailing comma may stand inside parentheses.
  bool ends() {
    while (kind() == HclTokenKind::newline) ++at_;
    return kind() == HclTokenKind::punctuation && (tokens_[at_].text == "," || tokens_[at_].text == ")");
  }

  bool prefix(HclPathBase& base) {
    while (kind() == HclTokenKind::newline) ++at_;
    if (at_ + 2 >= tokens_.size() || tokens_[at_].text != "path" || tokens_[at_ + 1].text != ".") return false;
    const auto name = tokens_[at_ + 2].text;
    if (name != "module" && name != "root" && name != "cwd") return false;
    base = name == "module" ? HclPathBase::module : name == "root" ? HclPathBase::root : HclPathBase::working_directory;
    at_ += 3;
    return true;
  }

  const std::vector<HclToken>& tokens_;
  std::size_t at_;
};

}  // namespace

const HclAttribute* HclBody::attribute(std::string_view name) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(), [&](const auto& a) { return a.name == name; });
  return found == attributes.end() ? nullptr : &*found;
}

HclDocument parse_hcl(std::string_view text) {
  HclDocument document;
  document.tokens = tokenize_hcl(text);
  document.body = Parser(document.tokens).body(0);
  return document;
}

std::optional<std::string> literal_string(const std::vector<HclToken>& tokens, HclSpan expression) {
  const auto count = expression.last - expression.first;
  if (count < 2 || tokens[expression.first].kind != HclTokenKind::template_open) return std::nullopt;
  if (tokens[expression.last - 1].kind != HclTokenKind::template_close) return std::nullopt;
  const bool quoted = tokens[expression.first].text == "\"";
  std::string value;
  for (auto i = expression.first + 1; i + 1 < expression.last; ++i) {
    if (tokens[i].kind != HclTokenKind::template_text) return std::nullopt;
    value += template_value(tokens[i].text, quoted);
  }
  return value;
}

bool is_true(const std::vector<HclToken>& tokens, HclSpan expression) {
  return expression.last == expression.first + 1 && tokens[expression.first].text == "true";
}

std::vector<HclFileCall> find_file_calls(const std::vector<HclToken>& tokens) {
  std::vector<HclFileCall> calls;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].kind != HclTokenKind::identifier || !is_punctuation(tokens[i + 1], '(')) continue;
    if (std::find(file_functions.begin(), file_functions.end(), tokens[i].text) == file_functions.end()) continue;
    HclFileCall call{std::string(tokens[i].text), tokens[i].line};
    Arguments arguments(tokens, i + 2);
    call.is_literal = arguments.path(call.base, call.path);
    if (call.is_literal && call.function == "fileset") {
      HclPathBase ignored = HclPathBase::working_directory;
      arguments.next();
      call.is_literal = arguments.path(ignored, call.pattern);
    }
    if (!call.is_literal) call = {call.function, call.line};
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace trilock

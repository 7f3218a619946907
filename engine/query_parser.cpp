// Recursive descent over a text of one line. Every place counts in code points, so that the caret stands under the
// word that is meant whatever labels are written in.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/query.hpp"
#include "schemas/utf8.hpp"

namespace trilock {
namespace {

// Deeper nesting is nobody's question, and recursion must end before the stack does.
constexpr std::size_t deepest = 200;

enum class TokenKind : std::uint8_t { end, open, close, comma, operation, word };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;  // of a word without its quotes
  bool quoted = false;
  std::size_t begin = 0;  // in bytes
  std::size_t end = 0;
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Parser {
 public:
  Parser(SourceId source, std::string_view text, Diagnostics& diagnostics)
      : source_(source), text_(text), diagnostics_(diagnostics) {
    next();
  }

  Query parse() {
    if (token_.kind == TokenKind::end && !failed_)
      fail(token_, "the query is empty", "write for example `deps(image)`");
    query_.root = expression(0);
    if (token_.kind != TokenKind::end) expected("an operator or the end");
    return std::move(query_);
  }

 private:
  [[nodiscard]] Place place_of(std::size_t begin, std::size_t end) const {
    // Places are asked for from left to right, nearly: counting goes on from the last one.
    if (begin < counted_bytes_) counted_bytes_ = counted_points_ = 0;
    counted_points_ += count_code_points(text_.substr(counted_bytes_, begin - counted_bytes_));
    counted_bytes_ = begin;
    const std::size_t column = counted_points_ + 1;
    const std::size_t length = count_code_points(text_.substr(begin, end - begin));
    return {source_, 1, static_cast<std::uint32_t>(column),
            static_cast<std::uint32_t>(std::max<std::size_t>(length, 1))};
  }
  [[nodiscard]] Place place_of(const Token& token) const { return place_of(token.begin, token.end); }

  void fail(const Token& at, std::string message, std::string help = {}) {
    if (!failed_) diagnostics_.error(place_of(at), std::move(message), std::move(help));
    failed_ = true;
    token_ = {TokenKind::end, "", false, text_.size(), text_.size()};
    at_ = text_.size();
  }

  void expected(std::string_view what) {
    fail(token_, token_.kind == TokenKind::end ? fmt::format("expected {}, found the end of the query", what)
                                               : fmt::format("expected {}, found `{}`", what,
                                                             text_.substr(token_.begin, token_.end - token_.begin)));
  }

  void next() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    token_ = {TokenKind::end, "", false, at_, at_};
    if (at_ == text_.size()) return;
    const char c = text_[at_];
    if (c == '(' || c == ')' || c == ',' || c == '+' || c == '-' || c == '^') {
      token_.kind = c == '('   ? TokenKind::open
                    : c == ')' ? TokenKind::close
                    : c == ',' ? TokenKind::comma
                               : TokenKind::operation;
      token_.text = c;
      token_.end = ++at_;
      return;
    }
    c == '"' || c == '\'' ? quoted_word(c) : bare_word();
  }

  void quoted_word(char quote) {
    const std::size_t close = text_.find(quote, at_ + 1);
    if (close == std::string_view::npos) {
      token_.end = text_.size();
      return fail(token_, "this quote is not closed");
    }
    token_ = {TokenKind::word, std::string(text_.substr(at_ + 1, close - at_ - 1)), true, at_, close + 1};
    at_ = close + 1;
  }

  void bare_word() {
    const std::size_t begin = at_;
    std::optional<std::size_t> bracket;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (bracket) {
        if (c == ']') bracket.reset();
        continue;
      }
      if (c == '[') bracket = at_;
      if (is_space(c) || c == '(' || c == ')' || c == ',' || c == '+' || c == '^') break;
    }
    token_ = {TokenKind::word, std::string(text_.substr(begin, at_ - begin)), false, begin, at_};
    if (bracket) fail({TokenKind::word, "", false, *bracket, *bracket + 1}, "this bracket is not closed");
  }

  [[nodiscard]] std::optional<QueryKind> operation() const {
    if (token_.kind != TokenKind::operation && (token_.kind != TokenKind::word || token_.quoted)) return std::nullopt;
    if (token_.text == "+" || token_.text == "union") return QueryKind::join;
    if (token_.text == "-" || token_.text == "except") return QueryKind::except;
    if (token_.text == "^" || token_.text == "intersect") return QueryKind::intersect;
    return std::nullopt;
  }

  std::uint32_t add(QueryTerm term) {
    query_.terms.push_back(std::move(term));
    return static_cast<std::uint32_t>(query_.terms.size() - 1);
  }

  std::uint32_t expression(std::size_t depth) {
    if (depth > deepest) {
      fail(token_, fmt::format("the query is nested deeper than {} levels", deepest));
      return 0;
    }
    std::uint32_t left = operand(depth);
    while (const std::optional<QueryKind> kind = operation()) {
      const Place place = place_of(token_);
      next();
      const std::uint32_t right = operand(depth);
      left = add({.kind = *kind, .pattern = {}, .left = left, .right = right, .depth = {}, .place = place});
    }
    return left;
  }

  std::uint32_t operand(std::size_t depth) {
    if (token_.kind == TokenKind::open) {
      next();
      const std::uint32_t inner = expression(depth + 1);
      close();
      return inner;
    }
    if (token_.kind != TokenKind::word) {
      expected("a label, a function or `(`");
      return 0;
    }
    const Token word = token_;
    next();
    if (token_.kind == TokenKind::open && !word.quoted) return call(word, depth);
    return add({.kind = QueryKind::pattern, .pattern = word.text, .depth = {}, .place = place_of(word)});
  }

  std::uint32_t call(const Token& name, std::size_t depth) {
    QueryTerm term;
    term.place = place_of(name);
    if (name.text == "deps") {
      term.kind = QueryKind::deps;
    } else if (name.text == "rdeps") {
      term.kind = QueryKind::rdeps;
    } else if (name.text == "path") {
      term.kind = QueryKind::path;
    } else {
      const std::string help = did_you_mean(name.text, {"deps", "rdeps", "path"});
      fail(name, fmt::format("unknown function `{}`", name.text),
           help.empty() ? "the functions are deps, rdeps and path" : help);
      return 0;
    }
    next();
    term.left = expression(depth + 1);
    if (term.kind == QueryKind::path) {
      if (token_.kind == TokenKind::comma)
        next();
      else
        expected("`,` and the node where the path ends");
      term.right = expression(depth + 1);
    } else if (token_.kind == TokenKind::comma) {
      next();
      read_depth(term);
    }
    close();
    return add(std::move(term));
  }

  void read_depth(QueryTerm& term) {
    std::uint32_t depth = 0;
    const char* end = token_.text.data() + token_.text.size();
    const auto parsed = std::from_chars(token_.text.data(), end, depth);
    if (token_.kind != TokenKind::word || parsed.ec != std::errc() || parsed.ptr != end)
      return expected("a number of steps");
    term.depth = depth;
    next();
  }

  void close() {
    if (token_.kind != TokenKind::close) return expected("`)`");
    next();
  }

  mutable std::size_t counted_bytes_ = 0;  // of text_, and the code points in them
  mutable std::size_t counted_points_ = 0;
  SourceId source_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  std::size_t at_ = 0;
  Token token_;
  bool failed_ = false;
  Query query_;
};

}  // namespace

Query parse_query(SourceId source, const SourceMap& sources, Diagnostics& diagnostics) {
  return Parser(source, sources.text(source), diagnostics).parse();
}

}  // namespace trilock

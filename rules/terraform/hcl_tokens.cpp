#include <algorithm>
#include <utility>

#include "rules/terraform/hcl.hpp"

namespace trilock {
namespace {

bool is_identifier_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_identifier_part(char c) {
  return is_identifier_start(c) || is_digit(c) || c == '-';
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Templates hold sequences, sequences hold expressions, and those hold templates again: a stack of modes instead of
// recursion, so that hostile nesting costs memory in proportion to the text and nothing else.
class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<HclToken> run() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < text_.size()) {
      if (modes_.empty() || modes_.back().kind == ModeKind::expression) {
        expression();
      } else {
        template_part();
      }
    }
    for (; !modes_.empty(); modes_.pop_back()) {
      if (modes_.back().kind != ModeKind::expression) emit(HclTokenKind::template_close, at_);
    }
    emit(HclTokenKind::end, at_);
    return std::move(tokens_);
  }

 private:
  enum class ModeKind : std::uint8_t { expression, quoted, heredoc };
  struct Mode {
    ModeKind kind = ModeKind::expression;
    std::size_t braces = 0;   // of an expression: open `{`
    std::string_view marker;  // of a heredoc
  };

  // Emits what lies between `first` and the current position.
  void emit(HclTokenKind kind, std::size_t first) {
    const auto text = text_.substr(first, at_ - first);
    tokens_.push_back({kind, text, line_});
    line_ += static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n'));
  }

  [[nodiscard]] bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  [[nodiscard]] std::size_t find_line_end(std::size_t from) const {
    return std::min(text_.find('\n', from), text_.size());
  }
  template <class Predicate>
  void skip_while(Predicate predicate) {
    while (at_ < text_.size() && predicate(text_[at_])) ++at_;
  }

  void expression() {
    const char c = text_[at_];
    const auto first = at_;
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '\n') {
      ++at_;
      emit(HclTokenKind::newline, first);
    } else if (c == '#' || looking_at("//")) {
      at_ = find_line_end(at_);
    } else if (looking_at("/*")) {
      block_comment();
    } else if (is_identifier_start(c)) {
      skip_while(is_identifier_part);
      emit(HclTokenKind::identifier, first);
    } else if (is_digit(c)) {
      skip_while([](char d) { return is_digit(d) || d == '.' || d == 'e' || d == 'E'; });
      emit(HclTokenKind::number, first);
    } else if (c == '"') {
      ++at_;
      emit(HclTokenKind::template_open, first);
      modes_.push_back({ModeKind::quoted, 0, {}});
    } else if (!looking_at("<<") || !heredoc()) {
      ++at_;
      brace(c, first);
    }
  }

  void brace(char c, std::size_t first) {
    if (!modes_.empty() && c == '{') ++modes_.back().braces;
    if (!modes_.empty() && c == '}') {
      if (modes_.back().braces == 0) {
        modes_.pop_back();
        emit(HclTokenKind::sequence_close, first);
        return;
      }
      --modes_.back().braces;
    }
    emit(HclTokenKind::punctuation, first);
  }

  void block_comment() {
    const auto end = text_.find("*/", at_ + 2);
    const auto next = end == std::string_view::npos ? text_.size() : end + 2;
    line_ += static_cast<std::uint32_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                   text_.begin() + static_cast<std::ptrdiff_t>(next), '\n'));
    at_ = next;
  }

  // `<<EOT` or `<<-EOT`, alone on the rest of the line.
  bool heredoc() {
    auto name = at_ + 2;
    if (name < text_.size() && text_[name] == '-') ++name;
    auto end = name;
    if (end >= text_.size() || !is_identifier_start(text_[end])) return false;
    while (end < text_.size() && is_identifier_part(text_[end])) ++end;
    const auto line_end = find_line_end(end);
    if (!trim(text_.substr(end, line_end - end)).empty()) return false;
    const auto first = at_;
    at_ = std::min(line_end + 1, text_.size());
    emit(HclTokenKind::template_open, first);
    modes_.push_back({ModeKind::heredoc, 0, text_.substr(name, end - name)});
    line_start_ = true;
    return true;
  }

  // Up to the next sequence or the end of the template.
  void template_part() {
    const auto first = at_;
    const bool quoted = modes_.back().kind == ModeKind::quoted;
    while (at_ < text_.size()) {
      if (!quoted && line_start_ && at_marker()) return close_heredoc(first);
      line_start_ = false;
      const char c = text_[at_];
      if (quoted && (c == '"' || c == '\n')) return close_quoted(first);
      if (quoted && c == '\\') {
        at_ = std::min(at_ + 2, text_.size());
      } else if (looking_at("$${") || looking_at("%%{")) {
        at_ += 3;
      } else if (looking_at("${") || looking_at("%{")) {
        return open_sequence(first);
      } else {
        ++at_;
        line_start_ = c == '\n';
      }
    }
    if (at_ > first) emit(HclTokenKind::template_text, first);
  }

  void open_sequence(std::size_t first) {
    if (at_ > first) emit(HclTokenKind::template_text, first);
    const auto open = at_;
    at_ += 2;
    if (at_ < text_.size() && text_[at_] == '~') ++at_;
    emit(HclTokenKind::sequence_open, open);
    modes_.push_back({});
  }

  // A quoted template may not span lines; one that does ends where its line ends, so that a forgotten quote spoils
  // one line instead of the file.
  void close_quoted(std::size_t first) {
    if (at_ > first) emit(HclTokenKind::template_text, first);
    const auto close = at_;
    if (text_[at_] == '"') ++at_;
    emit(HclTokenKind::template_close, close);
    modes_.pop_back();
  }

  [[nodiscard]] bool at_marker() const {
    return trim(text_.substr(at_, find_line_end(at_) - at_)) == modes_.back().marker;
  }

  void close_heredoc(std::size_t first) {
    if (at_ > first) emit(HclTokenKind::template_text, first);
    const auto close = at_;
    at_ = find_line_end(at_);  // the line end is a token of its own: it ends the attribute
    emit(HclTokenKind::template_close, close);
    modes_.pop_back();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_start_ = false;
  std::vector<Mode> modes_;
  std::vector<HclToken> tokens_;
};

}  // namespace

std::vector<HclToken> tokenize_hcl(std::string_view text) {
  return Tokenizer(text).run();
}

}  // namespace trilock

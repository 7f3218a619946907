#include "schemas/depfile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace trilock {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

class DepfileReader {
 public:
  explicit DepfileReader(std::string_view text) : rest_(text) {}

  Result<std::vector<std::string>> read() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n') {
        if (Status ended = end_rule(); !ended) return std::unexpected(ended.error());
        advance(1);
      } else if (is_blank(c)) {
        advance(1);
      } else if (const std::size_t continued = continuation_at(0); continued > 0) {
        ++line_;
        advance(continued);
      } else if (c == '#') {
        advance(std::min(rest_.find('\n'), rest_.size()));
      } else if (c == '\0') {
        return fail(ErrorKind::invalid, fmt::format("line {} has a zero byte", line_));
      } else {
        add_word();
      }
    }
    if (Status ended = end_rule(); !ended) return std::unexpected(ended.error());
    return std::move(prerequisites_);
  }

 private:
  void advance(std::size_t count) {
    if (count == 1 && rest_.front() == '\n') ++line_;
    rest_.remove_prefix(count);
  }

  [[nodiscard]] char at(std::size_t i) const { return i < rest_.size() ? rest_[i] : '\n'; }

  // The length of a backslash and the end of its line; 0 when there is none.
  [[nodiscard]] std::size_t continuation_at(std::size_t i) const {
    if (at(i) != '\\') return 0;
    if (i + 1 < rest_.size() && rest_[i + 1] == '\n') return 2;
    return i + 2 < rest_.size() && rest_[i + 1] == '\r' && rest_[i + 2] == '\n' ? 3 : 0;
  }

  [[nodiscard]] bool ends_word(std::size_t i) const {
    return i >= rest_.size() || is_blank(rest_[i]) || rest_[i] == '\n' || rest_[i] == '\0' || continuation_at(i) > 0;
  }

  // Reads a word and files it as a target or a prerequisite.
  void add_word() {
    std::string word;
    bool ends_in_colon = false;  // one that has its meaning
    std::size_t i = 0;
    while (!ends_word(i)) {
      ends_in_colon = rest_[i] == ':';
      if (rest_[i] == '\\') {
        i = take_backslashes(i, word);
      } else {
        if (rest_[i] == '$' && at(i + 1) == '$') ++i;
        word += rest_[i++];
      }
    }
    rest_.remove_prefix(i);
    if (in_prerequisites_) {
      if (seen_.insert(word).second) prerequisites_.push_back(std::move(word));
      return;
    }
    in_prerequisites_ = ends_in_colon;
    has_target_ = true;
  }

  // A run of backslashes, and what it escapes; returns where the text goes on.
  std::size_t take_backslashes(std::size_t i, std::string& word) const {
    std::size_t count = 0;
    while (at(i + count) == '\\' && continuation_at(i + count) == 0) ++count;
    const std::size_t next = i + count;
    const char c = at(next);
    if (next < rest_.size() && (c == ' ' || c == '\t')) {
      word.append(count / 2, '\\');
      if (count % 2 == 0) return next;  // the blank ends the word
      word += c;
      return next + 1;
    }
    // Compilers write no more than one backslash before these, whatever stands before it.
    if (next < rest_.size() && (c == '#' || (c == ':' && !ends_word(next + 1)))) {
      word.append(count - 1, '\\');
      word += c;
      return next + 1;
    }
    word.append(count, '\\');
    return next;
  }

  Status end_rule() {
    if (has_target_ && !in_prerequisites_)
      return fail(ErrorKind::invalid, fmt::format("line {}: expected `:` after the targets", line_));
    has_target_ = in_prerequisites_ = false;
    return {};
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  bool has_target_ = false;
  bool in_prerequisites_ = false;
  std::vector<std::string> prerequisites_;
  std::unordered_set<std::string> seen_;
};

}  // namespace

Result<std::vector<std::string>> parse_depfile(std::string_view text) {
  return DepfileReader(text).read();
}

}  // namespace trilock

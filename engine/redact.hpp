// Keeps the values of secrets out of everything that is shown or kept: output, reasons, explanations, logs.
//
// Replaced by `***` are: a secret of four bytes or more; each line of four bytes or more of one that has several; and
// the base64 (both alphabets, also as a part of a longer text, such as `user:secret`), percent-encoded, JSON-escaped
// and shell-quoted forms of a whole secret. Other encodings, and a form that is broken over lines, are not recognised.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/action.hpp"

namespace trilock {

// Const once built; any thread may use it.
class Redactor {
 public:
  Redactor() = default;
  explicit Redactor(const std::vector<EnvVar>& env);  // of its variables of class `secret`

  // The same, with the secrets of `env` too.
  [[nodiscard]] Redactor with(const std::vector<EnvVar>& env) const;
  [[nodiscard]] Redactor with(const Redactor& other) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

  [[nodiscard]] std::string operator()(std::string text) const;
  // Of every name and value.
  void redact(std::vector<Field>& fields) const;

  // What the text begins with.
  enum class Found : std::uint8_t {
    nothing,  // no secret
    secret,   // a secret of `length` bytes, the longest that begins here
    unclear,  // the text ends within what may become a secret
  };
  struct Match {
    Found found = Found::nothing;
    std::size_t length = 0;
  };
  // `last`: nothing comes after the text, so nothing is unclear. Needs !empty() and a text that is not empty.
  [[nodiscard]] Match match(std::string_view text, bool last) const;

 private:
  void add(std::string_view secret);
  void build_index();

  std::vector<std::string> patterns_;      // by first byte, then longest first
  std::vector<std::uint32_t> first_with_;  // by first byte: index of the first pattern; one more at the end
};

// Redacts a text that comes in pieces, wherever they are cut: all pieces together give what Redactor gives for the
// whole. It keeps back less than the longest pattern, until it is clear what that becomes. Overlapping secrets give one
// `***`. Belongs to one thread.
class StreamRedactor {
 public:
  explicit StreamRedactor(const Redactor& secrets) : secrets_(secrets) {}  // must outlive it
  [[nodiscard]] std::string feed(std::string_view piece);
  [[nodiscard]] std::string finish();  // what was kept back; then it may begin anew

 private:
  std::string take(bool last);
  const Redactor& secrets_;
  std::string kept_;
  std::size_t covered_ = 0;  // bytes at the front of kept_ that a `***` stands for already
};

}  // namespace trilock

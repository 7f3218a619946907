// A pattern is looked for at each position whose byte begins one, longest first. Whether a pattern that is cut off by
// the end of the text is there can only be said with what comes next, so the stream waits there: each decision is the
// one that the whole text would give.
#include "engine/redact.hpp"

#include <algorithm>
#include <utility>

namespace trilock {
namespace {

constexpr std::size_t shortest_secret = 4;
constexpr std::string_view mask = "***";

bool unreserved(unsigned char byte, std::string_view also) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
         std::string_view("-._~").contains(static_cast<char>(byte)) || also.contains(static_cast<char>(byte));
}

std::string percent_encoded(std::string_view text, std::string_view digits, std::string_view also_plain) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (unreserved(byte, also_plain)) {
      result += c;
      continue;
    }
    result += '%';
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

// As form data: application/x-www-form-urlencoded writes a blank as `+`.
std::string form_encoded(std::string_view text) {
  std::string result = percent_encoded(text, "0123456789ABCDEF", " ");
  std::replace(result.begin(), result.end(), ' ', '+');
  return result;
}

enum class Html : std::uint8_t { plain, safe };  // Go's encoding/json escapes what HTML would read

std::string json_escaped(std::string_view text, Html html) {
  std::string result;
  for (const char c : text) {
    const std::string_view letter = c == '\n' ? "n" : c == '\r' ? "r" : c == '\t' ? "t" : "";
    if (c == '"' || c == '\\')
      result.append({'\\', c});
    else if (!letter.empty())
      result.append("\\").append(letter);
    else if (html == Html::safe && (c == '<' || c == '>' || c == '&'))
      result += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    else
      result += c;
  }
  return result;
}

// With each single quote as it is written inside of a word in single quotes.
std::string shell_quoted(std::string_view text, std::string_view quote) {
  std::string result;
  for (const char c : text)
    if (c == '\'')
      result += quote;
    else
      result += c;
  return result;
}

// As programs write quotes and backslashes that stand in a string.
std::string backslash_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

// The digits of the base64 of a text that begins `skip` bytes after a group of three, as far as they depend on this
// text alone, and those after which the text ends, with and without padding.
void add_base64(std::string_view text, std::size_t skip, std::string_view digits, std::vector<std::string>& to) {
  std::string encoded;
  std::uint32_t bits = 0;
  int count = 0;
  const auto put = [&](unsigned char byte) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) encoded += digits[bits >> (count - 6) & 63];
  };
  for (std::size_t i = 0; i < skip; ++i) put(0);
  for (const char c : text) put(static_cast<unsigned char>(c));
  const std::size_t unknown = skip == 0 ? 0 : skip + 1;  // digits that hold bits of what comes before
  std::string inside = encoded.substr(unknown);
  to.push_back(inside);
  if (count == 0) return;
  inside += digits[bits << (6 - count) & 63];
  to.push_back(inside);
  to.push_back(inside + (count == 4 ? "=" : "=="));
}

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void add_forms(std::string_view secret, std::vector<std::string>& to) {
  to.emplace_back(secret);
  for (std::size_t skip = 0; skip < 3; ++skip) {
    add_base64(secret, skip, base64_digits, to);
    add_base64(secret, skip, base64url_digits, to);
  }
  to.push_back(percent_encoded(secret, "0123456789ABCDEF", ""));
  to.push_back(percent_encoded(secret, "0123456789abcdef", ""));
  to.push_back(percent_encoded(secret, "0123456789ABCDEF", "!'()*"));  // as encodeURIComponent does
  to.push_back(form_encoded(secret));
  to.push_back(json_escaped(secret, Html::plain));
  to.push_back(json_escaped(secret, Html::safe));
  to.push_back(shell_quoted(secret, "'\\''"));    // as bash does
  to.push_back(shell_quoted(secret, "'\"'\"'"));  // as dash does
  to.push_back(backslash_escaped(secret));
}

std::size_t first_byte(std::string_view text) {
  return static_cast<unsigned char>(text[0]);
}

}  // namespace

Redactor::Redactor(const std::vector<EnvVar>& env) {
  for (const EnvVar& variable : env)
    if (variable.kind == EnvClass::secret) add(variable.value);
  build_index();
}

Redactor Redactor::with(const std::vector<EnvVar>& env) const {
  Redactor more = *this;
  for (const EnvVar& variable : env)
    if (variable.kind == EnvClass::secret) more.add(variable.value);
  if (more.patterns_.size() != patterns_.size()) more.build_index();
  return more;
}

Redactor Redactor::with(const Redactor& other) const {
  Redactor more = *this;
  more.patterns_.insert(more.patterns_.end(), other.patterns_.begin(), other.patterns_.end());
  std::ranges::sort(more.patterns_);
  const auto repeated = std::ranges::unique(more.patterns_);
  more.patterns_.erase(repeated.begin(), repeated.end());
  more.build_index();
  return more;
}

void Redactor::add(std::string_view secret) {
  std::vector<std::string> forms;
  if (secret.size() >= shortest_secret) add_forms(secret, forms);
  // A final line end is seldom a part of what is used.
  const std::size_t end = secret.find_last_not_of("\r\n");
  const std::string_view trimmed = secret.substr(0, end == std::string_view::npos ? 0 : end + 1);
  if (trimmed.size() >= shortest_secret && trimmed.size() != secret.size()) add_forms(trimmed, forms);
  for (std::string_view rest = trimmed; !rest.empty();) {
    const std::size_t line_end = rest.find('\n');
    std::string_view line = rest.substr(0, line_end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    forms.emplace_back(line);
    rest.remove_prefix(line_end == std::string_view::npos ? rest.size() : line_end + 1);
  }
  for (std::string& form : forms)
    if (form.size() >= shortest_secret && std::find(patterns_.begin(), patterns_.end(), form) == patterns_.end())
      patterns_.push_back(std::move(form));
}

void Redactor::build_index() {
  if (patterns_.empty()) return;
  std::sort(patterns_.begin(), patterns_.end(), [](const std::string& a, const std::string& b) {
    if (a[0] != b[0]) return first_byte(a) < first_byte(b);
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  first_with_.assign(257, 0);
  for (const std::string& pattern : patterns_) ++first_with_[first_byte(pattern) + 1];
  for (std::size_t i = 1; i < first_with_.size(); ++i) first_with_[i] += first_with_[i - 1];
}

Redactor::Match Redactor::match(std::string_view text, bool last) const {
  const std::size_t byte = first_byte(text);
  for (std::uint32_t i = first_with_[byte]; i < first_with_[byte + 1]; ++i) {
    const std::string_view pattern = patterns_[i];
    if (pattern.size() <= text.size()) {
      if (text.starts_with(pattern)) return {Found::secret, pattern.size()};
    } else if (!last && pattern.starts_with(text)) {
      return {Found::unclear, 0};
    }
  }
  return {};
}

std::string Redactor::operator()(std::string text) const {
  if (empty() || text.empty()) return text;
  StreamRedactor stream(*this);
  std::string result = stream.feed(text);
  result += stream.finish();
  return result;
}

void Redactor::redact(std::vector<Field>& fields) const {
  if (empty()) return;
  for (Field& field : fields) {
    field.name = (*this)(std::move(field.name));
    field.value = (*this)(std::move(field.value));
  }
}

std::string StreamRedactor::feed(std::string_view piece) {
  if (secrets_.empty()) return std::string(piece);
  kept_ += piece;
  return take(false);
}

std::string StreamRedactor::finish() {
  std::string rest = take(true);
  covered_ = 0;
  return rest;
}

std::string StreamRedactor::take(bool last) {
  std::string safe;
  if (secrets_.empty()) return safe;
  safe.reserve(kept_.size());
  std::size_t at = 0;
  for (; at < kept_.size(); ++at) {
    const Redactor::Match match = secrets_.match(std::string_view(kept_).substr(at), last);
    if (match.found == Redactor::Found::unclear) break;
    if (match.found == Redactor::Found::secret) {
      if (covered_ == 0) safe += mask;
      covered_ = std::max(covered_, match.length);
    }
    if (covered_ > 0)
      --covered_;
    else
      safe += kept_[at];
  }
  kept_.erase(0, at);
  return safe;
}

}  // namespace trilock

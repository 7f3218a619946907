#include "cache/result_codec.hpp"

#include <limits>
#include <utility>

#include "cache/hash.hpp"

namespace trilock {
namespace {

constexpr std::string_view magic = "trilockR";
constexpr std::uint8_t format_version = 1;
constexpr std::size_t checksum_size = sizeof(FastDigest::data);

enum ResultTag : std::uint8_t {
  tag_key = 1,
  tag_output,
  tag_value,
  tag_witness,
  tag_out,
  tag_err,
  tag_duration,
  tag_explanation,
  tag_discovered,
};

enum OutputTag : std::uint8_t {
  tag_path = 1,
  tag_type,
  tag_mode,
  tag_size,
  tag_blob,
  tag_content,
  tag_symlink_target,
};

enum FieldTag : std::uint8_t { tag_name = 1, tag_text };

void put_number(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put(std::string& out, std::uint8_t tag, std::string_view payload) {
  out.push_back(static_cast<char>(tag));
  put_number(out, payload.size());
  out.append(payload);
}

void put_text(std::string& out, std::uint8_t tag, std::string_view text) {
  if (!text.empty()) put(out, tag, text);
}

void put_count(std::string& out, std::uint8_t tag, std::uint64_t value) {
  if (value == 0) return;
  std::string number;
  put_number(number, value);
  put(out, tag, number);
}

template <std::size_t Size>
void put_digest(std::string& out, std::uint8_t tag, const Bytes<Size>& digest) {
  if (digest != Bytes<Size>{}) put(out, tag, digest.view());
}

void put_fields(std::string& out, std::uint8_t tag, const std::vector<Field>& fields) {
  std::string nested;
  for (const Field& field : fields) {
    nested.clear();
    put_text(nested, tag_name, field.name);
    put_text(nested, tag_text, field.value);
    put(out, tag, nested);
  }
}

void put_outputs(std::string& out, const std::vector<OutputEntry>& outputs) {
  std::string nested;
  for (const OutputEntry& entry : outputs) {
    nested.clear();
    put_text(nested, tag_path, entry.path);
    put_count(nested, tag_type, std::to_underlying(entry.type));
    put_count(nested, tag_mode, entry.mode);
    put_count(nested, tag_size, entry.size);
    put_digest(nested, tag_blob, entry.blob);
    put_digest(nested, tag_content, entry.content);
    put_text(nested, tag_symlink_target, entry.symlink_target);
    put(out, tag_output, nested);
  }
}

// Reads fields one after another. The first thing that is wrong sticks: every later read gives nothing, so a caller
// may ask `good` once at the end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool good() const { return good_; }
  void spoil() { good_ = false; }

  // False at the end and when something is wrong. Tags never descend; those that may occur once ascend.
  bool next(std::uint8_t& tag, std::string_view& payload) {
    if (!good_ || rest_.empty()) return false;
    tag = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    const std::uint64_t length = number();
    if (!good_ || length > rest_.size() || tag < last_tag_) return good_ = false;
    repeated_ = tag == last_tag_;
    last_tag_ = tag;
    payload = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  [[nodiscard]] bool repeated() const { return repeated_; }

  // A number that fills all that is left.
  std::uint64_t whole_number() {
    const std::uint64_t value = number();
    if (!rest_.empty()) good_ = false;
    return good_ ? value : 0;
  }

 private:
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte >= 0x80) continue;
      const bool too_long = shift > 0 && byte == 0;
      const bool too_large = shift == 63 && byte > 1;
      if (too_long || too_large) break;
      return value;
    }
    good_ = false;
    return 0;
  }

  std::string_view rest_;
  std::uint8_t last_tag_ = 0;
  bool repeated_ = false;
  bool good_ = true;
};

// Singular fields, which are never written when empty.
bool take(std::string& text, std::string_view payload) {
  text = payload;
  return !payload.empty();
}

template <std::size_t Size>
bool take(Bytes<Size>& digest, std::string_view payload) {
  if (payload.size() != Size) return false;
  std::memcpy(digest.data.data(), payload.data(), Size);
  return true;
}

template <std::size_t Size>
bool take_non_zero(Bytes<Size>& digest, std::string_view payload) {
  return take(digest, payload) && digest != Bytes<Size>{};
}

template <class Integer>
bool take_count(Integer& count, std::string_view payload, std::uint64_t largest = std::numeric_limits<Integer>::max()) {
  Reader reader(payload);
  const std::uint64_t value = reader.whole_number();
  count = static_cast<Integer>(value);
  return reader.good() && value != 0 && value <= largest;
}

bool take_field(Field& field, std::string_view bytes) {
  Reader reader(bytes);
  std::uint8_t tag = 0;
  std::string_view payload;
  while (reader.next(tag, payload)) {
    const bool known = tag == tag_name ? take(field.name, payload) : tag == tag_text && take(field.value, payload);
    if (!known || reader.repeated()) reader.spoil();
  }
  return reader.good();
}

bool take_output_field(OutputEntry& entry, std::uint8_t tag, std::string_view payload) {
  switch (tag) {
    case tag_path:
      return take(entry.path, payload);
    case tag_type: {
      std::uint8_t type = 0;
      const bool good = take_count(type, payload, std::to_underlying(EntryType::symlink));
      if (good) entry.type = EntryType{type};
      return good;
    }
    case tag_mode:
      return take_count(entry.mode, payload);
    case tag_size:
      return take_count(entry.size, payload);
    case tag_blob:
      return take_non_zero(entry.blob, payload);
    case tag_content:
      return take_non_zero(entry.content, payload);
    case tag_symlink_target:
      return take(entry.symlink_target, payload);
    default:
      return false;
  }
}

bool take_output(OutputEntry& entry, std::string_view bytes) {
  Reader reader(bytes);
  std::uint8_t tag = 0;
  std::string_view payload;
  while (reader.next(tag, payload)) {
    if (reader.repeated() || !take_output_field(entry, tag, payload)) reader.spoil();
  }
  return reader.good();
}

bool take_result_field(ActionResult& result, std::uint8_t tag, std::string_view payload, bool repeated) {
  switch (tag) {
    case tag_output:
      return take_output(result.outputs.emplace_back(), payload);
    case tag_value:
      return take_field(result.values.emplace_back(), payload);
    case tag_witness:
      return take_field(result.witness.emplace_back(), payload);
    case tag_explanation:
      return take_field(result.explanation.emplace_back(), payload);
    case tag_discovered:
      return take(result.discovered.emplace_back(), payload);
    case tag_key:
      return !repeated && take(result.key, payload);
    case tag_out:
      return !repeated && take(result.out, payload);
    case tag_err:
      return !repeated && take(result.err, payload);
    case tag_duration:
      return !repeated && take_count(result.duration_ms, payload);
    default:
      return false;
  }
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(ErrorKind::corrupt, "stored result is damaged: " + std::string(what));
}

}  // namespace

std::string encode(const ActionResult& result, ResultPart part) {
  std::string out;
  out.reserve(256 + 160 * result.outputs.size());
  out.append(magic);
  out.push_back(static_cast<char>(format_version));
  put(out, tag_key, result.key.view());
  if (part != ResultPart::detail) {
    put_outputs(out, result.outputs);
    put_fields(out, tag_value, result.values);
    put_fields(out, tag_witness, result.witness);
  }
  if (part != ResultPart::essence) {
    put_text(out, tag_out, result.out);
    put_text(out, tag_err, result.err);
  }
  if (part != ResultPart::detail) put_count(out, tag_duration, result.duration_ms);
  if (part != ResultPart::essence) put_fields(out, tag_explanation, result.explanation);
  if (part != ResultPart::detail)
    for (const std::string& path : result.discovered) put_text(out, tag_discovered, path);
  out.append(fast_digest(out).view());
  return out;
}

Result<ActionResult> decode(std::string_view bytes) {
  if (bytes.size() < magic.size() + 1 + checksum_size) return damaged("it is too short");
  if (!bytes.starts_with(magic)) return damaged("it does not start with `" + std::string(magic) + "`");
  const auto version = static_cast<std::uint8_t>(bytes[magic.size()]);
  if (version != format_version) return damaged("it has the unknown version " + std::to_string(version));
  const std::string_view checksum = bytes.substr(bytes.size() - checksum_size);
  bytes.remove_suffix(checksum_size);
  if (fast_digest(bytes).view() != checksum) return damaged("its checksum does not match");

  ActionResult result;
  Reader reader(bytes.substr(magic.size() + 1));
  std::uint8_t tag = 0;
  std::string_view payload;
  bool has_key = false;
  while (reader.next(tag, payload)) {
    if (!take_result_field(result, tag, payload, reader.repeated())) reader.spoil();
    has_key = has_key || tag == tag_key;
  }
  if (!reader.good() || !has_key) return damaged("its fields do not have the form that they should have");
  return result;
}

}  // namespace trilock

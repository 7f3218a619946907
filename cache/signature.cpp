#include "cache/signature.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "cache/hash.hpp"
#include "cache/remote_api/result_signature.hpp"

namespace trilock {
namespace {

constexpr std::size_t signature_size = 64;
constexpr std::size_t base64_size = 44;

template <auto Free>
struct Freeing {
  void operator()(auto* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Freeing<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freeing<BIO_free>>;

Bio reading(std::string_view bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Nobody is asked for a passphrase: a run has no one to ask.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

std::optional<PublicKey> public_bytes(const Key& key) {
  PublicKey bytes;
  std::size_t size = bytes.data.size();
  if (key == nullptr || EVP_PKEY_is_a(key.get(), "ED25519") != 1 ||
      EVP_PKEY_get_raw_public_key(key.get(), bytes.data.data(), &size) != 1 || size != bytes.data.size())
    return std::nullopt;
  return bytes;
}

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::optional<PublicKey> from_base64(std::string_view text) {
  if (text.size() != base64_size) return std::nullopt;
  // The library skips blanks and tells nothing of padding; what does not encode to the same text was no key.
  std::array<unsigned char, base64_size / 4 * 3> decoded{};
  if (EVP_DecodeBlock(decoded.data(), octets(text), base64_size) != static_cast<int>(decoded.size()))
    return std::nullopt;
  PublicKey key;
  std::copy_n(decoded.begin(), key.data.size(), key.data.begin());
  if (to_base64(key) != text) return std::nullopt;
  return key;
}

std::optional<PublicKey> from_pem(std::string_view text) {
  bool asked = false;
  const Bio bio = reading(text);
  return public_bytes(Key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, &asked)));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

Result<PublicKey> read_public_key(Disk& disk, const std::string& path) {
  const Result<std::string> text = disk.read(path);
  if (!text) return std::unexpected(text.error());
  std::optional<PublicKey> key = parse_public_key(trimmed(*text));
  if (!key) key = from_pem(*text);
  if (!key)
    return fail(ErrorKind::invalid, fmt::format("`{}` holds no public key of ed25519", path),
                "`trilock cache keygen` prints the public key of the pair that it makes");
  return *key;
}

Status write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return fail_errno("cannot write the key", errno);
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file) != 0) return fail_errno("cannot write the key", errno);
  return {};
}

}  // namespace

std::string to_base64(const PublicKey& key) {
  std::array<unsigned char, base64_size + 1> text{};
  EVP_EncodeBlock(text.data(), key.data.data(), static_cast<int>(key.data.size()));
  return {text.begin(), text.begin() + base64_size};
}

std::optional<PublicKey> parse_public_key(std::string_view text) {
  if (std::optional<PublicKey> key = PublicKey::from_hex(text)) return key;
  return from_base64(text);
}

std::string key_id_of(const PublicKey& key) {
  return strong_digest(key.view()).hex().substr(0, 16);
}

Result<std::vector<PublicKey>> read_public_keys(Disk& disk, std::span<const std::string> texts,
                                                const AbsolutePath& absolute) {
  std::vector<PublicKey> keys;
  for (const std::string& text : texts) {
    if (const std::optional<PublicKey> key = parse_public_key(text)) {
      keys.push_back(*key);
      continue;
    }
    const Result<PublicKey> key = read_public_key(disk, absolute(text));
    if (!key) return std::unexpected(key.error());
    keys.push_back(*key);
  }
  return keys;
}

struct SigningKey::State {
  Key key;
};

SigningKey::SigningKey(std::unique_ptr<State> state, const PublicKey& public_key)
    : state_(std::move(state)), public_key_(public_key) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::read(Disk& disk, const std::string& path) {
  Result<std::string> text = disk.read(path);
  if (!text) return std::unexpected(text.error());
  bool asked = false;
  Key key(PEM_read_bio_PrivateKey(reading(*text).get(), nullptr, no_passphrase, &asked));
  OPENSSL_cleanse(text->data(), text->size());
  const std::optional<PublicKey> own = public_bytes(key);
  if (!own && asked) return fail(ErrorKind::invalid, fmt::format("a passphrase protects the private key `{}`", path));
  if (!own)
    return fail(ErrorKind::invalid, fmt::format("`{}` holds no private key of ed25519 in PEM", path),
                "`trilock cache keygen` makes one");
  auto state = std::make_unique<State>();
  state->key = std::move(key);
  return SigningKey(std::move(state), *own);
}

Result<std::string> SigningKey::sign(std::string_view record) const {
  const Context context(EVP_MD_CTX_new());
  std::string signature(signature_size, '\0');
  std::size_t size = signature.size();
  if (context == nullptr ||
      EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, state_->key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, octets(record),
                     record.size()) != 1 ||
      size != signature_size)
    return fail(ErrorKind::io, "OpenSSL on this machine cannot sign with ed25519");
  return signature;
}

Result<PublicKey> generate_key(const std::string& path) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const std::optional<PublicKey> own = public_bytes(key);
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!own || bio == nullptr ||
      PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(ErrorKind::io, "OpenSSL on this machine cannot make a key of ed25519");
  char* pem = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &pem);

  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0 && errno == EEXIST)
    return fail(ErrorKind::invalid, fmt::format("`{}` exists already, and a key is never overwritten", path));
  if (file < 0) return fail_errno(fmt::format("cannot write `{}`", path), errno);
  const Status written = write_all(file, {pem, static_cast<std::size_t>(size)});
  ::close(file);
  if (!written) {
    ::unlink(path.c_str());
    return std::unexpected(written.error());
  }
  return *own;
}

bool signature_holds(const PublicKey& key, std::string_view record, std::string_view signature) {
  const Key parsed(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, key.data.data(), key.data.size()));
  const Context context(EVP_MD_CTX_new());
  return parsed != nullptr && context != nullptr && signature.size() == signature_size &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, parsed.get(), nullptr) == 1 &&
         EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(record), record.size()) == 1;
}

std::string signed_record(const StrongDigest& action, std::string_view unsigned_result) {
  using namespace std::string_view_literals;
  std::string record("trilock result signature 1\0"sv);
  record.append(action.view());
  for (int shift = 56; shift >= 0; shift -= 8)
    record += static_cast<char>(static_cast<std::uint64_t>(unsigned_result.size()) >> shift & 0xff);
  return record.append(unsigned_result);
}

Result<std::string> sign_result(const SigningKey& key, const StrongDigest& action, std::string_view result) {
  const Result<SplitResult> split = split_signature(result);
  if (!split) return std::unexpected(split.error());
  Result<std::string> signature = key.sign(signed_record(action, split->unsigned_result));
  if (!signature) return std::unexpected(signature.error());
  return join_signature(split->unsigned_result, {key_id_of(key.public_key()), std::move(*signature)});
}

SignatureVerdict judge_signature(std::span<const PublicKey> trusted, const StrongDigest& action,
                                 std::string_view result) {
  const Result<SplitResult> split = split_signature(result);
  if (!split) return SignatureVerdict::wrong;
  if (!split->signature) return SignatureVerdict::absent;
  const auto key = std::ranges::find(trusted, split->signature->key_id, key_id_of);
  if (key == trusted.end()) return SignatureVerdict::unknown_key;
  return signature_holds(*key, signed_record(action, split->unsigned_result), split->signature->signature)
             ? SignatureVerdict::holds
             : SignatureVerdict::wrong;
}

}  // namespace trilock

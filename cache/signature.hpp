// Signatures of results (ed25519, RFC 8032): who vouches that an action gives this result. A shared tier lets everybody
// who may write name a result for an action, and blobs certify themselves only; with trusted keys a reader takes none
// but the results that an owner of such a key signed.
//
// What is signed:
//     "trilock result signature 1" and a zero byte
//     the 32 bytes of the action's digest
//     the length of what follows, 8 bytes, big-endian
//     the serialized `ActionResult` without its signature and its seal (cache/remote_api/result_signature.hpp)
//
// So a signature holds for one action, and says nothing of when it was made: an older result of the same action that
// the same key signed holds too. The only user of OpenSSL besides cache/hash.cpp. Thread rule: any thread; keys are
// constant once they are read.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/disk.hpp"
#include "schemas/digest.hpp"
#include "schemas/result.hpp"

namespace trilock {

using PublicKey = Bytes<32>;

[[nodiscard]] std::string to_base64(const PublicKey& key);
// 64 hexadecimal digits, or 44 characters of base64.
[[nodiscard]] std::optional<PublicKey> parse_public_key(std::string_view text);
// What messages call a key: 16 hexadecimal digits of the SHA-256 of its bytes.
[[nodiscard]] std::string key_id_of(const PublicKey& key);

// Keys as `trusted-keys` has them: each a key, or the path of a file with one, as text or as PEM. `absolute` makes a
// path of the pipeline absolute. invalid: what is neither.
using AbsolutePath = std::function<std::string(const std::string& path)>;
Result<std::vector<PublicKey>> read_public_keys(Disk& disk, std::span<const std::string> texts,
                                                const AbsolutePath& absolute);

class SigningKey {
 public:
  // A private key of ed25519 in PEM that no passphrase protects.
  static Result<SigningKey> read(Disk& disk, const std::string& path);
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  // 64 bytes.
  Result<std::string> sign(std::string_view record) const;

 private:
  struct State;
  SigningKey(std::unique_ptr<State> state, const PublicKey& public_key);
  std::unique_ptr<State> state_;
  PublicKey public_key_;
};

// Writes a new private key to a file of mode 0600 and gives the public one. A file that is there stays as it is, and is
// an error.
Result<PublicKey> generate_key(const std::string& path);

[[nodiscard]] bool signature_holds(const PublicKey& key, std::string_view record, std::string_view signature);

// The bytes that a signature is made over.
[[nodiscard]] std::string signed_record(const StrongDigest& action, std::string_view unsigned_result);

// The result with a signature in place of any that it had. corrupt: no `ActionResult`.
Result<std::string> sign_result(const SigningKey& key, const StrongDigest& action, std::string_view result);

enum class SignatureVerdict : std::uint8_t { holds, absent, unknown_key, wrong };
[[nodiscard]] SignatureVerdict judge_signature(std::span<const PublicKey> trusted, const StrongDigest& action,
                                               std::string_view result);

}  // namespace trilock

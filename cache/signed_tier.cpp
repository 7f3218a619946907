#include "cache/signed_tier.hpp"

#include <fmt/format.h>

#include <utility>

#include "cache/remote_api/messages.hpp"

namespace trilock {
namespace {

std::string_view describe(SignatureVerdict verdict) {
  switch (verdict) {
    case SignatureVerdict::holds:
      break;
    case SignatureVerdict::absent:
      return "is not signed";
    case SignatureVerdict::unknown_key:
      return "is signed by a key that is not in `trusted-keys`";
    case SignatureVerdict::wrong:
      return "has a wrong signature";
  }
  return "";
}

}  // namespace

SignedTier::SignedTier(std::unique_ptr<CacheTier> inner, std::optional<SigningKey> key, std::vector<PublicKey> trusted)
    : inner_(std::move(inner)), key_(std::move(key)), trusted_(std::move(trusted)) {}

Result<std::string> SignedTier::result(const StrongDigest& action) {
  Result<std::string> bytes = inner_->result(action);
  if (!bytes || trusted_.empty()) return bytes;
  const SignatureVerdict verdict = judge_signature(trusted_, action, *bytes);
  if (verdict != SignatureVerdict::holds) return refuse(verdict, action);
  return bytes;
}

// One result of each kind is named; a cache that somebody else fills has thousands.
std::unexpected<Error> SignedTier::refuse(SignatureVerdict verdict, const StrongDigest& action) {
  const std::string message =
      fmt::format("a result in {} {}: `{}`", inner_->name(), describe(verdict), action.hex().substr(0, 16));
  const std::lock_guard lock(mutex_);
  if (!std::exchange(said_[static_cast<std::size_t>(verdict)], true))
    warnings_.push_back(message + "; such results are not used");
  return fail(ErrorKind::corrupt, message);
}

Result<std::string> SignedTier::blob(const StrongDigest& digest, std::uint64_t size) {
  return inner_->blob(digest, size);
}

Status SignedTier::fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) {
  return inner_->fetch(digest, size, path, mode);
}

Status SignedTier::publish(std::span<const Publication> publications) {
  if (!key_) return inner_->publish(publications);
  std::vector<Publication> signed_ones(publications.begin(), publications.end());
  for (Publication& publication : signed_ones) {
    Result<std::string> result = sign_result(*key_, publication.action, publication.result);
    if (!result) return std::unexpected(result.error());
    publication.result = seal_result(*result, publication.action);
  }
  return inner_->publish(signed_ones);
}

std::vector<std::string> SignedTier::take_warnings() {
  std::vector<std::string> warnings = inner_->take_warnings();
  const std::lock_guard lock(mutex_);
  for (std::string& warning : std::exchange(warnings_, {})) warnings.push_back(std::move(warning));
  return warnings;
}

}  // namespace trilock

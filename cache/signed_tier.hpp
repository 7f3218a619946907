// A tier in front of another one that signs what is written and takes what trusted keys have signed and nothing else.
// Thread rule: that of the interface.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>

#include "cache/cache_tier.hpp"
#include "cache/signature.hpp"

namespace trilock {

class SignedTier final : public CacheTier {
 public:
  // Without a key nothing is signed; without trusted keys nothing is checked.
  SignedTier(std::unique_ptr<CacheTier> inner, std::optional<SigningKey> key, std::vector<PublicKey> trusted);

  [[nodiscard]] std::string_view name() const override { return inner_->name(); }
  // corrupt when no trusted key has signed the result.
  Result<std::string> result(const StrongDigest& action) override;
  Result<std::string> blob(const StrongDigest& digest, std::uint64_t size) override;
  Status fetch(const StrongDigest& digest, std::uint64_t size, const std::string& path, std::uint32_t mode) override;
  Status fetch_all(std::span<const BlobRequest> requests) override { return inner_->fetch_all(requests); }
  Status publish(std::span<const Publication> publications) override;
  std::vector<std::string> take_warnings() override;

 private:
  std::unexpected<Error> refuse(SignatureVerdict verdict, const StrongDigest& action);

  std::unique_ptr<CacheTier> inner_;
  std::optional<SigningKey> key_;
  std::vector<PublicKey> trusted_;
  std::mutex mutex_;
  std::array<bool, 4> said_{};  // by verdict
  std::vector<std::string> warnings_;
};

}  // namespace trilock

// Signatures of results. What a signature is comes from RFC 8032 and from openssl's own command line.
#include <sys/stat.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>

#include "cache/hash.hpp"
#include "cache/remote_api/messages.hpp"
#include "cache/remote_api/result_signature.hpp"
#include "cache/signature.hpp"
#include "cache/signed_tier.hpp"
#include "tests/support/memory_disk.hpp"
#include "tests/support/temporary_directory.hpp"

namespace trilock {
namespace {

using test::MemoryDisk;
using test::TemporaryDirectory;

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return (std::ostringstream() << file.rdbuf()).str();
}

void write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

bool openssl(const std::string& arguments) {
  return std::system(("openssl " + arguments + " >/dev/null 2>&1").c_str()) == 0;
}

std::string sample_result() {
  ActionResult result;
  result.outputs = {{.path = "bin/app",
                     .type = EntryType::file,
                     .mode = 0755,
                     .size = 7,
                     .blob = strong_digest("program"),
                     .content = {},
                     .symlink_target = {}}};
  result.values = {{"digest", "sha256:1"}};
  result.out = "hello\n";
  const std::vector<OutputSpec> outputs = {{"", "bin/app", {}}};
  return encode_result(result, outputs).result;
}

SigningKey make_key(const TemporaryDirectory& dir, const std::string& name) {
  REQUIRE(generate_key(dir / name));
  const auto disk = make_real_disk();
  Result<SigningKey> key = SigningKey::read(*disk, dir / name);
  REQUIRE(key);
  return std::move(*key);
}

// Keeps what is published, and hands it out again.
class FakeTier final : public CacheTier {
 public:
  std::map<StrongDigest, std::string> results;
  [[nodiscard]] std::string_view name() const override { return "the cache `fake`"; }
  Result<std::string> result(const StrongDigest& action) override {
    const auto found = results.find(action);
    if (found == results.end()) return fail(ErrorKind::not_found, "no result");
    return found->second;
  }
  Result<std::string> blob(const StrongDigest&, std::uint64_t) override { return "blob"; }
  Status fetch(const StrongDigest&, std::uint64_t, const std::string&, std::uint32_t) override { return {}; }
  Status publish(std::span<const Publication> publications) override {
    for (const Publication& publication : publications) results[publication.action] = publication.result;
    return {};
  }
  std::vector<std::string> take_warnings() override { return {"from within"}; }
};

const StrongDigest action = strong_digest("an action");

}  // namespace

TEST_CASE("signatures: those of RFC 8032, section 7.1, test 3") {
  const PublicKey key = PublicKey::from_hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025").value();
  // The two halves of the signature.
  const auto r = PublicKey::from_hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac").value();
  const auto s = PublicKey::from_hex("18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a").value();
  const std::string signature = std::string(r.view()) + std::string(s.view());
  CHECK(signature_holds(key, "\xaf\x82", signature));
  CHECK_FALSE(signature_holds(key, "\xaf\x83", signature));
  CHECK_FALSE(signature_holds(key, "\xaf\x82", signature.substr(1)));
  CHECK_FALSE(signature_holds(key, "\xaf\x82", ""));
}

TEST_CASE("signatures: openssl reads our keys and agrees with what they sign") {
  const TemporaryDirectory dir;
  const SigningKey key = make_key(dir, "key");
  struct ::stat stat {};
  REQUIRE(::stat((dir / "key").c_str(), &stat) == 0);
  CHECK((stat.st_mode & 07777) == 0600);

  REQUIRE(openssl(fmt::format("pkey -in {0}/key -pubout -out {0}/pub", dir.path())));
  const auto disk = make_real_disk();
  const std::vector<std::string> named = {"pub"};
  const auto read_back = read_public_keys(*disk, named, [&](const std::string& name) { return dir / name; });
  REQUIRE(read_back);
  CHECK(read_back->front() == key.public_key());

  const std::string record = signed_record(action, sample_result());
  const Result<std::string> signature = key.sign(record);
  REQUIRE(signature);
  write(dir / "record", record);
  write(dir / "signature", *signature);
  const std::string verify =
      fmt::format("pkeyutl -verify -rawin -pubin -inkey {0}/pub -in {0}/record -sigfile {0}/signature", dir.path());
  CHECK(openssl(verify));
  write(dir / "record", record + "x");
  CHECK_FALSE(openssl(verify));

  REQUIRE(openssl(fmt::format("pkeyutl -sign -rawin -inkey {0}/key -in {0}/record -out {0}/theirs", dir.path())));
  CHECK(signature_holds(key.public_key(), record + "x", read(dir / "theirs")));
}

TEST_CASE("signatures: a key is not overwritten, and what is no key is said") {
  const TemporaryDirectory dir;
  const auto disk = make_real_disk();
  REQUIRE(generate_key(dir / "key"));
  const std::string before = read(dir / "key");
  const Result<PublicKey> again = generate_key(dir / "key");
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::invalid);
  CHECK(again.error().message == fmt::format("`{}/key` exists already, and a key is never overwritten", dir.path()));
  CHECK(read(dir / "key") == before);
  CHECK_FALSE(generate_key(dir / "absent/key"));

  const auto message = [&](const std::string& name) {
    const Result<SigningKey> key = SigningKey::read(*disk, dir / name);
    return key ? "" : key.error().message;
  };
  write(dir / "text", "no key");
  CHECK(message("text") == fmt::format("`{}/text` holds no private key of ed25519 in PEM", dir.path()));
  REQUIRE(openssl(fmt::format("genpkey -algorithm x25519 -out {}/other", dir.path())));
  CHECK(message("other") == fmt::format("`{}/other` holds no private key of ed25519 in PEM", dir.path()));
  REQUIRE(openssl(fmt::format("genpkey -algorithm ed25519 -aes256 -pass pass:word -out {}/locked", dir.path())));
  CHECK(message("locked") == fmt::format("a passphrase protects the private key `{}/locked`", dir.path()));
  CHECK(message("absent").contains("no such file"));
}

TEST_CASE("signatures: public keys as text") {
  const PublicKey key = PublicKey::from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").value();
  const std::string base64 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  CHECK(to_base64(key) == base64);
  CHECK(parse_public_key(base64) == key);
  CHECK(parse_public_key(key.hex()) == key);
  for (const std::string_view wrong :
       {"", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp=",
        "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR==", " 1qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511"})
    CHECK_MESSAGE(!parse_public_key(wrong), wrong);

  MemoryDisk disk;
  disk.put("/ws/keys/a.pub", base64 + "\n");
  disk.put("/ws/keys/b.pub", "what?\n");
  const AbsolutePath absolute = [](const std::string& path) { return "/ws/" + path; };
  const std::vector<std::string> good = {key.hex(), "keys/a.pub"};
  CHECK(read_public_keys(disk, good, absolute).value() == std::vector<PublicKey>{key, key});
  const std::vector<std::string> bad = {"keys/b.pub"};
  CHECK(read_public_keys(disk, bad, absolute).error().message == "`/ws/keys/b.pub` holds no public key of ed25519");
  const std::vector<std::string> absent = {"keys/c.pub"};
  CHECK(read_public_keys(disk, absent, absolute).error().kind == ErrorKind::not_found);
}

TEST_CASE("signatures: every changed byte of a signed result is refused") {
  const TemporaryDirectory dir;
  const SigningKey key = make_key(dir, "key");
  const std::vector<PublicKey> trusted = {make_key(dir, "other").public_key(), key.public_key()};
  const std::string result = sample_result();
  const std::string with = sign_result(key, action, result).value();

  CHECK(judge_signature(trusted, action, with) == SignatureVerdict::holds);
  CHECK(judge_signature(trusted, action, result) == SignatureVerdict::absent);
  CHECK(judge_signature(trusted, strong_digest("another action"), with) == SignatureVerdict::wrong);
  CHECK(judge_signature(std::span(trusted).first(1), action, with) == SignatureVerdict::unknown_key);
  CHECK(judge_signature({}, action, with) == SignatureVerdict::unknown_key);

  for (std::size_t at = 0; at < with.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = with;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      CHECK_MESSAGE(judge_signature(trusted, action, changed) != SignatureVerdict::holds, at, " ", bit);
    }
    CHECK(judge_signature(trusted, action, with.substr(0, at)) != SignatureVerdict::holds);
  }
  CHECK(judge_signature(trusted, action, with + with) != SignatureVerdict::holds);
  // A field that is written twice says the same to a parser, and yet these are not the bytes that were signed.
  CHECK(judge_signature(trusted, action, with + std::string("\x20\x00", 2)) == SignatureVerdict::wrong);
}

TEST_CASE("signatures: a result and its signature come apart as they were joined") {
  const ResultSignature signature{"id", "bytes"};
  for (const std::string& result : {sample_result(), std::string()}) {
    const Result<std::string> joined = join_signature(result, signature);
    REQUIRE(joined);
    const Result<SplitResult> split = split_signature(*joined);
    REQUIRE(split);
    CHECK(split->unsigned_result == result);
    CHECK(split->signature == signature);
    CHECK(join_signature(*joined, {"other", "one"}).value() == join_signature(result, {"other", "one"}).value());
    CHECK(split_signature(result)->signature == std::nullopt);
    CHECK(split_signature(result)->unsigned_result == result);
  }
  const FetchBlob none = [](const StrongDigest&, std::uint64_t) -> Result<std::string> {
    return fail(ErrorKind::not_found, "");
  };
  CHECK(references_of(join_signature(sample_result(), signature).value(), none).value().size() == 1);
  // `auxiliary_metadata` with the type of a seal: 9: { 11: { 1: "type.trilock/Seal", 2: "x" } }
  const std::string seal = "\x4a\x18\x5a\x16\x0a\x11type.trilock/Seal\x12\x01x";
  CHECK(split_signature(join_signature(seal, signature).value())->unsigned_result.empty());
  CHECK(split_signature(join_signature(seal, signature).value())->signature == signature);
  CHECK_FALSE(split_signature("\xff"));
  CHECK_FALSE(join_signature("\xff", signature));

  // Joining the messages of two signed results gives one with two signatures.
  const std::string twice = join_signature("", signature).value() + join_signature("", signature).value();
  CHECK(split_signature(twice).error().message == "a message of the cache has two signatures");
}

TEST_CASE("signatures: a tier signs what it is given and takes what is signed") {
  const TemporaryDirectory dir;
  const PublicKey trusted = make_key(dir, "key").public_key();
  auto owned = std::make_unique<FakeTier>();
  FakeTier& fake = *owned;
  const auto disk = make_real_disk();
  SignedTier tier(std::move(owned), SigningKey::read(*disk, dir / "key").value(), {trusted});
  CHECK(tier.name() == "the cache `fake`");

  const std::vector<Publication> publications = {{action, sample_result(), {}}};
  REQUIRE(tier.publish(publications));
  CHECK(judge_signature(std::span(&trusted, 1), action, fake.results.at(action)) == SignatureVerdict::holds);
  CHECK(tier.result(action).value() == fake.results.at(action));
  CHECK(tier.blob(action, 1).value() == "blob");
  CHECK(tier.take_warnings() == std::vector<std::string>{"from within"});

  const StrongDigest other = strong_digest("another");
  CHECK(tier.result(other).error().kind == ErrorKind::not_found);
  fake.results[other] = sample_result();
  const Result<std::string> refused = tier.result(other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::corrupt);
  fake.results[strong_digest("third")] = sample_result();
  CHECK_FALSE(tier.result(strong_digest("third")));
  fake.results[other] = fake.results[action];
  CHECK_FALSE(tier.result(other));
  const std::string name = other.hex().substr(0, 16);
  CHECK(tier.take_warnings() ==
        std::vector<std::string>{
            "from within",
            fmt::format("a result in the cache `fake` is not signed: `{}`; such results are not used", name),
            fmt::format("a result in the cache `fake` has a wrong signature: `{}`; such results are not used", name)});
  CHECK(tier.take_warnings().size() == 1);

  SignedTier open(std::make_unique<FakeTier>(), std::nullopt, {});
  REQUIRE(open.publish(publications));
  CHECK(open.result(action).value() == sample_result());
}

}  // namespace trilock

#include "schemas/digest.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <set>

#include "schemas/action.hpp"
#include "schemas/result.hpp"

using namespace trilock;

TEST_CASE("digests in hexadecimal") {
  FastDigest digest;
  for (std::size_t i = 0; i < digest.data.size(); ++i) digest.data[i] = static_cast<std::uint8_t>(i * 17);
  CHECK(digest.hex() == "00112233445566778899aabbccddeeff");
  CHECK(FastDigest::from_hex(digest.hex()) == digest);
  CHECK(FastDigest::from_hex("00112233445566778899AABBCCDDEEFF") == digest);
  CHECK(StrongDigest().hex() == std::string(64, '0'));
  CHECK(digest.view().size() == 16);

  CHECK_FALSE(FastDigest::from_hex(""));
  CHECK_FALSE(FastDigest::from_hex("00112233445566778899aabbccddeef"));
  CHECK_FALSE(FastDigest::from_hex("00112233445566778899aabbccddeeff00"));
  CHECK_FALSE(FastDigest::from_hex("0011223344556677 899aabbccddeeff"));
  CHECK_FALSE(FastDigest::from_hex("0011223344556677g899aabbccddeeff"));
  CHECK_FALSE(StrongDigest::from_hex(digest.hex()));
}

TEST_CASE("digests are ordered by their bytes") {
  const auto low = *FastDigest::from_hex("00ffffffffffffffffffffffffffffff");
  const auto high = *FastDigest::from_hex("80000000000000000000000000000000");
  CHECK(low < high);
  CHECK(DigestHash<FastDigest>()(low) != DigestHash<FastDigest>()(high));
}

TEST_CASE("errors of system calls") {
  const auto denied = fail_errno("cannot read `a/b`", EACCES).error();
  CHECK(denied.message == "cannot read `a/b`: permission denied");
  CHECK(denied.kind == ErrorKind::io);
  CHECK(denied.help.empty());
  CHECK(fail_errno("x", ENOENT).error().message == "x: no such file or directory");
  CHECK(fail_errno("x", ENOENT).error().kind == ErrorKind::not_found);
  CHECK(fail_errno("x", ENOTDIR).error().kind == ErrorKind::not_found);
  CHECK(fail_errno("x", ENOSPC).error().kind == ErrorKind::no_space);
  CHECK(fail_errno("x", EDQUOT).error().kind == ErrorKind::no_space);
  for (const int machine : {EIO, EMFILE, ENFILE, ENOMEM, EAGAIN, ENOSPC, EFBIG})
    CHECK(fail_errno("x", machine).error().machine_failed);
  for (const int other : {ENOENT, EACCES, EISDIR, ELOOP, EINVAL})
    CHECK_FALSE(fail_errno("x", other).error().machine_failed);
  CHECK(fail_errno("x", ENOTBLK).error().message == "x: block device required");
  CHECK(fail_errno("x", 98765).error().message == "x: error 98765");
  const Status status = fail(ErrorKind::corrupt, "bad", "delete it");
  CHECK(status.error().kind == ErrorKind::corrupt);
  CHECK(status.error().help == "delete it");
}

TEST_CASE("every outcome has its own name") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < outcome_count; ++i) names.insert(to_string(static_cast<Outcome>(i)));
  CHECK(names ==
        std::set<std::string_view>{"unchanged", "restored", "ran", "failed", "skipped", "cancelled", "waiting"});
}

// Without fmt: it stands in the front as well.
#include "engine/watch/message.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>
#include <type_traits>

#include "cache/hash.hpp"
#include "cache/snapshot.hpp"

namespace trilock {
namespace {

// "triw", what it is, and the version of the form.
constexpr std::uint64_t question_magic = 0x7472'6977'0000'0101;
constexpr std::uint64_t answer_magic = 0x7472'6977'0000'0201;

struct QuestionBytes {
  std::uint64_t magic = 0;
  SnapshotIdentity snapshot;
  WatchView view;
};
static_assert(std::is_trivially_copyable_v<QuestionBytes> && sizeof(QuestionBytes) == 112);

struct AnswerBytes {
  std::uint64_t magic = 0;
  FastDigest snapshot;
  std::uint32_t verdict = 0;
  std::uint32_t looks = 0;
};
static_assert(std::is_trivially_copyable_v<AnswerBytes> && sizeof(AnswerBytes) == 32);

template <class Form>
std::string bytes_of(const Form& form) {
  return {reinterpret_cast<const char*>(&form), sizeof form};
}

}  // namespace

SnapshotIdentity identity_of(const MappedFile& snapshot) {
  SnapshotIdentity identity{.sum = {}, .file = snapshot.identity()};
  if (snapshot.bytes().size() >= sizeof(SnapshotHeader))
    std::memcpy(identity.sum.data.data(), snapshot.bytes().data() + offsetof(SnapshotHeader, sum), sizeof identity.sum);
  return identity;
}

std::optional<WatchView> own_view() {
  struct stat name_space {};
  struct stat root {};
  if (::stat("/proc/self/ns/mnt", &name_space) != 0 || ::stat("/", &root) != 0) return std::nullopt;
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return std::nullopt;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgroups(count, groups.data()) != count) return std::nullopt;
  std::ranges::sort(groups);
  groups.push_back(::getegid());
  return WatchView{
      .namespace_device = name_space.st_dev,
      .namespace_inode = name_space.st_ino,
      .root_device = root.st_dev,
      .root_inode = root.st_ino,
      .groups = fast_digest({reinterpret_cast<const char*>(groups.data()), groups.size() * sizeof(gid_t)})};
}

std::string to_bytes(const WatchQuestion& question) {
  return bytes_of(QuestionBytes{question_magic, question.snapshot, question.view});
}

std::string to_bytes(const WatchAnswer& answer) {
  const std::size_t count = answer.looks.size() <= most_looks_in_answer ? answer.looks.size() : 0;
  std::string bytes = bytes_of(AnswerBytes{.magic = answer_magic,
                                           .snapshot = answer.snapshot,
                                           .verdict = static_cast<std::uint32_t>(answer.verdict),
                                           .looks = static_cast<std::uint32_t>(count)});
  bytes.append(reinterpret_cast<const char*>(answer.looks.data()), count * sizeof(std::uint32_t));
  return bytes;
}

std::optional<WatchQuestion> read_question(std::string_view bytes) {
  QuestionBytes form;
  if (bytes.size() != sizeof form) return std::nullopt;
  std::memcpy(&form, bytes.data(), sizeof form);
  if (form.magic != question_magic) return std::nullopt;
  return WatchQuestion{form.snapshot, form.view};
}

std::optional<WatchAnswer> read_answer(std::string_view bytes) {
  AnswerBytes form;
  if (bytes.size() < sizeof form) return std::nullopt;
  std::memcpy(&form, bytes.data(), sizeof form);
  bytes.remove_prefix(sizeof form);
  if (form.magic != answer_magic || form.verdict > static_cast<std::uint32_t>(WatchVerdict::changed) ||
      form.looks > most_looks_in_answer || bytes.size() != form.looks * sizeof(std::uint32_t))
    return std::nullopt;
  WatchAnswer answer{.snapshot = form.snapshot, .verdict = static_cast<WatchVerdict>(form.verdict)};
  answer.looks.resize(form.looks);
  if (form.looks > 0) std::memcpy(answer.looks.data(), bytes.data(), bytes.size());
  const bool ascends = std::ranges::adjacent_find(answer.looks, std::ranges::greater_equal()) == answer.looks.end();
  if (!ascends || (form.looks > 0 && answer.verdict != WatchVerdict::changed)) return std::nullopt;
  return answer;
}

}  // namespace trilock

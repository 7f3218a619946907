// Actions and results as messages of the Remote Execution API.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "cache/hash.hpp"
#include "cache/remote_api/messages.hpp"

using namespace trilock;

namespace {

PortableAction sample_action() {
  return {.arguments = {"sh", "-eu", "-c", "cat a b/c"},
          .environment = {{"A", "1"}, {"B", ""}},
          .properties = {{"rule", "command"}, {"tool sh", "abc"}},
          .output_paths = {"out/x", "out/y"},
          .working_directory = "",
          .inputs = {{"a", EntryType::file, 0644, strong_digest("a"), 1, {}},
                     {"a-b", EntryType::file, 0755, strong_digest("ab"), 2, {}},
                     {"b/c", EntryType::file, 0600, strong_digest("c"), 1, {}},
                     {"b/d", EntryType::symlink, 0777, {}, 0, "../a"},
                     {"e", EntryType::directory, 0750, {}, 0, {}}},
          .salt = ""};
}

// A content-addressed storage.
struct Storage {
  std::map<StrongDigest, std::string> blobs;
  void keep(const std::vector<Message>& messages) {
    for (const Message& message : messages) {
      CHECK(strong_digest(message.bytes) == message.digest);
      blobs[message.digest] = message.bytes;
    }
  }
  [[nodiscard]] FetchBlob fetch() const {
    return [this](const StrongDigest& digest, std::uint64_t) -> Result<std::string> {
      const auto found = blobs.find(digest);
      if (found == blobs.end()) return fail(ErrorKind::not_found, "no such blob");
      return found->second;
    };
  }
};

ActionResult sample_result() {
  ActionResult result;
  const auto file = [](std::string path, std::uint32_t mode, std::string_view content) {
    return OutputEntry{.path = std::move(path),
                       .type = EntryType::file,
                       .mode = mode,
                       .size = content.size(),
                       .blob = strong_digest(content),
                       .content = {},
                       .symlink_target = {}};
  };
  const auto directory = [](std::string path, std::uint32_t mode) {
    return OutputEntry{
        .path = std::move(path), .type = EntryType::directory, .mode = mode, .size = 0, .blob = {}, .content = {}};
  };
  result.outputs = {file("bin/app", 0755, "program"), directory("tree", 0700),        directory("tree/empty", 0755),
                    file("tree/empty-not", 0640, ""), directory("tree/same1", 0755),  file("tree/same1/f", 0644, "f"),
                    directory("tree/same2", 0755),    file("tree/same2/f", 0644, "f")};
  result.outputs.push_back({.path = "tree/to",
                            .type = EntryType::symlink,
                            .mode = 0777,
                            .size = 0,
                            .blob = {},
                            .content = {},
                            .symlink_target = "same1/f"});
  result.values = {{"digest", "sha256:1"}, {"ref", ""}};
  result.witness = {{"store", "x"}};
  result.out = "hello\n";
  result.err = std::string(largest_inline_log + 1, 'e');
  result.duration_ms = 12;
  return result;
}

const std::vector<OutputSpec> sample_outputs = {{"", "tree", {}}, {"", "bin/app", {}}};

}  // namespace

TEST_CASE("an action comes back from its messages") {
  const PortableAction action = sample_action();
  const ActionMessages messages = encode_action(action);
  REQUIRE(messages.messages.size() == 5);  // action, command, b, e, root
  CHECK(messages.messages.front().digest == messages.digest);
  Storage storage;
  storage.keep(messages.messages);
  const Result<PortableAction> back = decode_action(messages.digest, storage.fetch());
  REQUIRE(back);
  CHECK(*back == action);
  for (const Message& message : messages.messages) {
    Storage without = storage;
    without.blobs.erase(message.digest);
    CHECK_FALSE(decode_action(messages.digest, without.fetch()));
  }
}

TEST_CASE("everything in an action changes its digest") {
  const StrongDigest digest = encode_action(sample_action()).digest;
  CHECK(encode_action(sample_action()).digest == digest);
  const std::vector<std::function<void(PortableAction&)>> changes = {
      [](PortableAction& a) {
        a.arguments = {"sh", "-eu", "-c cat a b/c"};
      },
      [](PortableAction& a) { a.arguments.emplace_back(); },
      [](PortableAction& a) { a.environment[0].value = "2"; },
      [](PortableAction& a) { a.environment.pop_back(); },
      [](PortableAction& a) { a.properties[1].value = "abd"; },
      [](PortableAction& a) {
        a.properties[0] = {"rul", "ecommand"};
      },
      [](PortableAction& a) { a.output_paths.pop_back(); },
      [](PortableAction& a) { a.working_directory = "x"; },
      [](PortableAction& a) { a.inputs[0].content = strong_digest("b"); },
      [](PortableAction& a) { a.inputs[0].mode = 0600; },
      [](PortableAction& a) { a.inputs[0].path = "aa"; },
      [](PortableAction& a) { a.inputs[3].symlink_target = "../a-b"; },
      [](PortableAction& a) { a.inputs[4].mode = 0755; },
      [](PortableAction& a) { a.inputs.pop_back(); },
      [](PortableAction& a) { a.salt = "pr"; },
  };
  std::vector<StrongDigest> seen = {digest};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    PortableAction changed = sample_action();
    changes[i](changed);
    const StrongDigest other = encode_action(changed).digest;
    CHECK(std::ranges::find(seen, other) == seen.end());
    seen.push_back(other);
  }
}

TEST_CASE("a result comes back from its messages, and names all its blobs") {
  const ActionResult result = sample_result();
  const ResultMessages messages = encode_result(result, sample_outputs);
  CHECK(encode_result(result, sample_outputs).result == messages.result);
  Storage storage;
  storage.keep(messages.blobs);
  const Result<DecodedResult> back = decode_result(messages.result, storage.fetch());
  REQUIRE(back);
  CHECK(back->writer == ResultWriter::trilock);
  CHECK(back->result.outputs == result.outputs);
  CHECK(back->result.values == result.values);
  CHECK(back->result.witness == result.witness);
  CHECK(back->result.out == result.out);
  CHECK(back->result.err == result.err);
  CHECK(back->result.duration_ms == result.duration_ms);

  const auto references = references_of(messages.result, storage.fetch());
  REQUIRE(references);
  std::vector<StrongDigest> named;
  for (const BlobReference& reference : *references) named.push_back(reference.digest);
  for (const std::string_view content : {"program", "f"}) CHECK(std::ranges::count(named, strong_digest(content)) == 1);
  for (const Message& blob : messages.blobs) CHECK(std::ranges::count(named, blob.digest) == 1);
  CHECK(named.size() == 4);
}

TEST_CASE("what is wrong in a result is an error, wherever a byte is changed or lost") {
  const ResultMessages messages = encode_result(sample_result(), sample_outputs);
  Storage storage;
  storage.keep(messages.blobs);
  for (std::size_t i = 0; i < messages.result.size(); ++i) {
    for (const int flip : {1, 0x80}) {
      std::string bytes = messages.result;
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      const Result<DecodedResult> read =
          decode_result(bytes, storage.fetch());  // must not crash; may be another result
      if (!read) CHECK((read.error().kind == ErrorKind::corrupt || read.error().kind == ErrorKind::not_found));
    }
    static_cast<void>(decode_result(messages.result.substr(0, i), storage.fetch()));
  }
  CHECK(decode_result("\xff\xff", storage.fetch()).error().kind == ErrorKind::corrupt);
  CHECK(decode_result("", storage.fetch()));  // an empty result is one of another program, without outputs
}

TEST_CASE("property: random results come back") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    ActionResult result;
    std::vector<std::string> directories = {"o"};
    std::map<std::string, OutputEntry> entries;
    const auto mode = [&] { return static_cast<std::uint32_t>(random() % 0777); };
    entries["o"] = {.path = "o", .type = EntryType::directory, .mode = mode(), .size = 0, .blob = {}, .content = {}};
    for (int i = 0; i < 30; ++i) {
      const std::string path = directories[random() % directories.size()] + "/" +
                               std::string(1 + random() % 2, static_cast<char>("a-Z.b"[random() % 5])) + "x";
      if (entries.contains(path)) continue;
      OutputEntry entry{.path = path, .type = EntryType::file, .mode = mode(), .size = 0, .blob = {}, .content = {}};
      if (random() % 3 == 0) {
        entry.type = EntryType::directory;
        directories.push_back(path);
      } else if (random() % 4 == 0) {
        entry.type = EntryType::symlink;
        entry.mode = 0777;
        entry.symlink_target = "t" + std::to_string(random() % 3);
      } else {
        const std::string content = std::to_string(random() % 4);
        entry.blob = strong_digest(content);
        entry.size = content.size();
      }
      entries[path] = entry;
    }
    for (auto& [path, entry] : entries) result.outputs.push_back(entry);
    const std::vector<OutputSpec> outputs = {{"", "o", {}}};
    const ResultMessages messages = encode_result(result, outputs);
    Storage storage;
    storage.keep(messages.blobs);
    const Result<DecodedResult> back = decode_result(messages.result, storage.fetch());
    REQUIRE(back);
    CHECK(back->result.outputs == result.outputs);
  }
}

TEST_CASE("a seal binds a result to its action, and shows every change of a byte") {
  const StrongDigest action = strong_digest("an action");
  const std::string plain = encode_result(sample_result(), sample_outputs).result;
  const std::string sealed = seal_result(plain, action);
  CHECK(check_seal(sealed, action).value() == ResultWriter::trilock);
  CHECK(seal_result(sealed, action) == sealed);
  // Of a result that has nothing else where seals stand, too.
  CHECK(check_seal(seal_result("", action), action).value() == ResultWriter::trilock);
  CHECK(check_seal(seal_result(sealed, strong_digest("another")), action).error().kind == ErrorKind::corrupt);
  CHECK(check_seal(plain, action).error().kind == ErrorKind::corrupt);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    CAPTURE(i);
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = sealed;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      const Result<ResultWriter> checked = check_seal(bytes, action);
      REQUIRE((!checked || *checked == ResultWriter::other));
    }
    const Result<ResultWriter> cut = check_seal(sealed.substr(0, i), action);
    REQUIRE((!cut || *cut == ResultWriter::other));
  }
  CHECK(check_seal("", action).value() == ResultWriter::other);  // what a crash leaves of another program's result
  CHECK(check_seal("\xff", action).error().kind == ErrorKind::corrupt);
}

TEST_CASE("a result of another program is told apart") {
  const std::string sealed = seal_result("", strong_digest("a"));
  CHECK(decode_result("", {}).value().writer == ResultWriter::other);
  CHECK(decode_result(sealed, {}).value().writer == ResultWriter::other);
}

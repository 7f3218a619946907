// A vertex of the graph as a rule planned it: which files, which references, which outputs. Nothing here has been
// read from a value of another node yet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/diagnostic.hpp"
#include "schemas/text.hpp"

namespace trilock {

enum class DependencyKind : std::uint8_t {
  reference,  // a value of the other node is used; only that value counts for the key
  needs,      // all outputs and values of the other node count
  after,      // order only
};

struct Dependency {
  std::string label;
  DependencyKind kind = DependencyKind::reference;
  Place place;
};

// All paths of a node are relative to the workspace, with `/`, without `.`, `..` or a leading or final slash; "" is
// the workspace itself.
struct InputPattern {
  std::string pattern;  // glob, without the `!`
  bool exclude = false;
  Place place;
};

// A text that hardly any of many values has; where it is empty it takes no more than a pointer.
class RareText {
 public:
  RareText() = default;
  RareText(std::string text) : text_(text.empty() ? nullptr : std::make_unique<std::string>(std::move(text))) {}
  RareText(const RareText& other) : RareText(std::string(other.view())) {}
  RareText(RareText&&) noexcept = default;
  RareText& operator=(RareText other) noexcept {
    text_ = std::move(other.text_);
    return *this;
  }
  ~RareText() = default;
  [[nodiscard]] bool empty() const { return text_ == nullptr; }
  [[nodiscard]] std::string_view view() const { return text_ == nullptr ? std::string_view() : *text_; }

 private:
  std::unique_ptr<std::string> text_;
};

struct OutputSpec {
  std::string name;  // key of the `outputs` table; "" when it was a list
  std::string path;
  Place place;
  RareText real = {};  // the path without symlinks in its directories, absolute outside; "" when it is `path`
};

// An output that is there for the cache alone, such as the archive by which another machine gets an image. Nothing can
// refer to it: no `out` means it, no pattern selects it, and those that need its node do not count it. `.trilock`
// stands for the directory of disposable state, which has another name in every workspace.
[[nodiscard]] inline bool is_private_output(std::string_view path) {
  return path.starts_with(".trilock/");
}

struct Condition {  // `when`
  Text left;
  bool equal = true;  // `==`, otherwise `!=`
  Text right;
};

enum class CachePolicy : std::uint8_t {
  shared,   // may leave the machine
  local,    // kept in the cache directory of this machine
  machine,  // kept in the workspace's state only: what describes the world outside, such as an applied change
  none,     // runs every time
};

struct Node {
  std::string label;
  std::uint32_t rule = 0;    // index into the registry
  std::uint32_t target = 0;  // index into Pipeline::targets
  std::string description;
  Place place;
  std::string dir;                       // working directory
  std::vector<Dependency> dependencies;  // sorted by label, then kind; unique; empty once the graph is linked
  std::vector<InputPattern> inputs;      // in the order of the file: later wins
  std::vector<OutputSpec> outputs;
  std::vector<OutputSpec> depfiles;  // where a process writes what it read; may be an output too; one at most
  std::vector<std::pair<std::string, Text>> env;
  std::vector<std::string> pass_env;
  std::vector<std::string> secret_env;
  std::vector<Condition> when;  // all must hold; the language has one at most
  static constexpr std::uint32_t no_pool = 0xffffffff;
  std::uint32_t pool = no_pool;  // index into Pipeline::pools
  std::uint32_t weight = 1;
  std::vector<std::string>
      exclusive;                 // names of things that one node at a time may use: "terraform state infra/staging"
  std::uint64_t timeout_ms = 0;  // 0: no limit
  std::uint32_t retries = 0;
  CachePolicy cache = CachePolicy::shared;
  // What `plan` worked out for `resolve`, by names of the rule's own. No part of the key by itself.
  std::vector<std::pair<std::string, Text>> kept;
};

}  // namespace trilock

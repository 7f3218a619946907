// How much a pipeline may become. A kilobyte of text can stand for gigabytes: variables that hold each other ten times,
// matrices over matrices, a default in every node. Whatever is made of what the user wrote, and was not written by
// them, is counted here before memory is asked for.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>

#include "schemas/config.hpp"
#include "schemas/findings.hpp"

namespace trilock {

inline constexpr std::size_t max_expanded_string = std::size_t{1} << 20;      // bytes
inline constexpr std::size_t max_expanded_pipeline = std::size_t{256} << 20;  // bytes
// What a node of a matrix counts besides its text: roughly what it takes from here to the end of a run.
inline constexpr std::size_t bytes_per_node = 1024;

// Thread rule: any thread.
class ExpansionBudget {
 public:
  // False once more than `max_expanded_pipeline` was counted, and ever after.
  [[nodiscard]] bool spend(std::size_t bytes) {
    if (bytes > max_expanded_pipeline) bytes = max_expanded_pipeline + 1;
    if (is_spent()) return false;
    return spent_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= max_expanded_pipeline;
  }
  [[nodiscard]] bool is_spent() const { return spent_.load(std::memory_order_relaxed) > max_expanded_pipeline; }
  // The same, with an error at `place` the first time that it is false: one overflow is one finding.
  [[nodiscard]] bool spend(std::size_t bytes, Place place, Findings& findings);

 private:
  std::atomic<std::size_t> spent_ = 0;
  std::atomic<bool> reported_ = false;
};

// The memory that a copy of it takes, roughly.
[[nodiscard]] std::size_t weight_of(const Config& value);
[[nodiscard]] std::size_t weight_of(const ConfigTable& table);

}  // namespace trilock

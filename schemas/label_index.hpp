// From labels to places in a list that holds them, without a copy of any label. Const once built.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace trilock {

// Open addressing by the hash of the label. `label_at(i)` gives the label at place i; the list must be the one that the
// index was built for. Of equal labels the first is found.
class LabelIndex {
 public:
  template <class LabelAt>
  void build(std::size_t count, LabelAt label_at) {
    std::size_t size = 16;
    while (size < count * 2) size *= 2;
    slots_.assign(size, 0);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t slot = first_slot(label_at(i));
      while (slots_[slot] != 0) slot = (slot + 1) & (size - 1);
      slots_[slot] = static_cast<std::uint32_t>(i + 1);
    }
    count_ = count;
  }

  [[nodiscard]] std::size_t count() const { return count_; }

  template <class LabelAt>
  [[nodiscard]] std::optional<std::size_t> find(std::string_view label, LabelAt label_at) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t slot = first_slot(label); slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1))
      if (const std::size_t place = slots_[slot] - 1; label_at(place) == label) return place;
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::size_t first_slot(std::string_view label) const {
    return std::hash<std::string_view>()(label) & (slots_.size() - 1);
  }

  std::vector<std::uint32_t> slots_;  // place + 1, 0 is free
  std::size_t count_ = 0;
};

}  // namespace trilock

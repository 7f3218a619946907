// Bytes as a file that is mapped has them: aligned.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace trilock::test {

class MappedImage {
 public:
  explicit MappedImage(std::string_view bytes) : words_((bytes.size() + 7) / 8 + 1), size_(bytes.size()) {
    std::memcpy(words_.data(), bytes.data(), bytes.size());
  }
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(words_.data()), size_}; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

}  // namespace trilock::test

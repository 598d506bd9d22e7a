#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <sys/mman.h>

#include "base/assert.hpp"
#include "base/file_system.hpp"

namespace geminga::storage {

/// Memory for direct input and output. Not initialised.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes) : size_(bytes), data_(allocate(bytes)) {
    GEMINGA_ASSERT(bytes % base::kDirectAlignment == 0);
    GEMINGA_ASSERT(data_ != nullptr || bytes == 0);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::span<std::byte> span() { return {data_.get(), size_}; }
  [[nodiscard]] std::span<const std::byte> span() const { return {data_.get(), size_}; }

 private:
  static constexpr std::size_t kHugePageBytes = 2 << 20;

  static std::byte* allocate(std::size_t bytes) {
    if (bytes < kHugePageBytes)
      return static_cast<std::byte*>(std::aligned_alloc(base::kDirectAlignment, bytes));
    const std::size_t whole = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    void* data = std::aligned_alloc(kHugePageBytes, whole);
    // A hint: where there are no huge pages it only takes longer to touch the memory for the first time.
    if (data != nullptr) static_cast<void>(::madvise(data, whole, MADV_HUGEPAGE));
    return static_cast<std::byte*>(data);
  }

  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<std::byte, Free> data_;
};

}  // namespace geminga::storage

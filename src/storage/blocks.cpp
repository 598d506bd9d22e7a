#include "storage/blocks.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/file_system.hpp"
#include "storage/aligned_buffer.hpp"
#include "storage/bytes.hpp"

namespace geminga::storage {
namespace {

// A slab is held as long as one of its entries is, so it is no larger than the largest usual group.
constexpr std::size_t kSlabBytes = 4 << 20;
// A smaller block comes out of the heap as cheaply.
constexpr std::size_t kPooledBytesMin = 128 << 10;

}  // namespace

/// What came back, and how much of it may lie here.
struct BlockPool::Shelf {
  explicit Shelf(std::size_t max) : retained_max(max) {}

  AlignedBuffer take(std::size_t bytes) {
    {
      const std::lock_guard lock(mutex);
      for (auto one = free.rbegin(); one != free.rend(); ++one) {
        // Not one that is much larger: its reader would hold more than it reads.
        if (one->size() < bytes || one->size() > 2 * bytes) continue;
        AlignedBuffer found = std::move(*one);
        free.erase(std::next(one).base());
        retained -= found.size();
        return found;
      }
    }
    return AlignedBuffer(bytes);
  }

  void put_back(AlignedBuffer buffer) {
    std::vector<AlignedBuffer> surplus;  // freed without the lock
    const std::lock_guard lock(mutex);
    retained += buffer.size();
    free.push_back(std::move(buffer));
    while (retained > retained_max) {
      retained -= free.front().size();
      surplus.push_back(std::move(free.front()));
      free.erase(free.begin());
    }
  }

  const std::size_t retained_max;
  mutable std::mutex mutex;
  std::vector<AlignedBuffer> free;  // under mutex, the last returned at the back
  std::size_t retained = 0;         // under mutex
};

/// A block that is out; its end brings it back.
struct BlockPool::Lease {
  Lease(std::shared_ptr<Shelf> from, AlignedBuffer taken)
      : shelf(std::move(from)), buffer(std::move(taken)) {}
  ~Lease() { shelf->put_back(std::move(buffer)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::shared_ptr<Shelf> shelf;
  AlignedBuffer buffer;
};

BlockPool::BlockPool(std::size_t retained_bytes) : shelf_(std::make_shared<Shelf>(retained_bytes)) {}

BlockPool::Block BlockPool::take(std::size_t bytes) {
  const std::size_t rounded = round_up(bytes, base::kDirectAlignment);
  if (rounded < kPooledBytesMin) {
    auto small = std::make_shared<AlignedBuffer>(rounded);
    return {small->span(), small};
  }
  auto lease = std::make_shared<Lease>(shelf_, shelf_->take(rounded));
  return {lease->buffer.span(), lease};
}

std::size_t BlockPool::retained_bytes() const {
  const std::lock_guard lock(shelf_->mutex);
  return shelf_->retained;
}

BlockPool::Block Slabs::take(std::size_t bytes) {
  GEMINGA_ASSERT(bytes % base::kDirectAlignment == 0);
  if (slab_.bytes.size() - used_ < bytes) {
    slab_ = {};  // before the next is taken: it may be the same
    slab_ = pool_.take(std::max(kSlabBytes, bytes));
    used_ = 0;
  }
  const auto piece = slab_.bytes.subspan(used_, bytes);
  used_ += bytes;
  return {piece, slab_.owner};
}

}  // namespace geminga::storage

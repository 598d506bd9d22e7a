#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace geminga::storage {

// Memory of message bodies on their way through the log. The first touch of fresh memory costs a page fault,
// which is more than all other work on the messages that fit into a page; so blocks are used again.

/// Blocks that come back when the last owner lets go of them. Any thread; blocks may outlive the pool.
class BlockPool {
 public:
  /// At most `retained_bytes` lie ready for the next owner.
  explicit BlockPool(std::size_t retained_bytes);
  struct Block {
    std::span<std::byte> bytes;  ///< not initialised
    std::shared_ptr<const void> owner;
  };
  /// Aligned for direct input; `bytes` is rounded up to that alignment.
  [[nodiscard]] Block take(std::size_t bytes);
  [[nodiscard]] std::size_t retained_bytes() const;

 private:
  struct Shelf;
  struct Lease;

  const std::shared_ptr<Shelf> shelf_;
};

/// Hands out pieces of slabs, front to back; a slab is let go with the last owner of a piece. One thread.
class Slabs {
 public:
  /// Idle slabs of at most `retained_bytes` lie ready.
  explicit Slabs(std::size_t retained_bytes) : pool_(retained_bytes) {}
  /// Aligned for direct output; `bytes` is a multiple of that alignment.
  BlockPool::Block take(std::size_t bytes);

 private:
  BlockPool pool_;
  BlockPool::Block slab_;
  std::size_t used_ = 0;
};

}  // namespace geminga::storage

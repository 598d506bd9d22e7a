#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <span>

#include "base/file_system.hpp"
#include "storage/aligned_buffer.hpp"

namespace geminga::storage {

/// Reads the groups of one journal file in their order, from the disk and not from what the page cache
/// believes. Who reads on past the first window is taken to read to the end: the next window is then read
/// while this one is used. One thread.
class JournalFileReader {
 public:
  static Result<std::unique_ptr<JournalFileReader>> open(base::FileSystem& files,
                                                         const std::filesystem::path& path);
  ~JournalFileReader();
  JournalFileReader(const JournalFileReader&) = delete;
  JournalFileReader& operator=(const JournalFileReader&) = delete;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// `bytes` from `offset`, fewer at the end of the file; valid until the next call.
  Result<std::span<const std::byte>> at(std::uint64_t offset, std::uint64_t bytes);

 private:
  /// Bytes of the file in memory.
  struct Window {
    AlignedBuffer memory;
    std::uint64_t offset = 0;  ///< in the file, of `begin`
    std::size_t begin = 0;     ///< in `memory`
    std::size_t bytes = 0;
    [[nodiscard]] std::uint64_t end() const { return offset + bytes; }
    [[nodiscard]] bool holds(std::uint64_t from, std::uint64_t to) const {
      return from >= offset && to <= end();
    }
  };

  JournalFileReader(std::unique_ptr<base::File> file, std::uint64_t size);
  Result<> move_to(std::uint64_t offset, std::uint64_t bytes);
  Result<> read(std::uint64_t offset, std::uint64_t bytes);
  Result<bool> take_ahead(std::uint64_t offset, std::uint64_t bytes);
  void read_ahead();

  std::unique_ptr<base::File> file_;
  std::uint64_t size_;
  Window window_;
  Window ahead_;  ///< the other thread's while `reading_ahead_` is valid
  std::future<Result<>> reading_ahead_;
};

}  // namespace geminga::storage

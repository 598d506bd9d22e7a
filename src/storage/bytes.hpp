#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/assert.hpp"

/// Little-endian numbers in files. Everything on disk is written and read through this page.
namespace geminga::storage {

static_assert(std::endian::native == std::endian::little, "the disk formats are little-endian");

/// Writes into a block of known size; positions are given, as in the tables of docs/formats.
class FieldWriter {
 public:
  explicit FieldWriter(std::span<std::byte> block) : block_(block) {}
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(std::size_t at, T value) {
    GEMINGA_ASSERT(at + sizeof(T) <= block_.size());
    std::memcpy(block_.data() + at, &value, sizeof(T));
  }

 private:
  std::span<std::byte> block_;
};

/// The same for reading. The caller has checked the block's size.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> block) : block_(block) {}
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T get(std::size_t at) const {
    GEMINGA_ASSERT(at + sizeof(T) <= block_.size());
    T value;
    std::memcpy(&value, block_.data() + at, sizeof(T));
    return value;
  }

 private:
  std::span<const std::byte> block_;
};

/// Appends to a growing buffer, for files that are written whole.
class StreamWriter {
 public:
  template <class T>
    requires std::is_trivially_copyable_v<T>
  void put(T value) {
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void put_bytes(std::string_view bytes) { bytes_.append(bytes); }
  [[nodiscard]] std::string& bytes() { return bytes_; }
  [[nodiscard]] std::string_view view() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what StreamWriter wrote. Past the end everything is zero and ok() is false for good, so a parser
/// checks once, after its loop bounds are checked with remaining().
class StreamReader {
 public:
  explicit StreamReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
    requires std::is_trivially_copyable_v<T>
  T get() {
    T value{};
    if (remaining() < sizeof(T)) {
      ok_ = false;
      at_ = bytes_.size();
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  std::string get_bytes(std::size_t count) {
    if (remaining() < count) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    std::string value(reinterpret_cast<const char*>(bytes_.data() + at_), count);
    at_ += count;
    return value;
  }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size() - at_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

/// The directory's UUID as the files carry it.
using RawUuid = std::array<std::uint8_t, 16>;
/// From the text form; the text was checked when the directory was opened.
RawUuid raw_uuid(std::string_view text);

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace geminga::storage

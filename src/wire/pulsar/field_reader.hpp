#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/varint.hpp"

namespace geminga::wire::pulsar {

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// Walks over the fields of one protobuf message, each with its value. Allocates nothing; what it gives are
/// views into the bytes. Groups, which nobody has used for a decade, count as damage.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) noexcept
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// To the next field; false at the end, and for good where the bytes are damaged.
  bool next() noexcept {
    start_ = at_;
    if (at_ == end_) return false;
    std::uint64_t tag = 0;
    const char* at = read_varint(at_, end_, tag, kVarint32BytesMax);
    if (at == nullptr || tag > UINT32_MAX || (tag >> 3) == 0) return damage();
    number_ = static_cast<std::uint32_t>(tag >> 3);
    type_ = static_cast<WireType>(tag & 7);
    at = value(at);
    if (at == nullptr) return damage();
    at_ = at;
    return true;
  }

  [[nodiscard]] bool damaged() const noexcept { return damaged_; }
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
  [[nodiscard]] WireType type() const noexcept { return type_; }
  [[nodiscard]] std::uint64_t integer() const noexcept { return integer_; }  ///< of all types but bytes
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }   ///< of type bytes
  [[nodiscard]] const char* start() const noexcept { return start_; }        ///< where this field begins
  [[nodiscard]] const char* behind() const noexcept { return at_; }          ///< and where the next one does

 private:
  bool damage() noexcept {
    damaged_ = true;
    at_ = end_;
    return false;
  }

  const char* value(const char* at) noexcept {
    switch (type_) {
      case WireType::varint:
        return read_varint(at, end_, integer_);
      case WireType::fixed64:
        return fixed(at, 8);
      case WireType::fixed32:
        return fixed(at, 4);
      case WireType::bytes: {
        std::uint64_t size = 0;
        at = read_varint(at, end_, size, kVarint32BytesMax);
        if (at == nullptr || size > static_cast<std::uint64_t>(end_ - at)) return nullptr;
        bytes_ = {at, static_cast<std::size_t>(size)};
        return at + size;
      }
    }
    return nullptr;
  }

  const char* fixed(const char* at, int size) noexcept {
    if (end_ - at < size) return nullptr;
    integer_ = 0;
    for (int i = size; i-- > 0;) integer_ = (integer_ << 8) | static_cast<std::uint8_t>(at[i]);
    return at + size;
  }

  const char* at_;
  const char* end_;
  const char* start_ = nullptr;
  std::uint64_t integer_ = 0;
  std::string_view bytes_;
  std::uint32_t number_ = 0;
  WireType type_ = WireType::varint;
  bool damaged_ = false;
};

}  // namespace geminga::wire::pulsar

#include "base/crc32c.hpp"

#include <isa-l/crc.h>

namespace geminga::base {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  // The library leaves the inversion before and after to the caller, takes a non-const pointer that it does
  // not write through, and a length of int; our pieces are far below 2 GiB.
  auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
  return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~so_far);
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t so_far) noexcept {
  return crc32c(std::as_bytes(std::span(bytes)), so_far);
}

}  // namespace geminga::base

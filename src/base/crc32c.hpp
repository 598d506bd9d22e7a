#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace geminga::base {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), as Pulsar and Kafka use it. Continue over pieces by passing
/// the result so far.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t so_far = 0) noexcept;
std::uint32_t crc32c(std::string_view bytes, std::uint32_t so_far = 0) noexcept;

}  // namespace geminga::base

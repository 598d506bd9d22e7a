#pragma once

#include <cstdint>
#include <string_view>

namespace geminga::base {

/// Murmur3, 32 bits, seed 0, with the sign bit off: what Pulsar makes of a key, to choose a consumer
/// (Key_Shared) or a partition (its clients' Murmur3_32Hash).
std::uint32_t murmur3_31(std::string_view bytes);

}  // namespace geminga::base

#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <geminga/error.hpp>

#include "base/crc32c.hpp"

/// What lists of topics have in common that go to clients.
namespace geminga::doors::pulsar {

/// Pulsar's: of the names in order with commas between them, so it is the same where nothing changed.
template <class Names>
std::string topics_hash(const Names& in_order) {
  std::uint32_t crc = 0;
  bool first = true;
  for (const std::string_view name : in_order) {
    if (!first) crc = base::crc32c(std::string_view(","), crc);
    crc = base::crc32c(name, crc);
    first = false;
  }
  return fmt::format("{:08x}", std::byteswap(crc));
}

/// What a name takes in a frame, at most.
[[nodiscard]] inline std::uint64_t listed_bytes(std::string_view name) {
  return name.size() + 6;
}

/// Errors: unsupported_by_engine (clients end a connection over a frame that is larger than they take).
inline Result<> check_list(std::uint64_t names, std::uint64_t bytes, std::uint64_t frame_bytes_max) {
  constexpr std::uint64_t kBesideNames = 1 << 10;
  if (bytes + kBesideNames <= frame_bytes_max) return {};
  return fail(ErrorCode::unsupported_by_engine,
              fmt::format("{} names of topics are {} bytes, more than the {} of a frame; ask with a narrower "
                          "pattern that the server evaluates, or spread the topics over namespaces",
                          names, bytes, frame_bytes_max));
}

}  // namespace geminga::doors::pulsar

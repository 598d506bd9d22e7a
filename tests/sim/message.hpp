#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <geminga/types.hpp>

#include "broker/ack_bits.hpp"

namespace geminga::sim {

/// Messages of a batch, by their place in it.
using Places = std::set<std::uint32_t>;
[[nodiscard]] Places to_places(const broker::AckBits& bits);
[[nodiscard]] broker::AckBits to_bits(const Places& places);

/// What the producer of a message says of it.
struct Numbered {
  std::string producer;
  std::uint64_t sequence = 0;
};

/// What one entry holds: one message, or a batch of `count`.
struct Message {
  std::uint64_t number = 0;  ///< never given twice in a run; the body follows from it and from `bytes`
  std::uint32_t bytes = 0;
  std::uint32_t count = 1;
  std::string key;
  std::optional<Timestamp> deliver_at;
  std::optional<Numbered> numbered;    ///< by its producer: it is stored once
  Timestamp publish_time{};            ///< once it is stored
  std::optional<std::uint64_t> index;  ///< of its first message in the topic; once it is stored for certain

  [[nodiscard]] std::string body() const;
  /// The number that stands in a body. A breach when there is none.
  static std::uint64_t number_in(std::string_view body);
};

}  // namespace geminga::sim

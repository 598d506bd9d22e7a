#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include <geminga/error.hpp>
#include <geminga/export.hpp>

namespace geminga {

/// A number that only compares and mixes with its own kind.
template <class Tag, class Rep = std::uint64_t>
struct Strong {
  using Representation = Rep;
  Rep value{};
  constexpr auto operator<=>(const Strong&) const = default;
};

using LedgerId = Strong<struct LedgerIdTag>;
using EntryId = Strong<struct EntryIdTag>;

/// Wall-clock time, milliseconds since 1970 UTC.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// Name to value; sent with the message as they are.
using Properties = std::map<std::string, std::string, std::less<>>;

/// Where a message stands for ever (Pulsar's MessageIdData). `batch_index` is -1 where the entry is no batch.
struct MessageId {
  LedgerId ledger;
  EntryId entry;
  std::int32_t partition = -1;
  std::int32_t batch_index = -1;
  constexpr auto operator<=>(const MessageId&) const = default;

  /// (-1, -1): of a message that is stored, the broker no longer knows where.
  [[nodiscard]] static constexpr MessageId unknown() {
    return {.ledger = LedgerId{~std::uint64_t{0}}, .entry = EntryId{~std::uint64_t{0}}};
  }
  /// "ledger:entry:partition" or "ledger:entry:partition:batch_index", Pulsar's text form.
  [[nodiscard]] GEMINGA_API std::string to_string() const;
  /// Errors: parse_error.
  GEMINGA_API static Result<MessageId> parse(std::string_view text);
};

enum class SubscriptionType : std::uint8_t { exclusive, shared, failover, key_shared };

/// Where a new subscription or a reader begins.
enum class InitialPosition : std::uint8_t { latest, earliest };

/// Where a subscription goes on after a seek: the end or the begin of the topic, this message, or the first
/// one that was published at this time or later.
using SeekTarget = std::variant<InitialPosition, MessageId, Timestamp>;

/// Key hashes from `first` to `last`, both included, of the 65,536 slots into which Key_Shared sorts keys:
/// slot of a key = (Murmur3-32 of it, sign bit off) modulo 65,536.
struct HashRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  constexpr auto operator<=>(const HashRange&) const = default;
};

}  // namespace geminga

template <class Tag, class Rep>
struct std::hash<geminga::Strong<Tag, Rep>> {
  std::size_t operator()(const geminga::Strong<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <geminga/types.hpp>

#include "base/numbered_sends.hpp"
#include "storage/entry.hpp"

namespace geminga::storage {

/// An entry to append. Ledger, entry id, message index and publish time are given by the journal thread.
/// body_crc is computed by the publisher's thread; the log checks it again only when it reads.
struct Append {
  TopicId topic;
  std::uint32_t message_count = 1;
  std::optional<Timestamp> deliver_at;
  std::uint32_t key_hash = 0;
  std::uint16_t flags = 0;
  PayloadFormat format = PayloadFormat::raw;
  std::uint16_t chunk_index = 0;
  std::uint16_t chunk_count = 0;
  std::uint64_t producer = 0;
  std::uint64_t sequence = 0;
  std::string body;        ///< or
  std::string_view lying;  ///< bytes that `owner` keeps, so that the log's copy of them is the only one
  std::shared_ptr<const void> owner;
  std::uint32_t body_crc = 0;
  bool duplicate = false;  ///< set by the log: it is stored already and nothing is written

  [[nodiscard]] std::string_view bytes() const {
    return lying.data() != nullptr ? lying : std::string_view(body);
  }
  /// From now on the bytes are its own.
  void copy_bytes() {
    body = bytes();
    drop_lying();
  }
  void drop_lying() {
    lying = {};
    owner.reset();
  }
};

/// What an append and its share of the transaction cost in memory beside the body.
inline constexpr std::uint64_t kAppendOverheadBytes = 256;

/// first..last, both included, of the topic's ledger.
struct EntryRange {
  EntryId first;
  EntryId last;
  auto operator<=>(const EntryRange&) const = default;
};

/// Some messages of one batch entry: a bit per message, set = acknowledged.
struct BatchAck {
  EntryId entry;
  std::vector<std::uint64_t> acknowledged;
  bool operator==(const BatchAck&) const = default;
};

struct Acknowledge {
  TopicId topic;
  SubscriptionId subscription;
  std::vector<EntryRange> ranges;
  std::vector<BatchAck> batches;
};

/// Creates the cursor of a subscription or moves it (seek, reset, skip, expire): everything before `next`
/// counts as acknowledged, nothing from it on.
struct SetCursor {
  TopicId topic;
  SubscriptionId subscription;
  EntryId next;
};

/// `next` is the position behind everything that the journal thread has given ids to when it takes this
/// operation.
struct SetCursorToEnd {
  TopicId topic;
  SubscriptionId subscription;
};

struct DropCursor {
  TopicId topic;
  SubscriptionId subscription;
};

/// After the topic's tombstone in the metadata store.
struct DropTopic {
  TopicId topic;
};

/// Everything before `before` may be forgotten (all subscriptions have it and retention is over).
struct Trim {
  TopicId topic;
  EntryId before;
};

using Operation = std::variant<Append, Acknowledge, SetCursor, SetCursorToEnd, DropCursor, DropTopic, Trim>;

/// Where each Append of a transaction stands, in order; and, for each SetCursorToEnd, the position it became,
/// in order. An Append with EntryFlags::kDeduplicate that is stored already has the place it was stored at,
/// or kUnknownLedger and kUnknownEntry where that is not known any more; its other fields are not filled.
struct Receipt {
  std::vector<EntryHeader> appended;
  std::vector<EntryId> cursors;
};

/// One journal record: written and replayed whole or not at all. `done` is called exactly once, on the
/// journal thread, after the fdatasync of its group and after LogListener::on_durable of that group (before
/// both where Log::set_async says so); it must not block. Errors: overloaded (the publish budget is spent),
/// disk_full, disk_error (nothing more will be taken), closed.
struct Transaction {
  std::vector<Operation> operations;
  std::move_only_function<void(Result<Receipt>)> done;
  /// What a producer numbers. The log alone knows the order in which it takes and refuses, so it keeps the
  /// rule; the object belongs to the journal thread.
  struct Numbers {
    std::shared_ptr<base::NumberedSends> sends;
    base::NumberedSends::Range range;
  };
  std::optional<Numbers> numbers;
  /// Set: it was refused before, and comes to be refused in its place among the numbers.
  std::unique_ptr<Error> refused;
};

}  // namespace geminga::storage

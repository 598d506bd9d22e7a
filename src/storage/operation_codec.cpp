#include "storage/operation_codec.hpp"

#include <limits>

#include "base/crc32c.hpp"
#include "storage/bytes.hpp"

namespace geminga::storage {
namespace {

constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

// Positions of an entry header.
struct EntryAt {
  [[maybe_unused]] static constexpr std::size_t crc = 0, kind = 4, format = 5, flags = 6, topic = 8,
                                                ledger = 16, entry = 24, message_index = 32,
                                                publish_time = 40, deliver_at = 48, producer = 56,
                                                sequence = 64, message_count = 72, key_hash = 76,
                                                body_bytes = 80, body_crc = 84, chunk_index = 88,
                                                chunk_count = 90, reserved = 92;
};
static_assert(EntryAt::reserved + sizeof(std::uint32_t) == kEntryHeaderBytes);

// Positions of every other operation; ranges (16 bytes each) and batches (16 bytes and their words) follow.
struct At {
  [[maybe_unused]] static constexpr std::size_t crc = 0, kind = 4, topic = 8, subscription = 16,
                                                position = 24, bytes = 32, ranges = 36, batches = 40,
                                                reserved = 44;
};
static_assert(At::reserved + sizeof(std::uint32_t) == kOperationHeaderBytes);

constexpr std::size_t kRangeBytes = 16;
constexpr std::size_t kBatchBytes = 16;

std::int64_t millis(Timestamp time) {
  return time.time_since_epoch().count();
}
Timestamp from_millis(std::int64_t value) {
  return Timestamp{std::chrono::milliseconds{value}};
}

void seal(std::span<std::byte> bytes) {
  FieldWriter(bytes).put(At::crc, base::crc32c(bytes.subspan(sizeof(std::uint32_t))));
}

bool sealed(std::span<const std::byte> bytes) {
  return FieldReader(bytes).get<std::uint32_t>(At::crc) == base::crc32c(bytes.subspan(sizeof(std::uint32_t)));
}

void encode_short(OperationKind kind, TopicId topic, SubscriptionId subscription, EntryId position,
                  std::span<std::byte> into) {
  FieldWriter out(into);
  out.put(At::kind, std::uint32_t{static_cast<std::uint8_t>(kind)});
  out.put(At::topic, topic.value);
  out.put(At::subscription, subscription.value);
  out.put(At::position, position.value);
  out.put(At::bytes, static_cast<std::uint32_t>(into.size()));
  out.put(At::ranges, std::uint32_t{0});
  out.put(At::batches, std::uint32_t{0});
  out.put(At::reserved, std::uint32_t{0});
}

void encode(const EntryHeader& header, std::span<std::byte> into) {
  encode_entry_header(header, into);
}

void encode(const Acknowledge& ack, std::span<std::byte> into) {
  encode_short(OperationKind::acknowledge, ack.topic, ack.subscription, EntryId{}, into);
  FieldWriter out(into);
  out.put(At::ranges, static_cast<std::uint32_t>(ack.ranges.size()));
  out.put(At::batches, static_cast<std::uint32_t>(ack.batches.size()));
  std::size_t at = kOperationHeaderBytes;
  for (const EntryRange& range : ack.ranges) {
    out.put(at, range.first.value);
    out.put(at + 8, range.last.value);
    at += kRangeBytes;
  }
  for (const BatchAck& batch : ack.batches) {
    out.put(at, batch.entry.value);
    out.put(at + 8, std::uint64_t{batch.acknowledged.size()});
    at += kBatchBytes;
    for (const std::uint64_t word : batch.acknowledged) {
      out.put(at, word);
      at += sizeof word;
    }
  }
  seal(into);
}

void encode(const SetCursor& set, std::span<std::byte> into) {
  encode_short(OperationKind::set_cursor, set.topic, set.subscription, set.next, into);
  seal(into);
}
void encode(const DropCursor& drop, std::span<std::byte> into) {
  encode_short(OperationKind::drop_cursor, drop.topic, drop.subscription, EntryId{}, into);
  seal(into);
}
void encode(const DropTopic& drop, std::span<std::byte> into) {
  encode_short(OperationKind::drop_topic, drop.topic, SubscriptionId{}, EntryId{}, into);
  seal(into);
}
void encode(const Trim& trim, std::span<std::byte> into) {
  encode_short(OperationKind::trim, trim.topic, SubscriptionId{}, trim.before, into);
  seal(into);
}

/// Ranges and batches of an acknowledgement whose CRC was right; the counts still may lie, since a writer
/// could have had a bug.
std::optional<Acknowledge> decode_acknowledge(std::span<const std::byte> bytes) {
  const FieldReader in(bytes);
  Acknowledge ack{.topic = TopicId{in.get<std::uint64_t>(At::topic)},
                  .subscription = SubscriptionId{in.get<std::uint64_t>(At::subscription)},
                  .ranges = {},
                  .batches = {}};
  const auto ranges = in.get<std::uint32_t>(At::ranges);
  const auto batches = in.get<std::uint32_t>(At::batches);
  StreamReader rest(bytes.subspan(kOperationHeaderBytes));
  if (rest.remaining() / kRangeBytes < ranges) return std::nullopt;
  ack.ranges.reserve(ranges);
  for (std::uint32_t i = 0; i < ranges; ++i) {
    const EntryId first{rest.get<std::uint64_t>()};
    const EntryId last{rest.get<std::uint64_t>()};
    if (first > last) return std::nullopt;
    ack.ranges.push_back({first, last});
  }
  if (rest.remaining() / kBatchBytes < batches) return std::nullopt;
  ack.batches.reserve(batches);
  for (std::uint32_t i = 0; i < batches; ++i) {
    BatchAck batch{.entry = EntryId{rest.get<std::uint64_t>()}, .acknowledged = {}};
    const auto words = rest.get<std::uint64_t>();
    if (rest.remaining() / sizeof(std::uint64_t) < words) return std::nullopt;
    batch.acknowledged.resize(words);
    for (std::uint64_t& word : batch.acknowledged) word = rest.get<std::uint64_t>();
    ack.batches.push_back(std::move(batch));
  }
  if (!rest.ok() || rest.remaining() != 0) return std::nullopt;
  return ack;
}

std::optional<JournalOperation> decode_sealed(std::span<const std::byte> bytes) {
  const FieldReader in(bytes);
  const TopicId topic{in.get<std::uint64_t>(At::topic)};
  const SubscriptionId subscription{in.get<std::uint64_t>(At::subscription)};
  const EntryId position{in.get<std::uint64_t>(At::position)};
  switch (static_cast<OperationKind>(in.get<std::uint8_t>(At::kind))) {
    case OperationKind::append:
      break;
    case OperationKind::acknowledge: {
      auto ack = decode_acknowledge(bytes);
      if (!ack) return std::nullopt;
      return JournalOperation(*std::move(ack));
    }
    case OperationKind::set_cursor:
      return SetCursor{.topic = topic, .subscription = subscription, .next = position};
    case OperationKind::drop_cursor:
      return DropCursor{.topic = topic, .subscription = subscription};
    case OperationKind::drop_topic:
      return DropTopic{.topic = topic};
    case OperationKind::trim:
      return Trim{.topic = topic, .before = position};
  }
  return std::nullopt;
}

}  // namespace

void encode_entry_header(const EntryHeader& header, std::span<std::byte> into) {
  FieldWriter out(into.first(kEntryHeaderBytes));
  out.put(EntryAt::kind, OperationKind::append);
  out.put(EntryAt::format, header.format);
  out.put(EntryAt::flags, header.flags);
  out.put(EntryAt::topic, header.topic.value);
  out.put(EntryAt::ledger, header.ledger.value);
  out.put(EntryAt::entry, header.entry.value);
  out.put(EntryAt::message_index, header.message_index);
  out.put(EntryAt::publish_time, millis(header.publish_time));
  out.put(EntryAt::deliver_at, header.deliver_at ? millis(*header.deliver_at) : kNoTime);
  out.put(EntryAt::producer, header.producer);
  out.put(EntryAt::sequence, header.sequence);
  out.put(EntryAt::message_count, header.message_count);
  out.put(EntryAt::key_hash, header.key_hash);
  out.put(EntryAt::body_bytes, header.body_bytes);
  out.put(EntryAt::body_crc, header.body_crc);
  out.put(EntryAt::chunk_index, header.chunk_index);
  out.put(EntryAt::chunk_count, header.chunk_count);
  out.put(EntryAt::reserved, std::uint32_t{0});
  seal(into.first(kEntryHeaderBytes));
}

std::optional<EntryHeader> decode_entry_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kEntryHeaderBytes || !sealed(bytes.first(kEntryHeaderBytes))) return std::nullopt;
  const FieldReader in(bytes);
  if (in.get<OperationKind>(EntryAt::kind) != OperationKind::append) return std::nullopt;
  if (in.get<std::uint8_t>(EntryAt::format) > static_cast<std::uint8_t>(PayloadFormat::kafka))
    return std::nullopt;
  const auto deliver_at = in.get<std::int64_t>(EntryAt::deliver_at);
  return EntryHeader{
      .topic = TopicId{in.get<std::uint64_t>(EntryAt::topic)},
      .ledger = LedgerId{in.get<std::uint64_t>(EntryAt::ledger)},
      .entry = EntryId{in.get<std::uint64_t>(EntryAt::entry)},
      .message_index = in.get<std::uint64_t>(EntryAt::message_index),
      .message_count = in.get<std::uint32_t>(EntryAt::message_count),
      .publish_time = from_millis(in.get<std::int64_t>(EntryAt::publish_time)),
      .deliver_at = deliver_at == kNoTime ? std::nullopt : std::optional(from_millis(deliver_at)),
      .key_hash = in.get<std::uint32_t>(EntryAt::key_hash),
      .flags = in.get<std::uint16_t>(EntryAt::flags),
      .format = in.get<PayloadFormat>(EntryAt::format),
      .chunk_index = in.get<std::uint16_t>(EntryAt::chunk_index),
      .chunk_count = in.get<std::uint16_t>(EntryAt::chunk_count),
      .producer = in.get<std::uint64_t>(EntryAt::producer),
      .sequence = in.get<std::uint64_t>(EntryAt::sequence),
      .body_bytes = in.get<std::uint32_t>(EntryAt::body_bytes),
      .body_crc = in.get<std::uint32_t>(EntryAt::body_crc),
  };
}

std::size_t encoded_bytes(const Acknowledge& ack) {
  std::size_t bytes = kOperationHeaderBytes + ack.ranges.size() * kRangeBytes;
  for (const BatchAck& batch : ack.batches)
    bytes += kBatchBytes + batch.acknowledged.size() * sizeof(std::uint64_t);
  return bytes;
}

std::size_t encoded_bytes(const JournalOperation& operation) {
  if (std::holds_alternative<EntryHeader>(operation)) return kEntryHeaderBytes;
  if (const auto* ack = std::get_if<Acknowledge>(&operation)) return encoded_bytes(*ack);
  return kOperationHeaderBytes;
}

void encode_operation(const JournalOperation& operation, std::span<std::byte> into) {
  std::visit([&](const auto& one) { encode(one, into); }, operation);
}

std::optional<DecodedOperation> decode_operation(std::span<const std::byte> bytes) {
  if (bytes.size() < kOperationHeaderBytes) return std::nullopt;
  const FieldReader in(bytes);
  if (in.get<OperationKind>(At::kind) == OperationKind::append) {
    auto header = decode_entry_header(bytes);
    if (!header) return std::nullopt;
    return DecodedOperation{*std::move(header), kEntryHeaderBytes};
  }
  const auto size = in.get<std::uint32_t>(At::bytes);
  if (size < kOperationHeaderBytes || size > bytes.size() || !sealed(bytes.first(size))) return std::nullopt;
  auto operation = decode_sealed(bytes.first(size));
  // What stands behind its last field would be read by nobody.
  if (!operation || encoded_bytes(*operation) != size) return std::nullopt;
  return DecodedOperation{*std::move(operation), size};
}

}  // namespace geminga::storage

#include "storage/checkpoint.hpp"

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "base/try.hpp"

namespace geminga::storage {
namespace {

constexpr std::uint64_t kMagic = 0x31'54'50'4b'43'4d'45'47;  // "GEMCKPT1" on disk
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kVersionWithSequences = 2;
constexpr std::uint32_t kVersionWithLedgers = 3;
constexpr std::size_t kExtentBytes = 52;

std::unexpected<Error> damaged(const char* what) {
  return fail(ErrorCode::corrupted,
              fmt::format("the checkpoint is damaged ({}); nothing was changed; restore a backup", what));
}

void put_cursor(StreamWriter& out, SubscriptionId id, const CursorState& cursor) {
  out.put(id.value);
  out.put(cursor.next.value);
  out.put(static_cast<std::uint32_t>(cursor.acknowledged.size()));
  out.put(static_cast<std::uint32_t>(cursor.batches.size()));
  for (const EntryRange& range : cursor.acknowledged) {
    out.put(range.first.value);
    out.put(range.last.value);
  }
  for (const BatchAck& batch : cursor.batches) {
    out.put(batch.entry.value);
    out.put(static_cast<std::uint32_t>(batch.acknowledged.size()));
    for (const std::uint64_t word : batch.acknowledged) out.put(word);
  }
}

/// False when the bytes end too early; the caller's reader knows it too.
bool get_cursor(StreamReader& in, TopicState& state) {
  const SubscriptionId id{in.get<std::uint64_t>()};
  CursorState cursor{.next = EntryId{in.get<std::uint64_t>()}, .acknowledged = {}, .batches = {}};
  const auto ranges = in.get<std::uint32_t>();
  const auto batches = in.get<std::uint32_t>();
  EntryId behind = cursor.next;
  for (std::uint32_t i = 0; i < ranges && in.ok(); ++i) {
    const EntryRange range{EntryId{in.get<std::uint64_t>()}, EntryId{in.get<std::uint64_t>()}};
    if (range.first < behind || range.last < range.first) return false;
    behind = EntryId{range.last.value + 1};
    cursor.acknowledged.push_back(range);
  }
  for (std::uint32_t i = 0; i < batches && in.ok(); ++i) {
    BatchAck batch{.entry = EntryId{in.get<std::uint64_t>()}, .acknowledged = {}};
    const auto words = in.get<std::uint32_t>();
    for (std::uint32_t word = 0; word < words && in.ok(); ++word)
      batch.acknowledged.push_back(in.get<std::uint64_t>());
    cursor.batches.push_back(std::move(batch));
  }
  state.cursors.emplace(id, std::move(cursor));
  return in.ok();
}

bool get_sequences(StreamReader& in, SentSequences& sequences) {
  const auto count = in.get<std::uint32_t>();
  std::uint64_t behind = 0;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const auto producer = in.get<std::uint64_t>();
    if (i > 0 && producer <= behind) return false;
    behind = producer;
    SentSequence sent;
    sent.sequence = in.get<std::uint64_t>();
    sent.entry = EntryId{in.get<std::uint64_t>()};
    sent.publish_time = Timestamp{std::chrono::milliseconds{in.get<std::int64_t>()}};
    sequences.emplace_hint(sequences.end(), producer, sent);
  }
  return in.ok();
}

bool get_ledgers(StreamReader& in, Ledgers& ledgers) {
  const auto count = in.get<std::uint32_t>();
  Ledgers::Past before;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    const Ledgers::Past one{LedgerId{in.get<std::uint64_t>()}, EntryId{in.get<std::uint64_t>()}};
    if ((i > 0 && one.ledger <= before.ledger) || one.end <= before.end || one.ledger >= ledgers.current)
      return false;
    before = one;
    ledgers.past.push_back(one);
  }
  return in.ok();
}

bool get_topic(StreamReader& in, std::uint32_t version, Checkpoint::TopicPart& topic) {
  topic.id = TopicId{in.get<std::uint64_t>()};
  TopicState& state = topic.state;
  state.ledgers.current = LedgerId{in.get<std::uint64_t>()};
  state.first = EntryId{in.get<std::uint64_t>()};
  state.next = EntryId{in.get<std::uint64_t>()};
  state.next_index = in.get<std::uint64_t>();
  state.last_publish_time = Timestamp{std::chrono::milliseconds{in.get<std::int64_t>()}};
  state.offline_reason = in.get_bytes(in.get<std::uint32_t>());
  const auto cursors = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < cursors && in.ok(); ++i) {
    if (!get_cursor(in, state)) return false;
  }
  if (version >= kVersionWithSequences && !get_sequences(in, topic.sequences)) return false;
  if (version >= kVersionWithLedgers && !get_ledgers(in, state.ledgers)) return false;
  return in.ok() && state.first <= state.next;
}

Extent get_extent(StreamReader& in) {
  Extent extent;
  extent.segment = in.get<std::uint64_t>();
  extent.first = EntryId{in.get<std::uint64_t>()};
  extent.last = EntryId{in.get<std::uint64_t>()};
  extent.offset = in.get<std::uint64_t>();
  extent.bytes = in.get<std::uint64_t>();
  extent.index_count = in.get<std::uint32_t>();
  return extent;
}

}  // namespace

void CheckpointStates::add(TopicId id, const TopicState& state, const SentSequences& sequences) {
  ++count_;
  topics_.put(id.value);
  topics_.put(state.ledgers.current.value);
  topics_.put(state.first.value);
  topics_.put(state.next.value);
  topics_.put(state.next_index);
  topics_.put(std::int64_t{state.last_publish_time.time_since_epoch().count()});
  const std::string_view reason = state.offline_lasts ? std::string_view(state.offline_reason) : "";
  topics_.put(static_cast<std::uint32_t>(reason.size()));
  topics_.put_bytes(reason);
  topics_.put(static_cast<std::uint32_t>(state.cursors.size()));
  for (const auto& [subscription, cursor] : state.cursors) put_cursor(topics_, subscription, cursor);
  topics_.put(static_cast<std::uint32_t>(sequences.size()));
  for (const auto& [producer, sent] : sequences) {
    topics_.put(producer);
    topics_.put(sent.sequence);
    topics_.put(sent.entry.value);
    topics_.put(std::int64_t{sent.publish_time.time_since_epoch().count()});
  }
  topics_.put(static_cast<std::uint32_t>(state.ledgers.past.size()));
  for (const Ledgers::Past& one : state.ledgers.past) {
    topics_.put(one.ledger.value);
    topics_.put(one.end.value);
  }
}

std::string encode_checkpoint(const RawUuid& directory, const CheckpointStates& states,
                              const Checkpoint& rest) {
  StreamWriter out;
  out.put(kMagic);
  out.put(kVersion);
  out.put(directory);
  out.put(states.covered_);
  out.put(states.next_ledger_.value);
  out.put(rest.next_segment);
  out.put(rest.metadata_sequence);
  out.put(std::uint64_t{rest.segments.size()});
  out.put(states.count_);
  out.put(std::uint64_t{rest.extents.size()});
  for (const Checkpoint::Segment& segment : rest.segments) {
    out.put(segment.number);
    out.put(segment.bytes);
  }
  out.put_bytes(states.topics_.view());
  for (const Checkpoint::ExtentPart& part : rest.extents) {
    out.put(part.topic.value);
    out.put(part.extent.segment);
    out.put(part.extent.first.value);
    out.put(part.extent.last.value);
    out.put(part.extent.offset);
    out.put(part.extent.bytes);
    out.put(part.extent.index_count);
  }
  out.put(base::crc32c(out.bytes()));
  return std::move(out.bytes());
}

Result<Checkpoint> decode_checkpoint(const RawUuid& directory, std::span<const std::byte> bytes) {
  constexpr std::size_t kCrcBytes = sizeof(std::uint32_t);
  StreamReader head(bytes);
  if (head.get<std::uint64_t>() != kMagic) return damaged("no checkpoint at all");
  const auto version = head.get<std::uint32_t>();
  if (version > kVersion)
    return fail(ErrorCode::format_too_new,
                fmt::format("the checkpoint has version {}, this program knows up to {}; use a newer geminga",
                            version, kVersion));
  if (bytes.size() < kCrcBytes) return damaged("too short");
  const auto covered_by_crc = bytes.first(bytes.size() - kCrcBytes);
  if (FieldReader(bytes).get<std::uint32_t>(covered_by_crc.size()) != base::crc32c(covered_by_crc))
    return damaged("its CRC is wrong");
  StreamReader in(covered_by_crc.subspan(sizeof kMagic + sizeof kVersion));
  if (in.get<RawUuid>() != directory)
    return fail(ErrorCode::corrupted,
                "the checkpoint belongs to another data directory; put the right one back");
  Checkpoint checkpoint;
  checkpoint.of_older_version = version < kVersion;
  checkpoint.covered = in.get<std::uint64_t>();
  checkpoint.next_ledger = LedgerId{in.get<std::uint64_t>()};
  checkpoint.next_segment = in.get<std::uint64_t>();
  checkpoint.metadata_sequence = in.get<std::uint64_t>();
  const auto segments = in.get<std::uint64_t>();
  const auto topics = in.get<std::uint64_t>();
  const auto extents = in.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < segments && in.ok(); ++i) {
    const auto number = in.get<std::uint64_t>();
    checkpoint.segments.push_back({number, in.get<std::uint64_t>()});
  }
  for (std::uint64_t i = 0; i < topics && in.ok(); ++i) {
    Checkpoint::TopicPart topic;
    if (!get_topic(in, version, topic)) return damaged("a topic's state cannot be");
    checkpoint.topics.push_back(std::move(topic));
  }
  if (in.remaining() / kExtentBytes < extents) return damaged("its extents are cut off");
  for (std::uint64_t i = 0; i < extents && in.ok(); ++i) {
    const TopicId topic{in.get<std::uint64_t>()};
    const Extent extent = get_extent(in);
    if (extent.first > extent.last) return damaged("an extent cannot be");
    checkpoint.extents.push_back({topic, extent});
  }
  if (!in.ok() || in.remaining() != 0) return damaged("its counts do not fit its length");
  return checkpoint;
}

}  // namespace geminga::storage

#include "doors/pulsar/entries.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/crc32c.hpp"
#include "base/murmur3.hpp"
#include "base/utf8.hpp"
#include "broker/raw_message.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/varint.hpp"

namespace geminga::doors::pulsar {

namespace {

std::uint32_t messages_in(const wire::MessageMetadata& metadata) {
  return static_cast<std::uint32_t>(std::max(*metadata.num_messages_in_batch, 1));
}

/// What Key_Shared sorts by: the ordering key, else the key.
std::uint32_t key_hash(const wire::MessageMetadata& metadata) {
  if (metadata.ordering_key.present()) return base::murmur3_31(*metadata.ordering_key);
  if (!metadata.partition_key.present()) return 0;
  if (!*metadata.partition_key_b64_encoded) return base::murmur3_31(*metadata.partition_key);
  const auto key = base::from_base64(*metadata.partition_key);
  return base::murmur3_31(key ? std::string_view(*key) : *metadata.partition_key);
}

std::uint16_t flags_of(const wire::MessageMetadata& metadata) {
  using Flags = storage::EntryFlags;
  std::uint16_t flags = 0;
  if (metadata.num_messages_in_batch.present()) flags |= Flags::kBatch;
  if (*metadata.num_chunks_from_msg > 1) flags |= Flags::kChunk;
  if (!metadata.encryption_keys.empty()) flags |= Flags::kEncrypted;
  return flags;
}

std::uint64_t milliseconds(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

Result<> check_send(const wire::CommandSend& send, const wire::Entry& entry,
                    const wire::MessageMetadata& metadata, std::uint32_t frame_bytes_max) {
  if (send.txnid_most_bits.present() || send.txnid_least_bits.present() || metadata.txnid_most_bits.present())
    return fail(ErrorCode::unsupported_by_engine, "transactions are not supported");
  const std::uint64_t stored = wire::kSizeBytes + entry.metadata.size() + entry.payload.size();
  if (stored + kAroundEntryBytes > frame_bytes_max)
    return fail(ErrorCode::invalid_argument,
                fmt::format("a message of {} bytes with its metadata; consumers take {}", stored,
                            frame_bytes_max - kAroundEntryBytes));
  const std::int32_t messages = *metadata.num_messages_in_batch;
  // What is compressed says how large it was, which nobody has seen.
  const std::uint64_t bytes = std::min<std::uint64_t>(
      std::max<std::uint64_t>(entry.payload.size(), *metadata.uncompressed_size), frame_bytes_max);
  if (messages < 1 || (metadata.num_messages_in_batch.present() &&
                       static_cast<std::uint64_t>(messages) * kBatchMessageBytesMin > bytes))
    return fail(ErrorCode::invalid_argument,
                fmt::format("a batch of {} messages in {} bytes cannot be", messages, bytes));
  if (static_cast<std::uint32_t>(messages) > storage::kEntryMessagesMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("a batch of {} messages; {} is the limit", messages, storage::kEntryMessagesMax));
  const std::int32_t chunks = *metadata.num_chunks_from_msg;
  const std::int32_t chunk = *metadata.chunk_id;
  if (chunks < 0 || chunks > UINT16_MAX || chunk < 0 || (chunks > 0 && chunk >= chunks))
    return fail(ErrorCode::invalid_argument, fmt::format("chunk {} of {} cannot be", chunk, chunks));
  return {};
}

storage::Append to_append(const wire::CommandSend& send, const wire::Entry& entry,
                          const wire::MessageMetadata& metadata) {
  storage::Append append;
  append.message_count = messages_in(metadata);
  if (*metadata.deliver_at_time > 0)
    append.deliver_at = Timestamp{std::chrono::milliseconds{*metadata.deliver_at_time}};
  append.key_hash = key_hash(metadata);
  append.flags = flags_of(metadata);
  append.format = storage::PayloadFormat::pulsar;
  if ((append.flags & storage::EntryFlags::kChunk) != 0) {
    append.chunk_index = static_cast<std::uint16_t>(*metadata.chunk_id);
    append.chunk_count = static_cast<std::uint16_t>(*metadata.num_chunks_from_msg);
  }
  append.sequence = std::max(send.sequence_id, *send.highest_sequence_id);
  // From the size of the metadata on: what the checksum covers.
  const char* const begin = entry.metadata.data() - wire::kSizeBytes;
  append.lying = {begin, entry.payload.data() + entry.payload.size()};
  append.body_crc = entry.checksum ? *entry.checksum : base::crc32c(append.lying);
  return append;
}

namespace {

/// A message that our own bus published.
Result<std::string_view> append_raw(std::string& head, const storage::Entry& entry) {
  auto raw = broker::view_raw(entry);
  if (!raw) return std::unexpected(std::move(raw).error());
  std::vector<wire::KeyValue> properties;
  properties.reserve(raw->properties.size());
  for (const auto& [name, value] : raw->properties) properties.push_back({.key = name, .value = value});
  wire::MessageMetadata metadata{.producer_name = raw->producer_name,
                                 .sequence_id = entry.header.sequence,
                                 .publish_time = milliseconds(entry.header.publish_time),
                                 .properties = properties};
  metadata.uncompressed_size = static_cast<std::uint32_t>(raw->body.size());
  if (raw->event_time) metadata.event_time = milliseconds(*raw->event_time);
  if (entry.header.deliver_at)
    metadata.deliver_at_time = static_cast<std::int64_t>(milliseconds(*entry.header.deliver_at));
  std::string encoded;
  if (!raw->key.empty() && base::is_utf8(raw->key)) {
    metadata.partition_key = raw->key;
  } else if (!raw->key.empty()) {
    encoded = base::to_base64(raw->key);
    metadata.partition_key = std::string_view(encoded);
    metadata.partition_key_b64_encoded = true;
  }
  wire::append_entry_head(head, metadata, {raw->body});
  return raw->body;
}

}  // namespace

Result<std::string_view> append_stored(std::string& head, const storage::Entry& entry) {
  switch (entry.header.format) {
    case storage::PayloadFormat::raw:
      return append_raw(head, entry);
    case storage::PayloadFormat::pulsar: {
      const std::size_t before = head.size();
      head.resize(before + sizeof(wire::kChecksumMagic) + sizeof(entry.header.body_crc));
      wire::write_big_endian(wire::write_big_endian(head.data() + before, wire::kChecksumMagic),
                             entry.header.body_crc);
      return entry.body;
    }
    case storage::PayloadFormat::kafka:
      break;
  }
  return fail(
      ErrorCode::unsupported_by_engine,
      fmt::format("entry {} was published in a format that is not Pulsar's", entry.header.entry.value));
}

wire::BrokerEntryMetadata broker_metadata(const storage::EntryHeader& header) {
  return {.broker_timestamp = milliseconds(header.publish_time),
          .index = header.message_index + header.message_count - 1};
}

}  // namespace geminga::doors::pulsar

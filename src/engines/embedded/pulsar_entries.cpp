#include "engines/embedded/pulsar_entries.hpp"

#include <string>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "base/try.hpp"
#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/compression.hpp"
#include "wire/pulsar/entry.hpp"

namespace geminga::engines::embedded {

namespace wire = ::geminga::wire::pulsar;

namespace {

constexpr std::size_t kChecksumBytes = sizeof(wire::kChecksumMagic) + sizeof(std::uint32_t);

struct View {
  wire::MessageMetadata metadata;
  std::string_view payload;
};

wire::Parsed<View> view(std::string_view body) {
  const auto entry = wire::parse_entry(body, wire::Checksum::trust);
  if (!entry) return std::unexpected(entry.error());
  const auto metadata = wire::decode<wire::MessageMetadata>(entry->metadata);
  if (!metadata) return std::unexpected(metadata.error());
  return View{.metadata = *metadata, .payload = entry->payload};
}

View checked(std::string_view body) {
  const auto good = view(body);
  GEMINGA_ASSERT(good);
  return *good;
}

std::unexpected<Error> cannot(const storage::Entry& entry, std::string_view what) {
  return fail(
      ErrorCode::unsupported_by_engine,
      fmt::format("entry {} was published by a Pulsar client {}, which the bus does not read; read the "
                  "topic with a Pulsar client, or publish without that",
                  entry.header.entry.value, what));
}

std::unexpected<Error> damaged(const storage::Entry& entry, const wire::WireError& error) {
  return fail(ErrorCode::corrupted,
              fmt::format("entry {} does not follow its format: {}", entry.header.entry.value, error.text()));
}

/// What a message by itself and one of a batch have in common.
template <class Metadata>
void take_fields(const Metadata& metadata, std::string_view payload, Message& into) {
  for (const wire::KeyValue& each : metadata.properties)
    into.properties.insert_or_assign(std::string(each.key), std::string(each.value));
  into.key = *metadata.partition_key;
  if (*metadata.partition_key_b64_encoded) {
    if (auto decoded = base::from_base64(into.key)) into.key = *std::move(decoded);
  }
  if (*metadata.event_time > 0)
    into.event_time = Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(*metadata.event_time)}};
  into.body = payload;
}

}  // namespace

namespace {

/// The same message with its payload as it was before it was packed.
Result<std::shared_ptr<const std::string>> unpacked(const storage::Entry& entry, const View& seen) {
  const auto payload =
      wire::unpack(*seen.metadata.compression, seen.payload, *seen.metadata.uncompressed_size);
  if (!payload) return damaged(entry, payload.error());
  wire::MessageMetadata metadata = seen.metadata;
  metadata.compression = wire::CompressionType::none;
  std::string body;
  wire::append_entry_head(body, metadata, {*payload});
  body.erase(0, kChecksumBytes);  // the header of the entry has it
  body += *payload;
  return std::make_shared<const std::string>(std::move(body));
}

Result<> check_batch(const storage::Entry& entry, std::string_view payload) {
  wire::BatchReader batch(payload, static_cast<std::int32_t>(entry.header.message_count));
  auto message = batch.next();
  while (message && *message) message = batch.next();
  if (!message) return damaged(entry, message.error());
  return {};
}

}  // namespace

Result<> make_readable(storage::Entry& entry) {
  auto seen = view(entry.body);
  if (!seen) return damaged(entry, seen.error());
  const wire::MessageMetadata& metadata = seen->metadata;
  if (!metadata.encryption_keys.empty()) return cannot(entry, "encrypted");
  if (*metadata.num_chunks_from_msg > 1) return cannot(entry, "in chunks");
  std::shared_ptr<const std::string> plain;
  if (*metadata.compression != wire::CompressionType::none) {
    GEMINGA_TRY(plain, unpacked(entry, *seen));
    seen = view(*plain);
    GEMINGA_ASSERT(seen);
  }
  if (is_pulsar_batch(entry.header)) GEMINGA_TRY_VOID(check_batch(entry, seen->payload));
  if (!plain) return {};
  entry.body = *plain;
  entry.owner = std::move(plain);
  return {};
}

void describe_pulsar(std::string_view body, Message& into) {
  const auto seen = view(body);
  if (!seen) return;
  take_fields(seen->metadata, seen->payload, into);
  into.producer_name = seen->metadata.producer_name;
}

std::string_view key_of_pulsar(std::string_view body) {
  return *checked(body).metadata.partition_key;
}

bool has_encoded_key(std::string_view body) {
  return *checked(body).metadata.partition_key_b64_encoded;
}

void unpack_pulsar(std::string_view body, Message& into) {
  const View seen = checked(body);
  take_fields(seen.metadata, seen.payload, into);
  into.producer_name = seen.metadata.producer_name;
}

void unpack_pulsar_batch(std::string_view body, std::span<Message> into) {
  const View seen = checked(body);
  wire::BatchReader batch(seen.payload, static_cast<std::int32_t>(into.size()));
  for (Message& message : into) {
    const auto next = batch.next();
    GEMINGA_ASSERT(next && *next);
    take_fields((*next)->metadata, (*next)->payload, message);
    message.producer_name = seen.metadata.producer_name;
    if ((*next)->metadata.sequence_id.present()) message.sequence_id = *(*next)->metadata.sequence_id;
  }
}

}  // namespace geminga::engines::embedded

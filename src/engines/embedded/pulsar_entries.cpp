#include "engines/embedded/pulsar_entries.hpp"

#include <string>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/base64.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/entry.hpp"

namespace geminga::engines::embedded {

namespace wire = ::geminga::wire::pulsar;

namespace {

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

Timestamp time_of(std::uint64_t milliseconds) {
  return Timestamp{std::chrono::milliseconds{static_cast<std::int64_t>(milliseconds)}};
}

}  // namespace

Result<> check_pulsar(const storage::Entry& entry) {
  const auto seen = view(entry.body);
  if (!seen)
    return fail(ErrorCode::corrupted, fmt::format("entry {} does not follow its format: {}",
                                                  entry.header.entry.value, seen.error().text()));
  const wire::MessageMetadata& metadata = seen->metadata;
  if (!metadata.encryption_keys.empty()) return cannot(entry, "encrypted");
  if (*metadata.compression != wire::CompressionType::none) return cannot(entry, "compressed");
  if (*metadata.num_chunks_from_msg > 1) return cannot(entry, "in chunks");
  if (metadata.num_messages_in_batch.present()) return cannot(entry, "in a batch");
  return {};
}

std::string_view key_of_pulsar(std::string_view body) {
  return *checked(body).metadata.partition_key;
}

bool has_encoded_key(std::string_view body) {
  return *checked(body).metadata.partition_key_b64_encoded;
}

void unpack_pulsar(std::string_view body, Message& into) {
  const View seen = checked(body);
  const wire::MessageMetadata& metadata = seen.metadata;
  for (const wire::KeyValue& each : metadata.properties)
    into.properties.insert_or_assign(std::string(each.key), std::string(each.value));
  into.key = *metadata.partition_key;
  if (*metadata.partition_key_b64_encoded) {
    if (auto decoded = base::from_base64(into.key)) into.key = *std::move(decoded);
  }
  if (metadata.event_time.present() && *metadata.event_time > 0)
    into.event_time = time_of(*metadata.event_time);
  into.producer_name = metadata.producer_name;
  into.body = seen.payload;
}

}  // namespace geminga::engines::embedded

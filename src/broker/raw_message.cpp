#include "broker/raw_message.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/murmur3.hpp"
#include "base/try.hpp"

namespace geminga::broker {
namespace {

constexpr char kVersion = 1;
constexpr unsigned char kHasEventTime = 1;

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(static_cast<unsigned char>(value) | 0x80U);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

void put_int64(std::string& out, std::int64_t value) {
  for (int shift = 0; shift < 64; shift += 8)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
}

/// Takes fields off the front; once something is missing `good` stays false and every field is empty.
struct Input {
  std::string_view rest;
  bool good = true;

  std::string_view take(std::uint64_t bytes) {
    if (!good || bytes > rest.size()) {
      good = false;
      return {};
    }
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  }

  std::uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && good; shift += 7) {
      const std::uint8_t next = byte();
      value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
      if ((next & 0x80) == 0) return value;
    }
    good = false;
    return 0;
  }

  std::string_view view() { return take(varint()); }

  std::int64_t int64() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8) value |= static_cast<std::uint64_t>(byte()) << shift;
    return static_cast<std::int64_t>(value);
  }
};

}  // namespace

storage::Append encode_raw(OutgoingMessage message, std::string_view producer_name, Timestamp now) {
  storage::Append append;
  append.format = storage::PayloadFormat::raw;
  append.key_hash = key_hash(message.key);
  append.sequence = message.sequence_id.value_or(0);
  append.deliver_at =
      message.deliver_after ? std::optional(now + *message.deliver_after) : message.deliver_at;
  std::string& out = append.body;
  out.reserve(64 + message.key.size() + message.body.size() + message.properties.size() * 64);
  out += kVersion;
  out += static_cast<char>(message.event_time ? kHasEventTime : 0);
  if (message.event_time) put_int64(out, message.event_time->time_since_epoch().count());
  put_text(out, message.key);
  put_text(out, producer_name);
  put_varint(out, message.properties.size());
  for (const auto& [name, value] : message.properties) {
    put_text(out, name);
    put_text(out, value);
  }
  out += message.body;
  append.body_crc = base::crc32c(std::string_view(out));
  return append;
}

namespace {

/// The body in its fields; texts lie in the entry.
struct Fields {
  std::optional<Timestamp> event_time;
  std::string_view key;
  std::string_view producer_name;
  std::string_view body;
};

/// `property` gets name and value of each. Nothing: it does not follow the format.
template <class Property>
std::optional<Fields> read_fields(std::string_view raw, Property property) {
  Fields fields;
  Input in{.rest = raw};
  const std::uint8_t version = in.byte();
  const std::uint8_t flags = in.byte();
  if ((flags & kHasEventTime) != 0) fields.event_time = Timestamp{std::chrono::milliseconds{in.int64()}};
  fields.key = in.view();
  fields.producer_name = in.view();
  for (std::uint64_t left = in.varint(); left > 0 && in.good; --left) {
    const std::string_view name = in.view();
    property(name, in.view());
  }
  if (!in.good || version != kVersion || (flags & ~kHasEventTime) != 0) return std::nullopt;
  fields.body = in.rest;
  return fields;
}

std::optional<Fields> read_fields(std::string_view raw) {
  return read_fields(raw, [](std::string_view, std::string_view) {});
}

std::unexpected<Error> not_raw(const storage::Entry& entry) {
  const std::uint8_t version = entry.body.empty() ? 0 : static_cast<std::uint8_t>(entry.body.front());
  return fail(ErrorCode::corrupted,
              fmt::format("message {} does not follow its format (version {}, {} bytes)",
                          message_of_header(entry.header).id.to_string(), version, entry.body.size()));
}

}  // namespace

Result<RawParts> parts_of_raw(const storage::Entry& entry) {
  const auto fields = read_fields(entry.body);
  if (!fields) return not_raw(entry);
  return RawParts{.key = fields->key, .body = fields->body};
}

Result<RawView> view_raw(const storage::Entry& entry) {
  RawView view;
  const auto fields = read_fields(entry.body, [&](std::string_view name, std::string_view value) {
    view.properties.emplace_back(name, value);
  });
  if (!fields) return not_raw(entry);
  view.event_time = fields->event_time;
  view.key = fields->key;
  view.producer_name = fields->producer_name;
  view.body = fields->body;
  return view;
}

Message message_of_header(const storage::EntryHeader& header) {
  Message message;
  message.id = {.ledger = header.ledger, .entry = header.entry};
  message.publish_time = header.publish_time;
  message.sequence_id = header.sequence;
  return message;
}

std::string_view key_of_raw(std::string_view body) {
  const auto fields = read_fields(body);
  GEMINGA_ASSERT(fields);
  return fields->key;
}

void unpack_raw(std::string_view body, Message& into) {
  const auto fields = read_fields(body, [&](std::string_view name, std::string_view value) {
    into.properties.insert_or_assign(std::string(name), std::string(value));
  });
  GEMINGA_ASSERT(fields);
  into.event_time = fields->event_time;
  into.key = fields->key;
  into.producer_name = fields->producer_name;
  into.body = fields->body;
}

Result<Message> decode_raw(const storage::Entry& entry) {
  GEMINGA_TRY_VOID(parts_of_raw(entry));
  Message message = message_of_header(entry.header);
  unpack_raw(entry.body, message);
  return message;
}

std::uint32_t key_hash(std::string_view key) {
  return base::murmur3_31(key);
}

}  // namespace geminga::broker

#include "wire/pulsar/frame.hpp"

#include "base/assert.hpp"
#include "wire/pulsar/field_reader.hpp"

namespace geminga::wire::pulsar {

namespace {

constexpr std::uint32_t kTypeField = 1;

std::unexpected<WireError> refuse(Fault fault, std::uint64_t found, std::uint64_t limit = 0) {
  return std::unexpected(WireError{.fault = fault, .part = "BaseCommand", .found = found, .limit = limit});
}

/// The type stands in front of the message with every client that we know; nothing says that it must.
Parsed<std::uint64_t> type_of(std::string_view command) noexcept {
  std::uint64_t type = 0;
  bool there = false;
  FieldReader in(command);
  while (in.next()) {
    if (in.number() != kTypeField || in.type() != WireType::varint) continue;
    type = in.integer();
    there = true;
  }
  if (in.damaged()) return refuse(Fault::bad_protobuf, 0);
  if (!there) return refuse(Fault::missing_field, kTypeField);
  return type;
}

std::string_view message_of(std::string_view command, std::uint64_t type) noexcept {
  std::string_view message;
  FieldReader in(command);
  while (in.next())
    if (in.number() == type && in.type() == WireType::bytes) message = in.bytes();
  return message;
}

}  // namespace

Parsed<Cut> cut_frame(std::string_view received, std::uint32_t frame_bytes_max) noexcept {
  if (received.size() < kSizeBytes) return Cut{.frame = {}, .wanted_bytes = 2 * kSizeBytes};
  const auto total = read_big_endian<std::uint32_t>(received.data());
  const std::size_t size = kSizeBytes + std::size_t{total};
  if (total < kSizeBytes) return refuse(Fault::frame_too_small, total);
  if (size > frame_bytes_max) return refuse(Fault::frame_too_large, size, frame_bytes_max);
  if (received.size() >= 2 * kSizeBytes) {
    const auto command = read_big_endian<std::uint32_t>(received.data() + kSizeBytes);
    if (command > total - kSizeBytes) return refuse(Fault::command_too_large, command, total - kSizeBytes);
  }
  return Cut{.frame = received.size() < size ? std::string_view{} : received.substr(0, size),
             .wanted_bytes = size};
}

Parsed<Frame> parse_frame(std::string_view frame, std::uint32_t frame_bytes_max) noexcept {
  const auto cut = cut_frame(frame, frame_bytes_max);
  if (!cut) return std::unexpected(cut.error());
  if (cut->frame.empty()) return refuse(Fault::truncated, cut->wanted_bytes, frame.size());
  const auto command_size = read_big_endian<std::uint32_t>(frame.data() + kSizeBytes);
  const std::string_view command = cut->frame.substr(2 * kSizeBytes, command_size);
  const auto type = type_of(command);
  if (!type) return std::unexpected(type.error());
  if (!known_command(*type)) return refuse(Fault::unknown_command, *type);
  return Frame{.type = static_cast<CommandType>(*type),
               .command = message_of(command, *type),
               .entry = cut->frame.substr(2 * kSizeBytes + command_size)};
}

template <Command Message>
void append_frame(std::string& out, const Message& command, std::size_t entry_bytes) {
  constexpr auto kType = static_cast<std::uint32_t>(kCommandType<Message>);
  const std::size_t message_size = encoded_size(command);
  const std::size_t command_size = varint_size(kTypeField << 3) + varint_size(kType) +
                                   varint_size(kType << 3) + varint_size(message_size) + message_size;
  const std::size_t total = kSizeBytes + command_size + entry_bytes;
  GEMINGA_ASSERT(total <= UINT32_MAX);
  const std::size_t before = out.size();
  out.resize(before + 2 * kSizeBytes + command_size);
  char* at = write_big_endian(out.data() + before, static_cast<std::uint32_t>(total));
  at = write_big_endian(at, static_cast<std::uint32_t>(command_size));
  at = write_varint(at, kTypeField << 3);
  at = write_varint(at, kType);
  at = write_varint(at, (kType << 3) | static_cast<std::uint32_t>(WireType::bytes));
  at = write_varint(at, message_size);
  at = encode(command, at);
  GEMINGA_ASSERT(at == out.data() + out.size());
}

#define GEMINGA_PULSAR_COMMAND(number, name, message) \
  template void append_frame(std::string&, const message&, std::size_t);
#include "wire/pulsar/commands.def"

}  // namespace geminga::wire::pulsar

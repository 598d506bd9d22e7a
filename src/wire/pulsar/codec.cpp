#include "wire/pulsar/codec.hpp"

#include "base/assert.hpp"
#include "wire/pulsar/decoding.hpp"
#include "wire/pulsar/encoding.hpp"

namespace geminga::wire::pulsar {

template <class Message>
Parsed<Message> decode(std::string_view bytes) noexcept {
  Parsed<Message> message;
  WireError error{};
  if (!decoding::decode_fields(bytes, *message, error, 0)) message = std::unexpected(error);
  return message;
}

template <class T>
void decode_element(std::string_view bytes, T& element) noexcept {
  WireError error{};
  GEMINGA_ASSERT(decoding::decode_fields(bytes, element, error, 0));  // it was when its message was decoded
}

template <class Message>
std::size_t encoded_size(const Message& message) noexcept {
  return std::apply(
      [&](const auto&... each) {
        return (std::size_t{0} + ... + encoding::size_of(each.number, message.*each.member));
      },
      Message::kFields);
}

template <class Message>
char* encode(const Message& message, char* out) noexcept {
  std::apply(
      [&](const auto&... each) { ((out = encoding::write(out, each.number, message.*each.member)), ...); },
      Message::kFields);
  return out;
}

template <class Message>
void append(std::string& out, const Message& message) {
  const std::size_t before = out.size();
  const std::size_t size = before + encoded_size(message);
  out.resize(size);
  GEMINGA_ASSERT(encode(message, out.data() + before) == out.data() + size);
}

#define GEMINGA_PULSAR_MESSAGE(message)                                \
  template Parsed<message> decode<message>(std::string_view) noexcept; \
  template std::size_t encoded_size(const message&) noexcept;          \
  template char* encode(const message&, char*) noexcept;               \
  template void append(std::string&, const message&);
#define GEMINGA_PULSAR_COMMAND(number, name, message) GEMINGA_PULSAR_MESSAGE(message)
#include "wire/pulsar/commands.def"
GEMINGA_PULSAR_MESSAGE(MessageMetadata)
GEMINGA_PULSAR_MESSAGE(SingleMessageMetadata)
GEMINGA_PULSAR_MESSAGE(BrokerEntryMetadata)
GEMINGA_PULSAR_MESSAGE(MessageIdData)
GEMINGA_PULSAR_MESSAGE(Schema)
GEMINGA_PULSAR_MESSAGE(TransactionRequest)

template void decode_element(std::string_view, KeyValue&) noexcept;
template void decode_element(std::string_view, KeyLongValue&) noexcept;
template void decode_element(std::string_view, IntRange&) noexcept;
template void decode_element(std::string_view, EncryptionKeys&) noexcept;
template void decode_element(std::string_view, MessageIdData&) noexcept;

}  // namespace geminga::wire::pulsar

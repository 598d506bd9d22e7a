#include "wire/pulsar/entry.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/varint.hpp"

namespace geminga::wire::pulsar {

namespace {

constexpr std::size_t kMagicBytes = sizeof(std::uint16_t);
constexpr std::size_t kChecksumBytes = sizeof(std::uint32_t);

bool begins_with(std::string_view bytes, std::uint16_t magic) noexcept {
  return bytes.size() >= kMagicBytes && read_big_endian<std::uint16_t>(bytes.data()) == magic;
}

/// Cuts pieces off the front and remembers the first that was not there.
class Pieces {
 public:
  explicit Pieces(std::string_view bytes) noexcept : rest_(bytes) {}

  std::string_view take(std::string_view part, std::size_t size) noexcept {
    if (!error_ && size > rest_.size())
      error_ = WireError{.fault = Fault::truncated, .part = part, .found = size, .limit = rest_.size()};
    if (error_) return {};
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }
  std::uint32_t take_word(std::string_view part) noexcept {
    const std::string_view word = take(part, sizeof(std::uint32_t));
    return word.empty() ? 0 : read_big_endian<std::uint32_t>(word.data());
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] const std::optional<WireError>& error() const noexcept { return error_; }

 private:
  std::string_view rest_;
  std::optional<WireError> error_;
};

Parsed<> parse_broker(Pieces& pieces, Entry& entry) noexcept {
  pieces.take("broker entry metadata", kMagicBytes);
  const std::uint32_t size = pieces.take_word("size of the broker entry metadata");
  const std::string_view bytes = pieces.take("broker entry metadata", size);
  if (pieces.error()) return std::unexpected(*pieces.error());
  const auto broker = decode<BrokerEntryMetadata>(bytes);
  if (!broker) return std::unexpected(broker.error());
  entry.broker = *broker;
  return {};
}

}  // namespace

Parsed<Entry> parse_entry(std::string_view bytes, Checksum checksum) noexcept {
  Entry entry{};
  Pieces pieces(bytes);
  if (begins_with(bytes, kBrokerEntryMagic)) {
    if (const auto broker = parse_broker(pieces, entry); !broker) return std::unexpected(broker.error());
  }
  entry.message = pieces.rest();
  if (begins_with(pieces.rest(), kChecksumMagic)) {
    pieces.take("checksum", kMagicBytes);
    entry.checksum = pieces.take_word("checksum");
  }
  const std::string_view summed = pieces.rest();
  const std::uint32_t size = pieces.take_word("size of the message metadata");
  entry.metadata = pieces.take("message metadata", size);
  entry.payload = pieces.rest();
  if (pieces.error()) return std::unexpected(*pieces.error());
  if (entry.checksum && checksum == Checksum::verify) {
    const std::uint32_t sum = base::crc32c(summed);
    if (sum != *entry.checksum)
      return std::unexpected(
          WireError{.fault = Fault::bad_checksum, .part = "message", .found = *entry.checksum, .limit = sum});
  }
  return entry;
}

void append_entry_head(std::string& out, const MessageMetadata& metadata,
                       std::initializer_list<std::string_view> payload) {
  const std::size_t size = encoded_size(metadata);
  GEMINGA_ASSERT(size <= UINT32_MAX);
  const std::size_t before = out.size();
  out.resize(before + kMagicBytes + kChecksumBytes + kSizeBytes + size);
  char* const checksum = write_big_endian(out.data() + before, kChecksumMagic);
  char* const summed = checksum + kChecksumBytes;
  char* const behind = encode(metadata, write_big_endian(summed, static_cast<std::uint32_t>(size)));
  GEMINGA_ASSERT(behind == out.data() + out.size());
  std::uint32_t sum = base::crc32c(std::string_view(summed, behind));
  for (const std::string_view piece : payload) sum = base::crc32c(piece, sum);
  write_big_endian(checksum, sum);
}

void append_broker_entry(std::string& out, const BrokerEntryMetadata& broker) {
  const std::size_t size = encoded_size(broker);
  const std::size_t before = out.size();
  out.resize(before + kMagicBytes + kSizeBytes + size);
  char* at = write_big_endian(out.data() + before, kBrokerEntryMagic);
  at = encode(broker, write_big_endian(at, static_cast<std::uint32_t>(size)));
  GEMINGA_ASSERT(at == out.data() + out.size());
}

}  // namespace geminga::wire::pulsar

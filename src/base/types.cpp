#include <charconv>

#include <fmt/format.h>

#include <geminga/types.hpp>

namespace geminga {
namespace {

/// Takes one number up to ':' or the end off the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  text.remove_prefix(1);
  return !text.empty();
}

}  // namespace

std::string MessageId::to_string() const {
  // As Pulsar prints them: signed.
  const auto ledger_id = static_cast<std::int64_t>(ledger.value);
  const auto entry_id = static_cast<std::int64_t>(entry.value);
  if (batch_index < 0) return fmt::format("{}:{}:{}", ledger_id, entry_id, partition);
  return fmt::format("{}:{}:{}:{}", ledger_id, entry_id, partition, batch_index);
}

Result<MessageId> MessageId::parse(std::string_view text) {
  if (text == MessageId::unknown().to_string()) return MessageId::unknown();
  MessageId id;
  std::string_view rest = text;
  bool good = take_number(rest, id.ledger.value) && !rest.empty() && take_number(rest, id.entry.value);
  if (good && !rest.empty()) good = take_number(rest, id.partition);
  if (good && !rest.empty()) good = take_number(rest, id.batch_index);
  if (!good || !rest.empty()) {
    return fail(ErrorCode::parse_error,
                fmt::format("'{}' is not a message id; write ledger:entry, e.g. 12:0", text));
  }
  return id;
}

}  // namespace geminga

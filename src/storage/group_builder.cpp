#include "storage/group_builder.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/try.hpp"

namespace geminga::storage {
namespace {

constexpr std::size_t kScratchBytes = 128 << 10;

struct Sizes {
  std::uint32_t count = 0;  ///< of the operations that are written
  std::uint64_t operations = 0;
  std::uint64_t bodies = 0;
};

bool is_duplicate(const Operation& operation) {
  const auto* append = std::get_if<Append>(&operation);
  return append != nullptr && append->duplicate;
}

std::size_t operation_bytes(const Operation& operation) {
  if (std::holds_alternative<Append>(operation)) return kEntryHeaderBytes;
  if (const auto* ack = std::get_if<Acknowledge>(&operation)) return encoded_bytes(*ack);
  return kOperationHeaderBytes;
}

Sizes sizes_of(const Transaction& transaction) {
  Sizes sizes;
  for (const Operation& operation : transaction.operations) {
    if (is_duplicate(operation)) continue;
    sizes.count += 1;
    sizes.operations += operation_bytes(operation);
    if (const auto* append = std::get_if<Append>(&operation)) sizes.bodies += append->bytes().size();
  }
  return sizes;
}

/// All that was asked is stored already.
bool writes_nothing(const Transaction& transaction) {
  return !transaction.operations.empty() && std::ranges::all_of(transaction.operations, is_duplicate);
}

Result<> check_count(const Append& append) {
  if (append.duplicate) return {};
  if (append.message_count >= 1 && append.message_count <= kEntryMessagesMax) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("an entry has 1 to {} messages, this one says {}",
                                                       kEntryMessagesMax, append.message_count));
}

}  // namespace

/// Where the bytes of a group go.
struct GroupBuilder::Output {
  std::span<std::byte> buffer;
  std::size_t at = 0;
  std::shared_ptr<const void> owner;  ///< of the bodies as the entries see them
  std::byte* bodies = nullptr;        ///< next free byte of the exact copy; null: entries see the buffer
};

std::uint64_t GroupBuilder::record_bytes_of(const Transaction& transaction) {
  const Sizes sizes = sizes_of(transaction);
  return record_bytes(sizes.operations, sizes.bodies);
}

Result<> GroupBuilder::check_topic(TopicId id, bool publishes) {
  const Topic* topic = topics_.find_or_add(id);
  if (topic == nullptr)
    return fail(ErrorCode::topic_not_found, fmt::format("topic {} was deleted", id.value));
  if (publishes && topic->offline) return fail(ErrorCode::topic_offline, topics_.offline_reason(id));
  if (publishes && topic->sealed)
    return fail(ErrorCode::topic_terminated, fmt::format("topic {} takes no more messages", id.value));
  return {};
}

Result<> GroupBuilder::check(const Transaction& transaction) {
  bool drops = false;
  for (const Operation& operation : transaction.operations) {
    if (const auto* append = std::get_if<Append>(&operation)) {
      GEMINGA_TRY_VOID(check_count(*append));
      GEMINGA_TRY_VOID(check_topic(append->topic, true));
    } else if (const auto* ack = std::get_if<Acknowledge>(&operation)) {
      if (std::any_of(ack->ranges.begin(), ack->ranges.end(),
                      [](const EntryRange& range) { return range.first > range.last; }))
        return fail(ErrorCode::invalid_argument, "an acknowledged range ends before it begins");
    } else if (const auto* set = std::get_if<SetCursor>(&operation)) {
      GEMINGA_TRY_VOID(check_topic(set->topic, false));
    } else if (const auto* set_to_end = std::get_if<SetCursorToEnd>(&operation)) {
      GEMINGA_TRY_VOID(check_topic(set_to_end->topic, false));
    } else if (std::holds_alternative<DropTopic>(operation)) {
      drops = true;
    }
  }
  if (drops && transaction.operations.size() > 1)
    return fail(ErrorCode::invalid_argument, "a topic is dropped by a transaction of its own");
  if (const std::uint64_t bytes = record_bytes_of(transaction); bytes > kRecordBytesMax)
    return fail(ErrorCode::too_large,
                fmt::format("a transaction of {} bytes; {} is the limit", bytes, kRecordBytesMax));
  if (drops) topics_.set_dropped(std::get<DropTopic>(transaction.operations.front()).topic, true);
  return {};
}

void GroupBuilder::uncheck(const Transaction& transaction) {
  for (const Operation& operation : transaction.operations) {
    if (const auto* drop = std::get_if<DropTopic>(&operation)) topics_.set_dropped(drop->topic, false);
  }
}

void GroupBuilder::mark_duplicates(Transaction& transaction) {
  for (Operation& operation : transaction.operations) {
    auto* append = std::get_if<Append>(&operation);
    if (append == nullptr || append->duplicate || !duplicates_.seen(*append)) continue;
    append->duplicate = true;
    append->body = std::string();
    append->drop_lying();
  }
}

std::uint64_t GroupBuilder::find_duplicates(std::span<Submitted> transactions) {
  std::uint64_t found = 0;
  for (Submitted& one : transactions) {
    if (!dedup_before_persist_ && !one.answered()) mark_duplicates(one.transaction);
    found += static_cast<std::uint64_t>(std::ranges::count_if(one.transaction.operations, is_duplicate));
  }
  return found;
}

EntryHeader GroupBuilder::header_of_duplicate(const Append& append) const {
  EntryHeader header;
  header.topic = append.topic;
  header.ledger = kUnknownLedger;
  header.entry = kUnknownEntry;
  header.producer = append.producer;
  header.sequence = append.sequence;
  const auto entry = duplicates_.place_of(append);
  if (!entry) return header;
  const Topic& topic = *topics_.find(append.topic);
  // What is not durable yet stands in the ledger that goes on.
  const LedgerId ledger = *entry < topic.state.next ? topic.state.ledgers.of(*entry) : topic.assigned.ledger;
  if (ledger.value == 0) return header;
  header.ledger = ledger;
  header.entry = *entry;
  return header;
}

Receipt GroupBuilder::receipt_of_duplicates(const Transaction& transaction) const {
  Receipt receipt;
  for (const Operation& operation : transaction.operations)
    receipt.appended.push_back(header_of_duplicate(std::get<Append>(operation)));
  return receipt;
}

bool GroupBuilder::answer_duplicates(Transaction& transaction) const {
  if (!writes_nothing(transaction)) return false;
  transaction.done(receipt_of_duplicates(transaction));
  return true;
}

EntryHeader GroupBuilder::assign(const Append& append) {
  // check() made it. A later transaction of this group may drop it: then the entry goes with it.
  Topic* topic = topics_.find(append.topic);
  GEMINGA_ASSERT(topic != nullptr);
  Topic::Assigned& assigned = topic->assigned;
  if (assigned.ledger.value == 0) assigned.ledger = topics_.take_ledger();
  assigned.last_publish_time = std::max(assigned.last_publish_time, now_);
  const bool async = topic->async.load().count() > 0;
  const EntryHeader header{
      .topic = append.topic,
      .ledger = assigned.ledger,
      .entry = assigned.next,
      .message_index = assigned.next_index,
      .message_count = append.message_count,
      .publish_time = assigned.last_publish_time,
      .deliver_at = append.deliver_at,
      .key_hash = append.key_hash,
      .flags = static_cast<std::uint16_t>(append.flags | (async ? EntryFlags::kAsync : 0)),
      .format = append.format,
      .chunk_index = append.chunk_index,
      .chunk_count = append.chunk_count,
      .producer = append.producer,
      .sequence = append.sequence,
      .body_bytes = static_cast<std::uint32_t>(append.bytes().size()),
      .body_crc = append.body_crc,
  };
  assigned.next.value += 1;
  assigned.next_index += append.message_count;
  return header;
}

std::optional<std::chrono::milliseconds> GroupBuilder::may_wait(const Transaction& transaction) {
  std::optional<std::chrono::milliseconds> least;
  for (const Operation& operation : transaction.operations) {
    const auto* append = std::get_if<Append>(&operation);
    if (append == nullptr) return std::nullopt;
    const Topic& topic = *topics_.find(append->topic);
    const std::chrono::milliseconds within = topic.async;
    if (within.count() <= 0 || !topics_.recovery_finds_async(topic)) return std::nullopt;
    least = std::min(least.value_or(within), within);
  }
  return least;
}

std::optional<std::chrono::milliseconds> GroupBuilder::give_places(Submitted& submitted) {
  const auto wait = may_wait(submitted.transaction);
  if (!wait) return std::nullopt;
  now_ = clock_.wall_now();
  if (!dedup_before_persist_) mark_duplicates(submitted.transaction);
  for (const Operation& operation : submitted.transaction.operations) {
    const auto& append = std::get<Append>(operation);
    const EntryHeader header = append.duplicate ? header_of_duplicate(append) : assign(append);
    if (!append.duplicate) {
      duplicates_.placed(header);
      topics_.find(append.topic)->answered_before = EntryId{header.entry.value + 1};
    }
    submitted.given.push_back(header);
  }
  return wait;
}

JournalOperation GroupBuilder::resolve(Operation& operation, const Submitted& submitted, Receipt& receipt) {
  return std::visit(
      [&](auto& one) -> JournalOperation {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, Append>) {
          const EntryHeader header =
              submitted.answered() ? submitted.given[receipt.appended.size()] : assign(one);
          duplicates_.placed(header);
          receipt.appended.push_back(header);
          return header;
        } else if constexpr (std::is_same_v<One, SetCursorToEnd>) {
          const Topic* topic = topics_.find(one.topic);
          GEMINGA_ASSERT(topic != nullptr);
          receipt.cursors.push_back(topic->assigned.next);
          return SetCursor{
              .topic = one.topic, .subscription = one.subscription, .next = topic->assigned.next};
        } else {
          return std::move(one);
        }
      },
      operation);
}

void GroupBuilder::add_record(Submitted& submitted, Group& group, Output& output) {
  Transaction& transaction = submitted.transaction;
  const Sizes sizes = sizes_of(transaction);
  if (writes_nothing(transaction)) {
    group.members.push_back({std::move(transaction.done), receipt_of_duplicates(transaction)});
    return;
  }
  const auto record = output.buffer.subspan(output.at, record_bytes(sizes.operations, sizes.bodies));
  std::size_t header_at = kRecordHeaderBytes;
  std::size_t body_at = kRecordHeaderBytes + sizes.operations;
  Receipt receipt;
  receipt.appended.reserve(transaction.operations.size());
  for (Operation& operation : transaction.operations) {
    if (is_duplicate(operation)) {
      receipt.appended.push_back(header_of_duplicate(std::get<Append>(operation)));
      continue;
    }
    const std::size_t bytes = operation_bytes(operation);
    JournalOperation resolved = resolve(operation, submitted, receipt);
    encode_operation(resolved, record.subspan(header_at, bytes));
    header_at += bytes;
    if (const auto* header = std::get_if<EntryHeader>(&resolved)) {
      const std::string_view body = std::get<Append>(operation).bytes();
      std::memcpy(record.data() + body_at, body.data(), body.size());
      const std::byte* seen = record.data() + body_at;
      if (output.bodies != nullptr) {
        std::memcpy(output.bodies, body.data(), body.size());
        seen = std::exchange(output.bodies, output.bodies + body.size());
      }
      group.applied.entries.push_back(
          {*header, std::string_view(reinterpret_cast<const char*>(seen), body.size()), output.owner});
      body_at += body.size();
    } else {
      group.applied.others.push_back({group.applied.entries.size(), std::move(resolved)});
    }
  }
  std::memset(record.data() + body_at, 0, record.size() - body_at);
  seal_record(record, sizes.count, static_cast<std::uint32_t>(sizes.operations), sizes.bodies);
  output.at += record.size();
  group.members.push_back({std::move(transaction.done), std::move(receipt)});
}

Group GroupBuilder::build(std::span<Submitted> transactions, std::uint64_t record_bytes, Numbers numbers) {
  now_ = clock_.wall_now();
  Group group;
  group.applied.number = numbers.number;
  group.members.reserve(transactions.size());
  group.applied.entries.reserve(transactions.size());
  group.duplicates = find_duplicates(transactions);
  std::size_t records = transactions.size();
  if (group.duplicates > 0) {
    record_bytes = 0;
    for (const Submitted& one : transactions) {
      if (writes_nothing(one.transaction))
        records -= 1;
      else
        record_bytes += record_bytes_of(one.transaction);
    }
  }
  const GroupHeader header{.directory = directory_,
                           .generation = numbers.generation,
                           .number = numbers.number,
                           .durable = numbers.durable,
                           .records = static_cast<std::uint32_t>(records),
                           .bytes = record_bytes};
  const std::size_t total = group_bytes(header);
  Output output{.buffer = {}, .at = kGroupHeaderBytes, .owner = nullptr, .bodies = nullptr};
  if (total <= kScratchBytes) {
    if (scratch_.size() == 0) scratch_ = AlignedBuffer(kScratchBytes);
    output.buffer = scratch_.span().first(total);
    std::uint64_t bodies = 0;
    for (const Submitted& one : transactions) bodies += sizes_of(one.transaction).bodies;
    const auto block = std::make_shared_for_overwrite<std::byte[]>(bodies);
    output.bodies = block.get();
    output.owner = block;
    group.applied.memory_bytes = bodies;
  } else {
    // The entries share the group's own buffer: the bodies are copied once in the life of the process.
    const BlockPool::Block piece = slabs_.take(total);
    output.buffer = piece.bytes;
    output.owner = piece.owner;
    group.applied.memory_bytes = total;
  }
  encode_group_header(header, output.buffer);
  for (Submitted& one : transactions) {
    add_record(one, group, output);
    group.budget += one.budget;
  }
  GEMINGA_ASSERT(output.at == kGroupHeaderBytes + record_bytes);
  std::memset(output.buffer.data() + output.at, 0, total - output.at);
  if (records > 0) group.bytes = output.buffer;
  duplicates_.end_group();
  return group;
}

}  // namespace geminga::storage

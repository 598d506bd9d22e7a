#include "broker/chunk_order.hpp"

#include <iterator>

namespace geminga::broker {

std::vector<EntryId> ChunkOrder::others(EntryId entry) const {
  const auto name = by_entry_.find(entry);
  if (name == by_entry_.end()) return {};
  const std::set<EntryId>& chunks = messages_.at(name->second).chunks;
  std::vector<EntryId> others(chunks.begin(), chunks.end());
  std::erase(others, entry);
  return others;
}

std::optional<EntryId> ChunkOrder::first_of(const storage::EntryHeader& chunk) const {
  const auto message = messages_.find(name_of(chunk));
  return message == messages_.end() ? std::nullopt : std::optional(*message->second.chunks.begin());
}

std::optional<EntryId> ChunkOrder::before(const storage::EntryHeader& chunk) const {
  const auto message = messages_.find(name_of(chunk));
  if (message == messages_.end()) return std::nullopt;
  const auto behind = message->second.chunks.lower_bound(chunk.entry);
  return behind == message->second.chunks.begin() ? std::nullopt : std::optional(*std::prev(behind));
}

ConsumerNumber ChunkOrder::consumer_of(const storage::EntryHeader& chunk) const {
  const auto message = messages_.find(name_of(chunk));
  return message == messages_.end() ? 0 : message->second.consumer;
}

ConsumerNumber ChunkOrder::consumer_of(EntryId entry) const {
  const auto name = by_entry_.find(entry);
  return name == by_entry_.end() ? 0 : messages_.at(name->second).consumer;
}

void ChunkOrder::add(const storage::EntryHeader& chunk) {
  const Name name = name_of(chunk);
  messages_[name].chunks.insert(chunk.entry);
  by_entry_.insert_or_assign(chunk.entry, name);
}

void ChunkOrder::give(const storage::EntryHeader& chunk, ConsumerNumber consumer) {
  messages_.at(name_of(chunk)).consumer = consumer;
}

void ChunkOrder::take(Message& message, std::vector<EntryId>& were_ready) {
  const auto waiting = ready_.find(message.consumer);
  message.consumer = 0;
  if (waiting == ready_.end()) return;
  for (const EntryId chunk : message.chunks) {
    if (waiting->second.erase(chunk) > 0) were_ready.push_back(chunk);
  }
  if (waiting->second.empty()) ready_.erase(waiting);
}

std::vector<EntryId> ChunkOrder::take_from(EntryId entry) {
  std::vector<EntryId> were_ready;
  if (const auto name = by_entry_.find(entry); name != by_entry_.end())
    take(messages_.at(name->second), were_ready);
  return were_ready;
}

std::vector<EntryId> ChunkOrder::take_all_from(ConsumerNumber consumer) {
  std::vector<EntryId> were_ready;
  for (auto& [name, message] : messages_) {
    if (message.consumer == consumer) take(message, were_ready);
  }
  return were_ready;
}

void ChunkOrder::forget(EntryId entry) {
  const auto name = by_entry_.find(entry);
  if (name == by_entry_.end()) return;
  not_ready(entry);
  const auto message = messages_.find(name->second);
  message->second.chunks.erase(entry);
  if (message->second.chunks.empty()) messages_.erase(message);
  by_entry_.erase(name);
}

void ChunkOrder::ready(EntryId entry) {
  ready_[consumer_of(entry)].insert(entry);
}

void ChunkOrder::not_ready(EntryId entry) {
  const auto waiting = ready_.find(consumer_of(entry));
  if (waiting == ready_.end()) return;
  waiting->second.erase(entry);
  if (waiting->second.empty()) ready_.erase(waiting);
}

std::optional<EntryId> ChunkOrder::first_for(ConsumerNumber consumer) const {
  const auto waiting = ready_.find(consumer);
  return waiting == ready_.end() ? std::nullopt : std::optional(*waiting->second.begin());
}

std::uint64_t ChunkOrder::bytes() const {
  constexpr std::uint64_t kNode = 48;  // of a tree or on the heap, beside its value
  // An entry stands in its message, under its own id and perhaps among those that are ready.
  constexpr std::uint64_t kEach = 2 * (sizeof(EntryId) + kNode) + sizeof(EntryId) + sizeof(Name) + kNode;
  return messages_.size() * (sizeof(Messages::value_type) + kNode) + by_entry_.size() * kEach;
}

}  // namespace geminga::broker

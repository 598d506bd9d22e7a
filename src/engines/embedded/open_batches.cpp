#include "engines/embedded/open_batches.hpp"

#include <algorithm>

namespace geminga::engines::embedded {

broker::AckBits bits(std::uint32_t index, std::uint32_t messages) {
  broker::AckBits set((static_cast<std::size_t>(index) + messages + 63) / 64);
  for (std::uint32_t i = index; i < index + messages; ++i) set[i / 64] |= std::uint64_t{1} << i % 64;
  return set;
}

std::uint64_t OpenBatches::open(EntryId entry, std::uint32_t messages, broker::AckBits acknowledged) {
  const std::lock_guard lock(mutex_);
  forget(entry);  // it was taken back by a time-out, and comes again
  const std::uint64_t first = next_;
  next_ += messages;
  batches_.emplace(first, Batch{.entry = entry, .messages = messages, .closed = std::move(acknowledged)});
  tags_.emplace(entry, first);
  return first;
}

OpenBatches::Batches::const_iterator OpenBatches::batch_of(std::uint64_t tag) const {
  auto at = batches_.upper_bound(tag);
  if (at == batches_.begin()) return batches_.end();
  --at;
  return tag - at->first < at->second.messages ? at : batches_.end();
}

std::optional<OpenBatches::Place> OpenBatches::find(std::uint64_t tag) const {
  const std::lock_guard lock(mutex_);
  const auto at = batch_of(tag);
  if (at == batches_.end()) return std::nullopt;
  return Place{.entry = at->second.entry, .index = static_cast<std::uint32_t>(tag - at->first)};
}

std::optional<OpenBatches::Return> OpenBatches::close(Batches::const_iterator at, std::uint32_t index) {
  Batch& batch = batches_.at(at->first);
  broker::merge(batch.closed, bits(index));
  if (broker::count(batch.closed, batch.messages) < batch.messages) return std::nullopt;
  const auto back = batch.back;
  forget(batch.entry);
  return back;
}

std::optional<OpenBatches::Return> OpenBatches::settled(std::uint64_t tag) {
  const std::lock_guard lock(mutex_);
  const auto at = batch_of(tag);
  return at == batches_.end() ? std::nullopt : close(at, static_cast<std::uint32_t>(tag - at->first));
}

std::optional<OpenBatches::Return> OpenBatches::returned(std::uint64_t tag, std::chrono::milliseconds delay,
                                                         bool counts) {
  const std::lock_guard lock(mutex_);
  const auto at = batch_of(tag);
  if (at == batches_.end()) return std::nullopt;
  auto& back = batches_.at(at->first).back;
  if (!back) back = Return{.entry = at->second.entry};
  back->delay = std::max(back->delay, delay);
  back->counts |= counts;
  return close(at, static_cast<std::uint32_t>(tag - at->first));
}

void OpenBatches::settled_up_to(const Place& last) {
  const std::lock_guard lock(mutex_);
  while (!tags_.empty() && tags_.begin()->first < last.entry) forget(tags_.begin()->first);
  const auto at = tags_.find(last.entry);
  if (at == tags_.end()) return;
  Batch& batch = batches_.at(at->second);
  broker::merge(batch.closed, bits(0, std::min(last.index, batch.messages - 1) + 1));
  if (broker::count(batch.closed, batch.messages) == batch.messages) forget(last.entry);
}

void OpenBatches::forget(EntryId entry) {
  const auto at = tags_.find(entry);
  if (at == tags_.end()) return;
  batches_.erase(at->second);
  tags_.erase(at);
}

void OpenBatches::clear() {
  const std::lock_guard lock(mutex_);
  batches_.clear();
  tags_.clear();
}

}  // namespace geminga::engines::embedded

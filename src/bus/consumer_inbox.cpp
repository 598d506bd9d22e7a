#include "bus/consumer_inbox.hpp"

#include <algorithm>
#include <utility>

namespace geminga::bus {

void ConsumerInbox::on_messages(std::vector<EngineMessage> messages) {
  const bool one = messages.size() == 1;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;  // they go back when the engine's consumer closes
    queue_.push(std::move(messages));
  }
  if (one)
    changed_.notify_one();
  else
    changed_.notify_all();
}

ConsumerInbox::Flag& ConsumerInbox::withdrawn(std::uint16_t partition) {
  if (withdrawn_.size() <= partition) withdrawn_.resize(std::size_t{partition} + 1);
  Flag& flag = withdrawn_[partition];
  if (!flag) flag = std::make_shared<std::atomic<bool>>(false);
  return flag;
}

void ConsumerInbox::on_withdrawn(std::uint16_t partition) {
  const std::lock_guard lock(mutex_);
  withdrawn(partition)->store(true);
  withdrawn(partition) = nullptr;
  queue_.clear(partition);
  ended_ = false;
  changed_.notify_all();  // its room is free
}

void ConsumerInbox::on_end_of_topic() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  if (on_end_) on_end_();
}

void ConsumerInbox::on_closed(Error reason) {
  const std::lock_guard lock(mutex_);
  if (!closed_) closed_ = std::move(reason);
  changed_.notify_all();
}

Result<ConsumerInbox::Taken> ConsumerInbox::take(std::optional<base::MonotonicTime> deadline) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (closed_) return std::unexpected(*closed_);
    const auto now = base::Clock::system().monotonic_now();
    auto message = queue_.take(now);
    const auto room = room_to_report(message.has_value());
    if (message) {
      auto flag = withdrawn(PartitionTag::partition(message->tag));
      lock.unlock();
      message->unpack();
      return Taken{std::move(message), std::move(flag), room};
    }
    if (room.messages > 0) return Taken{std::nullopt, nullptr, room};
    if (deadline && ended_ && queue_.empty())
      return fail(ErrorCode::topic_terminated, "the topic was terminated and all of it was consumed");
    if (deadline && *deadline <= now) return fail(ErrorCode::timeout, "no message came in time");
    auto until = deadline;
    if (const auto retry = queue_.next_retry()) until = until ? std::min(*until, *retry) : *retry;
    if (until)
      changed_.wait_until(lock, *until);
    else
      changed_.wait(lock);
  }
}

/// A quarter of the queue at once; all of it when nobody would come to report it later.
MessageQueue::Room ConsumerInbox::room_to_report(bool took_one) {
  const MessageQueue::Room& freed = queue_.freed();
  const bool enough = freed.messages >= report_at_.messages || freed.bytes >= report_at_.bytes;
  return enough || !took_one || queue_.empty() ? queue_.take_freed() : MessageQueue::Room{};
}

void ConsumerInbox::finished(const std::string& key) {
  const std::lock_guard lock(mutex_);
  queue_.finished(key);
  changed_.notify_one();
}

void ConsumerInbox::retry(EngineMessage message, base::MonotonicTime when) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  queue_.retry(std::move(message), when);
  changed_.notify_all();
}

std::vector<EngineMessage> ConsumerInbox::close() {
  const std::lock_guard lock(mutex_);
  if (!closed_) closed_ = Error{ErrorCode::closed, "the consumer was closed"};
  changed_.notify_all();
  return queue_.drain();
}

bool ConsumerInbox::empty() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty();
}

}  // namespace geminga::bus

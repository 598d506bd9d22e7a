#include "broker/compaction/compactor.hpp"

#include <utility>

#include "base/thread.hpp"
#include "base/try.hpp"
#include "broker/compaction/compaction.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {

Result<> Compactor::add(TopicPtr topic) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return {};  // the topic hears that the broker closes
  if (!thread_.joinable()) {
    GEMINGA_TRY(thread_, base::start_thread([this] { run(); }));
  }
  waiting_.push_back(std::move(topic));
  changed_.notify_all();
  return {};
}

void Compactor::stop() {
  std::thread ending;
  std::deque<TopicPtr> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
    ending.swap(thread_);
    changed_.notify_all();
  }
  if (ending.joinable()) ending.join();
}

void Compactor::run() {
  pthread_setname_np(pthread_self(), "gem-compact");
  for (;;) {
    TopicPtr next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    compact(next);
  }
}

void Compactor::compact(const TopicPtr& topic) {
  std::optional<CompactionPlan> plan;
  topic->core().loop.run([&] { plan = topic->compaction().begin(); });
  if (!plan) return;
  auto view = Compaction(context_, *std::move(plan), [this](std::chrono::milliseconds wait) {
                return go_on(wait);
              }).run();
  topic->core().loop.run([&] { topic->compaction().end(std::move(view)); });
}

bool Compactor::go_on(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (wait.count() > 0) changed_.wait_for(lock, wait, [this] { return stopping_; });
  return !stopping_;
}

}  // namespace geminga::broker

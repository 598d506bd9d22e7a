#include "orchestrator/jobs/sql/lane.hpp"

#include <pthread.h>

#include "base/assert.hpp"

namespace geminga::orchestrator::sql {

Lane::Lane(std::string thread_name, std::function<void(Batch)> run,
           std::chrono::milliseconds wait_for_company)
    : run_(std::move(run)), wait_for_company_(wait_for_company) {
  thread_ = std::thread([this, name = std::move(thread_name)] {
    pthread_setname_np(pthread_self(), name.c_str());
    loop();
  });
}

Lane::~Lane() {
  stop();
}

void Lane::submit(std::unique_ptr<Operation> operation, Haste haste) {
  {
    std::unique_lock lock(mutex_);
    if (!stopped_) {
      waiting_.push_back(std::move(operation));
      const bool hastens = haste == Haste::some && !haste_;
      haste_ = haste_ || hastens;
      const bool wakes = waiting_.size() == 1 || hastens;
      lock.unlock();  // who wakes up finds it free
      if (wakes) wake_.notify_one();
      return;
    }
  }
  operation->finish(fail(ErrorCode::closed, "the jobs store is closed"));
}

void Lane::loop() {
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      wake_.wait_for(lock, wait_for_company_, [this] { return stopped_ || haste_; });
      if (waiting_.empty()) return;
      batch.swap(waiting_);
      haste_ = false;
    }
    run_(std::move(batch));
  }
}

void Lane::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  if (!thread_.joinable()) return;
  GEMINGA_ASSERT(thread_.get_id() != std::this_thread::get_id());
  thread_.join();
}

}  // namespace geminga::orchestrator::sql

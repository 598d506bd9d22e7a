#include "net/blocking_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

#include "base/assert.hpp"

namespace geminga::net {

struct BlockingPool::Impl {
  std::mutex mutex;
  std::condition_variable wake_up;
  std::deque<std::move_only_function<void()>> queue;  // under mutex
  bool stopping = false;                              // under mutex
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      wake_up.wait(lock, [&] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      auto task = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
  }
};

BlockingPool::BlockingPool(std::string thread_name, std::size_t threads) : impl_(std::make_unique<Impl>()) {
  GEMINGA_ASSERT(threads > 0);
  thread_name.resize(std::min<std::size_t>(thread_name.size(), 15));
  for (std::size_t i = 0; i < threads; ++i)
    impl_->threads.emplace_back([impl = impl_.get(), thread_name] {
      pthread_setname_np(pthread_self(), thread_name.c_str());
      impl->work();
    });
}

BlockingPool::~BlockingPool() {
  stop();
}

void BlockingPool::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake_up.notify_all();
  for (std::thread& thread : impl_->threads)
    if (thread.joinable()) thread.join();
}

void BlockingPool::post(std::move_only_function<void()> task) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->stopping) return;
    impl_->queue.push_back(std::move(task));
  }
  impl_->wake_up.notify_one();
}

}  // namespace geminga::net

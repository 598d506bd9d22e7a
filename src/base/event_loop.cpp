#include "base/event_loop.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/assert.hpp"

namespace geminga::base {

namespace asio = boost::asio;

namespace {
thread_local PostsTogether* posts_together = nullptr;  // of this thread
}

struct EventLoop::Impl : std::enable_shared_from_this<EventLoop::Impl> {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::mutex mutex;
  std::vector<Task> mailbox;     // under mutex
  bool wake_up_pending = false;  // under mutex
  bool stopped = false;          // under mutex
  std::vector<Task> running;     // the loop's thread
  std::thread thread;
  std::atomic<std::thread::id> id;  ///< its; nobody's when it has ended

  bool add(Task task, PostsTogether* together) {
    {
      const std::lock_guard lock(mutex);
      if (stopped) return false;
      mailbox.push_back(std::move(task));
      if (wake_up_pending) return true;
      wake_up_pending = together == nullptr;
    }
    if (together)
      together->add(shared_from_this());
    else
      wake_up();
    return true;
  }

  void wake() {
    {
      const std::lock_guard lock(mutex);
      if (stopped || mailbox.empty() || std::exchange(wake_up_pending, true)) return;
    }
    wake_up();
  }

  void wake_up() {
    asio::post(context, [this] { run_mailbox(); });
  }

  void run_mailbox() {
    {
      const std::lock_guard lock(mutex);
      running.swap(mailbox);
      wake_up_pending = false;
    }
    for (Task& task : running) {
      task();
      task = nullptr;
    }
    running.clear();
  }
};

EventLoop::EventLoop(std::string name) : impl_(std::make_shared<Impl>()) {
  name.resize(std::min<std::size_t>(name.size(), 15));
  impl_->thread = std::thread([impl = impl_.get(), name = std::move(name)] {
    pthread_setname_np(pthread_self(), name.c_str());
    impl->context.run();
  });
  impl_->id = impl_->thread.get_id();
}

EventLoop::~EventLoop() {
  stop();
}

bool EventLoop::post(Task task) {
  return impl_->add(std::move(task), posts_together);
}

bool EventLoop::here() const {
  return impl_->id == std::this_thread::get_id();
}

bool EventLoop::run(Task task) {
  if (here()) {
    task();
    return true;
  }
  std::promise<void> done;
  const auto and_tell = [&] {
    task();
    done.set_value();
  };
  const bool posted = impl_->add(and_tell, nullptr);
  if (posted) done.get_future().wait();
  return posted;
}

void EventLoop::stop() {
  if (!impl_->thread.joinable()) return;
  GEMINGA_ASSERT(!here());
  // Behind everything that is posted already; timers still pending are dropped with the context.
  const auto end = [this] {
    impl_->work.reset();
    impl_->context.stop();
  };
  impl_->add(end, nullptr);
  impl_->thread.join();
  impl_->id = std::thread::id();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  // Posted while the thread ended: run here, so that nobody waits for them for ever.
  impl_->run_mailbox();
}

asio::io_context& EventLoop::context() {
  return impl_->context;
}

PostsTogether::PostsTogether() {
  if (!posts_together) posts_together = this;
}

PostsTogether::~PostsTogether() {
  if (posts_together != this) return;
  posts_together = nullptr;
  for (const auto& loop : loops_) loop->wake();
}

void PostsTogether::add(const std::shared_ptr<EventLoop::Impl>& loop) {
  if (std::ranges::find(loops_, loop) == loops_.end()) loops_.push_back(loop);
}

struct Timer::Impl {
  explicit Impl(EventLoop& loop) : timer(loop.context()) {}
  asio::steady_timer timer;
  Task task;
  // Asio may have queued the expiry already when the timer is set anew; the number tells the old from the
  // new. It outlives the timer in the handler.
  std::shared_ptr<std::uint64_t> generation = std::make_shared<std::uint64_t>(0);
};

Timer::Timer(EventLoop& loop) : impl_(std::make_unique<Impl>(loop)) {}
Timer::~Timer() {
  cancel();
}

void Timer::set(MonotonicTime when, Task task) {
  const std::uint64_t mine = ++*impl_->generation;
  impl_->task = std::move(task);
  impl_->timer.expires_at(when);
  impl_->timer.async_wait(
      [impl = impl_.get(), generation = impl_->generation, mine](const boost::system::error_code& error) {
        if (error || *generation != mine) return;
        Task due = std::move(impl->task);
        due();
      });
}

void Timer::set_after(std::chrono::milliseconds delay, Task task) {
  set(std::chrono::steady_clock::now() + delay, std::move(task));
}

void Timer::cancel() {
  ++*impl_->generation;
  impl_->timer.cancel();
  impl_->task = nullptr;
}

}  // namespace geminga::base

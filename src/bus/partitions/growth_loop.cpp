#include "bus/partitions/growth_loop.hpp"

#include <chrono>
#include <utility>

namespace geminga::bus {

void GrowthLoop::post(base::Task task) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (!loop_) loop_ = std::make_unique<base::EventLoop>("gm-partitions");
  loop_->post(std::move(task));
}

void GrowthLoop::post_again(base::Task task) {
  again_.push_back(std::move(task));
  if (again_.size() > 1) return;
  timer_ = std::make_unique<base::Timer>(*loop_);
  timer_->set_after(std::chrono::seconds{1}, [this] {
    for (base::Task& each : std::exchange(again_, {})) each();
  });
}

void GrowthLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (!loop_) return;
  }
  loop_->run([this] {
    timer_.reset();
    again_.clear();
  });
  loop_->stop();
}

}  // namespace geminga::bus

#include "bus/graveyard.hpp"

#include <mutex>
#include <utility>
#include <vector>

namespace geminga::bus {

namespace {

class Graveyard {
 public:
  ~Graveyard() {
    for (std::thread& thread : threads_)
      if (thread.get_id() != std::this_thread::get_id()) thread.join();
  }
  /// The threads that were there before and can be joined from here.
  std::vector<std::thread> add(std::thread thread) {
    const std::lock_guard lock(mutex_);
    std::vector<std::thread> earlier;
    std::vector<std::thread> own;
    for (std::thread& buried : threads_)
      (buried.get_id() == std::this_thread::get_id() ? own : earlier).push_back(std::move(buried));
    threads_ = std::move(own);
    threads_.push_back(std::move(thread));
    return earlier;
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

Graveyard& graveyard() {
  static Graveyard the_graveyard;
  return the_graveyard;
}

}  // namespace

void bury(std::thread thread) {
  for (std::thread& earlier : graveyard().add(std::move(thread))) earlier.join();
}

}  // namespace geminga::bus

#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// Reads a topic from its end, without a subscription, on a thread of its own: what every process wants to
/// see for itself. After a failure it goes on behind the last message that it saw.
class TopicReader {
 public:
  TopicReader(std::shared_ptr<Core> core, std::string name, TopicRole topic, std::string name_space,
              std::function<void(const Message&)> seen);
  ~TopicReader();

  /// When it returns the position is fixed: everything published from now on is seen.
  Result<> open();
  void close();
  [[nodiscard]] const std::string& name_space() const { return name_space_; }
  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] std::uint64_t seen() const { return count_; }

 private:
  void run();
  Result<> reopen();
  [[nodiscard]] std::shared_ptr<Reader> reader();

  const std::shared_ptr<Core> core_;
  const std::string name_;
  const TopicRole role_;
  const std::string name_space_;
  const std::function<void(const Message&)> seen_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> running_ = false;
  std::atomic<std::uint64_t> count_ = 0;
  std::optional<MessageId> last_;  // the thread
  std::mutex mutex_;
  std::shared_ptr<Reader> reader_;  // under mutex_; closing it wakes the thread
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace geminga::orchestrator

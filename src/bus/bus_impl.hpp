#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <geminga/bus.hpp>

#include "base/clock.hpp"
#include "bus/callbacks.hpp"
#include "bus/engine.hpp"

namespace geminga::bus {

/// What a bus closes before its engine.
class Child {
 public:
  virtual ~Child() = default;
  virtual Result<> close() = 0;
};

}  // namespace geminga::bus

namespace geminga {

/// What every handle made from a bus shares. Owned by handles of the application and by handler threads only,
/// never by anything that waits inside the engine: the engine would else be freed on a thread of its own.
class Bus::Impl : public std::enable_shared_from_this<Bus::Impl> {
 public:
  Impl(std::unique_ptr<bus::Engine> engine, BusOptions options);
  ~Impl();

  // Constant:
  [[nodiscard]] bus::Engine& engine() const { return *engine_; }
  [[nodiscard]] const BusOptions& options() const { return options_; }
  [[nodiscard]] const base::Clock& clock() const { return base::Clock::system(); }
  [[nodiscard]] const std::shared_ptr<bus::Callbacks>& callbacks() const { return callbacks_; }

  // Any thread:
  [[nodiscard]] Result<std::string> full_topic_name(std::string_view topic) const;
  /// Full topic names, checked bodies. Errors: see check_message.
  Result<> check(std::vector<TopicMessage>& messages) const;
  /// Errors: closed.
  Result<> add_child(const std::shared_ptr<bus::Child>& child);
  Result<> close();

 private:
  const BusOptions options_;
  std::shared_ptr<bus::Callbacks> callbacks_;
  std::unique_ptr<bus::Engine> engine_;
  std::mutex mutex_;
  bool closed_ = false;  // under mutex
  static constexpr std::size_t kSweepMin = 64;
  std::vector<std::weak_ptr<bus::Child>> children_;  // under mutex
  std::size_t sweep_at_ = kSweepMin;  // under mutex; how many, before those that ended are forgotten
};

}  // namespace geminga

#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// What a service has done since it started.
struct IntakeCounts {
  std::uint64_t received = 0;
  std::uint64_t done = 0;  ///< settled with success
  std::uint64_t handed_back = 0;
  std::uint64_t dead_lettered = 0;
  std::uint64_t in_progress = 0;
};

/// How much a service holds in one namespace, taken and not settled. What is over it waits on the bus: the
/// intake's own thread waits with the next one in its hand, and no other thread.
struct IntakeLimits {
  std::size_t deliveries = 1'000;
  std::size_t bytes = 64U << 20U;  ///< of bodies; one delivery may always be held
};

class Intake;

/// A delivery on its way through a service; copies share it. Settle it once; dropped unsettled it goes back
/// when its consumer closes.
class Item {
 public:
  Item(std::shared_ptr<Intake> intake, Delivery delivery);
  [[nodiscard]] const Message& message() const { return delivery_.message(); }
  [[nodiscard]] const Envelope& envelope() const { return *envelope_; }

  /// Publishes and acknowledges in one step; where that fails the delivery goes back after a second.
  void forward(std::vector<TopicMessage> messages) const;
  /// The same; `then` runs once with how it went, on a thread of the bus.
  void forward(std::vector<TopicMessage> messages, std::move_only_function<void(bool done)> then) const;
  void acknowledge() const;
  void hand_back(std::chrono::milliseconds delay) const;
  /// The store refused: back after a second.
  void hand_back(const Error& reason) const;
  /// To the dead letters with the reason: what does not fit its schema, what belongs to another store.
  void dead_letter(const std::string& reason) const;

 private:
  std::shared_ptr<Intake> intake_;
  Delivery delivery_;
  std::shared_ptr<const Envelope> envelope_;
  std::shared_ptr<void> ticket_;
};

/// One consumer of one topic for a service, in one namespace (empty: the default one): takes deliveries,
/// counts them, stops in order.
class Intake : public std::enable_shared_from_this<Intake> {
 public:
  using Work = std::function<void(Item)>;
  Intake(std::shared_ptr<Core> core, std::string service, TopicRole topic, std::string_view subscription,
         std::string name_space, IntakeLimits limits = {});
  ~Intake();

  /// `work` runs on a handler thread for every delivery and settles it, then or later.
  Result<> open(Work work);
  [[nodiscard]] bool consuming() const { return consuming_; }
  /// No new delivery reaches the service any more; they stay where they are.
  void pause();
  /// Waits until everything that was begun is settled, at most so long.
  void drain(base::MonotonicTime deadline);
  /// What is unsettled goes back.
  void close();

  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] TopicRole role() const { return role_; }
  [[nodiscard]] const std::string& name_space() const { return name_space_; }
  [[nodiscard]] IntakeCounts counts() const;
  [[nodiscard]] Core& core() const { return *core_; }

 private:
  friend class Item;
  void take(const Work& work, const Delivery& delivery);
  /// On the handler thread; false: paused meanwhile.
  bool wait_for_room(std::size_t bytes);
  std::shared_ptr<void> begin(std::size_t bytes);
  void end(base::MonotonicTime began, std::size_t bytes);

  const std::shared_ptr<Core> core_;
  const std::string service_;
  const TopicRole role_;
  const std::string subscription_;
  const std::string name_space_;
  const IntakeLimits limits_;
  const base::Counter received_;
  const base::Counter done_;
  const base::Counter handed_back_;
  const base::Counter dead_lettered_;
  const base::Gauge at_work_;
  const base::Histogram seconds_;
  std::atomic<bool> consuming_ = false;
  mutable std::mutex mutex_;
  std::condition_variable ended_;  // one was settled, or the intake paused
  std::uint64_t in_progress_ = 0;  // under mutex_
  std::size_t bytes_ = 0;          // under mutex_; of what is in progress
  std::optional<Consumer> consumer_;
};

}  // namespace geminga::orchestrator

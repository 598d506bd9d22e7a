#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/fault_file_system.hpp"
#include "broker/broker.hpp"
#include "broker/dispatcher.hpp"
#include "random.hpp"

namespace geminga::sim {

/// A computer with a data directory and a broker: its disk loses what was not synced when the power goes, its
/// clock stands still until it is moved. The names (SQLite) do not go through the file seam: their file lies
/// in a real directory and keeps every commit, as SQLite promises.
class Machine {
 public:
  explicit Machine(storage::UnsafeOptions unsafe);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  [[nodiscard]] base::ManualClock& clock() { return clock_; }
  [[nodiscard]] broker::Now now() const {
    return {.wall = clock_.wall_now(), .monotonic = clock_.monotonic_now()};
  }

  Result<> start();
  [[nodiscard]] broker::Broker& broker() { return *broker_; }
  /// Closes the broker as a program does that ends.
  Result<> stop();

  /// The power goes before the `operations`-th further operation on the disk.
  void cut_power_after(std::uint64_t operations);
  [[nodiscard]] bool power_cut_planned() const { return cut_at_ != 0; }
  [[nodiscard]] bool power_is_gone() const { return cut_at_ != 0 && files_->operations() >= cut_at_; }
  /// The broker ends where it is; the disk is what survived. Does not start anything.
  void crash(base::FaultFileSystem::Loss loss, std::uint64_t seed);
  /// The start is interrupted by a crash up to `times` times.
  void crash_while_starting(std::uint64_t times, Random& random);

  /// Between crash() and start(): opens a second broker on a copy of the directory, at a time at which
  /// everything delayed is due, and shows it to `look`.
  template <class Look>
  void with_copy(Look look) {
    const auto copy = open_copy();
    look(*copy);
    close_copy();
  }

 private:
  [[nodiscard]] broker::BrokerOptions options();
  broker::Broker* open_copy();
  void close_copy();

  const storage::UnsafeOptions unsafe_;
  std::filesystem::path folder_;  ///< real: data/metadata.db, saved/ while a copy is open
  base::ManualClock clock_;
  std::unique_ptr<base::FaultFileSystem> files_;
  std::unique_ptr<broker::Broker> broker_;
  std::uint64_t cut_at_ = 0;
  base::ManualClock copy_clock_;
  std::unique_ptr<base::FaultFileSystem> copy_files_;
  std::unique_ptr<broker::Broker> copy_;
};

/// One that loses something, drawn from all there are.
base::FaultFileSystem::Loss draw_loss(Random& random);

}  // namespace geminga::sim

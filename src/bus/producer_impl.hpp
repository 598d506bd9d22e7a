#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <geminga/producer.hpp>

#include "base/numbered_sends.hpp"
#include "bus/bus_impl.hpp"
#include "bus/pending_sends.hpp"

namespace geminga {

class Producer::Impl final : public bus::Child, public std::enable_shared_from_this<Producer::Impl> {
 public:
  static Result<std::shared_ptr<Impl>> create(const std::shared_ptr<Bus::Impl>& bus, ProducerOptions options);
  Impl(std::shared_ptr<Bus::Impl> bus, ProducerOptions options);
  ~Impl() override;

  /// Waits for room, if so configured. `done` is called once; in this call where nothing is sent.
  void send(OutgoingMessage message, bus::Done<MessageId> done, bus::PendingSends::Where where);
  void flush();
  Result<> close() override;

  // Constant after create():
  [[nodiscard]] const ProducerOptions& options() const { return options_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const { return engine_->last_sequence_id(); }

 private:
  /// False: there is no room, and both are untouched.
  Result<bool> try_send(OutgoingMessage& message, base::MonotonicTime deadline, bus::Done<MessageId>& done,
                        bus::PendingSends::Where where);
  void note_refused(std::optional<std::uint64_t> sequence, const Error& error);
  static void arm_timeout(const std::shared_ptr<bus::Callbacks>& callbacks,
                          const std::weak_ptr<bus::PendingSends>& pending, base::MonotonicTime when);

  const std::shared_ptr<Bus::Impl> bus_;
  const ProducerOptions options_;
  const std::shared_ptr<bus::PendingSends> pending_;
  std::unique_ptr<bus::EngineProducer> engine_;
  std::string name_;
  /// The engine takes messages in the order in which they got their place. Nobody waits while he holds it.
  std::mutex order_;
  base::NumberedSends numbered_;  ///< under order_; what the engine refuses is its own affair
};

}  // namespace geminga

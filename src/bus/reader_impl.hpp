#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <geminga/reader.hpp>

#include "bus/bus_impl.hpp"
#include "bus/consumer_inbox.hpp"

namespace geminga {

class Reader::Impl final : public bus::Child, public std::enable_shared_from_this<Reader::Impl> {
 public:
  static Result<std::shared_ptr<Impl>> create(const std::shared_ptr<Bus::Impl>& bus, ReaderOptions options);
  Impl(std::shared_ptr<Bus::Impl> bus, bus::ReceiverQueue queue)
      : bus_(std::move(bus)), inbox_(std::make_shared<bus::ConsumerInbox>(queue, false, 0)) {}

  Result<Message> read(std::chrono::milliseconds timeout);
  Result<bool> has_next();
  Result<> close() override;

 private:
  const std::shared_ptr<Bus::Impl> bus_;
  const std::shared_ptr<bus::ConsumerInbox> inbox_;
  std::unique_ptr<bus::EngineReader> engine_;  // constant after create()
  std::mutex mutex_;
  std::optional<MessageId> last_taken_;  // under mutex
};

}  // namespace geminga

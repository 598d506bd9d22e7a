#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// Writes down who has done what beside asking, and who was refused, in the executions of the default
/// namespace, which no tenant can read or change. (What was asked is written by the services, with the role,
/// where the request lives.) Never waits for the bus; any thread.
class Audit : public std::enable_shared_from_this<Audit> {
 public:
  explicit Audit(std::shared_ptr<Core> core);

  /// `what` ("cancel", "replay", "discard") was done to a request.
  void done(std::string_view what, const Envelope& envelope);
  /// `call` ("GET /api/orchestrator/jobs/7") was refused. `role` is empty where nobody has proven who it is.
  /// Strangers must not fill the disk: so many a second are written, the metric counts all.
  void refused(std::string_view call, const std::string& role, const Error& why);

 private:
  void write(const Envelope& envelope, Execution record);
  [[nodiscard]] bool within_limit();

  const std::shared_ptr<Core> core_;
  const base::Counter refusals_;
  std::mutex mutex_;
  base::MonotonicTime second_began_;  // under mutex_
  std::uint32_t written_ = 0;         // under mutex_; in that second
};

}  // namespace geminga::orchestrator

#include "orchestrator/services/audit.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/uuid.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::uint32_t kRefusalsPerSecond = 20;
constexpr std::size_t kCallMax = 256;  // of what a stranger sends

}  // namespace

Audit::Audit(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      refusals_(core_->metrics.counter("geminga_orchestrator_refused_calls_total",
                                       "HTTP calls that were refused for want of a token, a permission or a "
                                       "share of the limits")),
      second_began_(core_->clock.monotonic_now()) {}

void Audit::done(std::string_view what, const Envelope& envelope) {
  if (envelope.request_id.empty()) return;  // of a letter that fits no schema
  Execution record;
  record.step = what;
  write(envelope, std::move(record));
}

void Audit::refused(std::string_view call, const std::string& role, const Error& why) {
  refusals_.add();
  if (!within_limit()) return;
  Envelope envelope;
  envelope.request_id = base::random_uuid();  // there is no request; the record has an id of its own
  envelope.role = role;
  Execution record;
  record.step = "refused";
  record.outcome = Outcome::final;
  record.error = fmt::format("{}: {}", call.substr(0, kCallMax), why.message);
  write(envelope, std::move(record));
}

bool Audit::within_limit() {
  const auto now = core_->clock.monotonic_now();
  const std::lock_guard lock(mutex_);
  if (now - second_began_ >= std::chrono::seconds{1}) {
    second_began_ = now;
    written_ = 0;
  }
  return written_++ < kRefusalsPerSecond;
}

void Audit::write(const Envelope& envelope, Execution record) {
  record.request_id = envelope.request_id;
  record.started_at = record.ended_at = hop_now();
  std::vector<TopicMessage> messages;
  messages.push_back(core_->record(envelope, record));
  core_->bus.publish_async(std::move(messages), [](const Result<std::vector<MessageId>>& ids) {
    if (!ids) log::warn("orchestrator", "an audit record was not written: {}", ids.error().message);
  });
}

}  // namespace geminga::orchestrator

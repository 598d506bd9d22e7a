#include "orchestrator/services/core.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/try.hpp"
#include "base/uuid.hpp"
#include "orchestrator/limits.hpp"

namespace geminga::orchestrator {
namespace {

bool delays_deliveries(const Bus& bus) {
  return bus.capabilities().of(Feature::delayed_delivery).support != Support::impossible;
}

bool is_native(const Bus& bus, Feature feature) {
  return bus.capabilities().of(feature).support == Support::native;
}

std::string property(const Message& message, std::string_view name) {
  const auto found = message.properties.find(name);
  return found == message.properties.end() ? std::string{} : found->second;
}

std::uint32_t number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

constexpr std::size_t kTraceparentSize = 55;

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// "00-<32 hex>-<16 hex>-<2 hex>" in lower case, ids not all zero (W3C Trace Context section 3.2). Later
/// versions begin in the same way and may go on behind another '-' (section 4.3); "ff" is none.
bool is_traceparent(std::string_view text) {
  const auto size = text.size();
  if (size < kTraceparentSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const auto version = text.substr(0, 2);
  if (version == "ff" || (version == "00" && size != kTraceparentSize)) return false;
  if (size > kTraceparentSize && text[kTraceparentSize] != '-') return false;
  const auto trace = text.substr(3, 32);
  const auto parent = text.substr(36, 16);
  return is_hex(version) && is_hex(trace) && is_hex(parent) && is_hex(text.substr(53, 2)) &&
         trace.find_first_not_of('0') != std::string_view::npos &&
         parent.find_first_not_of('0') != std::string_view::npos;
}

/// Of a later version what version 00 knows: the ids, and whether it is sampled.
std::string as_version_00(std::string_view traceparent) {
  const char low = traceparent[54];
  const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
  return fmt::format("00{}{}", traceparent.substr(2, 51), digit % 2 == 1 ? "01" : "00");
}

std::string hex_of_uuid() {
  auto text = base::random_uuid();
  std::erase(text, '-');
  return text;
}

}  // namespace

Properties Envelope::properties(std::string_view status) const {
  Properties all{{std::string(kRequestId), request_id},
                 {std::string(kStatus), std::string(status)},
                 {std::string(kTraceparent), traceparent}};
  if (!store_id.empty()) {
    all.emplace(kStoreId, store_id);
    all.emplace(kGeneration, std::to_string(generation));
  }
  if (!role.empty()) all.emplace(kRole, role);
  return all;
}

Envelope envelope_of(const Message& message, std::string name_space) {
  return {.request_id = property(message, kRequestId),
          .traceparent = traceparent_from(property(message, kTraceparent)),
          .store_id = property(message, kStoreId),
          .generation = number(property(message, kGeneration)),
          .role = property(message, kRole),
          .name_space = std::move(name_space)};
}

std::string traceparent_from(std::string_view parent) {
  if (is_traceparent(parent)) return parent.starts_with("00") ? std::string(parent) : as_version_00(parent);
  return "00-" + hex_of_uuid() + "-" + hex_of_uuid().substr(0, 16) + "-01";
}

void UsageCounts::add(const std::string& server, const std::string& tool) {
  const std::lock_guard lock(mutex_);
  ++counts_[{server, tool}];
  ++total_;
}

std::uint64_t UsageCounts::of(const std::string& server, const std::string& tool) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find({server, tool});
  return found == counts_.end() ? 0 : found->second;
}

Core::Core(OrchestratorOptions given, std::unique_ptr<JobStore> jobs)
    : options(std::move(given)),
      bus(*options.bus),
      registry(*options.registry),
      store(std::move(jobs)),
      clock(options.clock != nullptr ? *options.clock : base::Clock::system()),
      metrics(options.metrics != nullptr ? *options.metrics : base::Metrics::process()),
      owner(owner_prefix() + base::random_uuid()),
      retry_by_topics(options.settings.retry == RetryMode::topics ||
                      (options.settings.retry == RetryMode::automatic && !delays_deliveries(bus))),
      forwards_atomically(is_native(bus, Feature::atomic_forward)),
      loop("orchestrator") {}

TopicMessage Core::message(TopicRole role, const Envelope& envelope, std::string_view status,
                           std::string body) const {
  TopicMessage message;
  message.topic = topic(role, envelope.name_space);
  message.message.body = std::move(body);
  message.message.key = envelope.request_id;
  message.message.properties = envelope.properties(status);
  return message;
}

Result<UserRequest> Core::read_request(const Message& message) const {
  GEMINGA_TRY(auto request, parse_user_request(message.body));
  const auto size = request.normalized_query.size();
  // What this store has accepted while its limit was higher is worked on.
  const bool accepted = envelope_of(message).store_id == store->id();
  const auto limit = accepted ? kQueryBytesLimit : options.settings.query_bytes_max;
  if (size > limit)
    return fail(ErrorCode::schema_mismatch,
                fmt::format("UserRequest: normalizedQuery has {} bytes; {} is the limit (query_bytes_max)",
                            size, limit));
  return request;
}

TopicMessage Core::record(const Envelope& envelope, const Execution& execution) const {
  if (envelope.role.empty())
    return message(TopicRole::executions, envelope, to_string(execution.outcome), to_json(execution));
  auto signed_record = execution;
  signed_record.role = envelope.role;
  return message(TopicRole::executions, envelope, to_string(execution.outcome), to_json(signed_record));
}

Repeat::Repeat(base::EventLoop& loop, std::chrono::milliseconds interval, std::function<void()> task)
    : timer_(loop), interval_(interval), task_(std::move(task)) {
  arm();
}

void Repeat::arm() {
  timer_.set_after(interval_, [this] {
    task_();
    arm();
  });
}

}  // namespace geminga::orchestrator

#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/bus.hpp>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "base/metrics.hpp"
#include "mcp/registry.hpp"
#include "orchestrator/events/events.hpp"
#include "orchestrator/jobs/job_store.hpp"
#include "orchestrator/orchestrator.hpp"

namespace geminga::orchestrator {

// Names of message properties.
inline constexpr std::string_view kRequestId = "requestId";
inline constexpr std::string_view kStatus = "status";
inline constexpr std::string_view kTraceparent = "traceparent";
inline constexpr std::string_view kStoreId = "storeId";
inline constexpr std::string_view kGeneration = "generation";
inline constexpr std::string_view kAttempt = "attempt";
inline constexpr std::string_view kDlq = "dlq";
inline constexpr std::string_view kDueAt = "dueAt";    ///< of a retry in a tier topic; ms since 1970
inline constexpr std::string_view kDueFor = "dueFor";  ///< "webhooks": where it goes then; else tool signals
inline constexpr std::string_view kRole = "role";

inline constexpr std::string_view kJobEnded = "JOB_ENDED";  ///< the status of webhooks

/// What a message says of its request beside its body.
struct Envelope {
  std::string request_id;
  std::string traceparent;
  std::string store_id;  ///< empty: it carries none
  std::uint32_t generation = 0;
  std::string role;        ///< who has asked; empty: authentication was off
  std::string name_space;  ///< where its topics are; empty: the default one. Never a property

  /// The properties of a message that belongs to the same request.
  [[nodiscard]] Properties properties(std::string_view status) const;
};
/// Properties that are missing or malformed become empty or 0. `name_space` is where the message was found.
Envelope envelope_of(const Message& message, std::string name_space = {});

/// The W3C trace context (version 00) of `parent` where it holds one, else a new one. We record no spans of
/// our own, so the parent id stays the caller's: tools, messages and webhooks stand below the span that
/// asked.
std::string traceparent_from(std::string_view parent);

/// How often each tool has answered since the start; a small bonus for the matcher. Any thread.
class UsageCounts {
 public:
  void add(const std::string& server, const std::string& tool);
  [[nodiscard]] std::uint64_t of(const std::string& server, const std::string& tool) const;
  /// Of all tools; rises with every add().
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;  // under mutex_
  std::atomic<std::uint64_t> total_ = 0;
};

/// What all services of one orchestrator share. Lives until the last of them is gone.
struct Core {
  Core(OrchestratorOptions given, std::unique_ptr<JobStore> jobs);

  const OrchestratorOptions options;
  Bus bus;
  mcp::Registry& registry;
  const std::unique_ptr<JobStore> store;
  base::Clock& clock;
  base::Metrics& metrics;
  const std::string owner;  ///< of claims: this start of this orchestrator
  const bool retry_by_topics;
  const bool
      forwards_atomically;  ///< what is published with an acknowledgement is there with it or not at all
  std::atomic<bool> stopping = false;
  UsageCounts usage;
  /// Hears of each end that this process has written, once the claim's row is durable: before the bus has
  /// the result. On the loop or a thread of the store, so it must not block. Set before the services consume.
  std::function<void(const std::string& request_id, const std::string& result_json)> on_end =
      [](const std::string&, const std::string&) {};
  base::EventLoop loop;  ///< the state of services lives on it

  /// `name_space` empty: the default one.
  [[nodiscard]] std::string topic(TopicRole role, std::string_view name_space = {}) const {
    return options.topics.of(role, name_space);
  }
  [[nodiscard]] Timestamp now() const { return clock.wall_now(); }
  /// How the names of all owners of this instance begin; empty: it has no name.
  [[nodiscard]] std::string owner_prefix() const {
    return options.instance.empty() ? std::string{} : options.instance + "/";
  }
  /// A message of `envelope`'s request, with its id as the key.
  [[nodiscard]] TopicMessage message(TopicRole role, const Envelope& envelope, std::string_view status,
                                     std::string body) const;
  /// What a user asked. Errors: schema_mismatch, also for a sentence over the limit that HTTP keeps.
  [[nodiscard]] Result<UserRequest> read_request(const Message& message) const;
  /// One hop or call, for the executions topic; who asked is taken from the envelope.
  [[nodiscard]] TopicMessage record(const Envelope& envelope, const Execution& execution) const;
};

/// Starts what repeats: `task` runs on the loop every `interval` until the handle is dropped. Drop it on the
/// loop or after the loop has stopped.
class Repeat {
 public:
  Repeat(base::EventLoop& loop, std::chrono::milliseconds interval, std::function<void()> task);
  Repeat(const Repeat&) = delete;
  Repeat& operator=(const Repeat&) = delete;

 private:
  void arm();
  base::Timer timer_;
  std::chrono::milliseconds interval_;
  std::function<void()> task_;
};

}  // namespace geminga::orchestrator

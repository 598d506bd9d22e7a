#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/http_client.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/webhook_signature.hpp"

namespace geminga::orchestrator {

/// Whether a job may name this address for its webhook. Errors: invalid_argument, with the reason and the
/// setting that matters.
Result<> check_webhook_url(const std::string& url, const OrchestratorSettings& settings);

/// Tells of the ends of jobs. That a job has ended is in the store before anybody is told; from there it goes
/// to the topic of webhooks, and is marked once the bus has it. The message is sent again, later, until the
/// receiver takes it or its attempts are used up, and then it is a dead letter. A kill at any point repeats
/// at most what the receiver knows by its id: `<job>.<generation>`.
class Webhooks : public std::enable_shared_from_this<Webhooks> {
 public:
  explicit Webhooks(std::shared_ptr<Core> core);

  /// Begins to put ends on the bus, and where a secret is configured to send them. Errors: config_error (the
  /// secret, the URL), what the bus says.
  Result<> start();
  /// What this process has committed. On a thread of the store; never waits.
  void ended(const JobEvent& event);
  /// Attempts that run may end until then; the others are made again after the next start.
  void stop(base::MonotonicTime deadline);
  [[nodiscard]] Intakes& intake() { return *intake_; }

 private:
  /// One message between its delivery and its end. Loop only.
  struct Sending {
    Item item;
    WebhookEvent event;
    std::string origin;
    HopTime began{};
  };
  using SendingPtr = std::shared_ptr<Sending>;

  // To the bus; threads of store and bus:
  void publish(const std::string& job_id, std::chrono::milliseconds age);
  void publish(const UntoldJob& job);
  void published(const UntoldJob& job, bool on_bus);

  // To the receiver:
  void work(const Item& item);
  // The core's loop:
  void begin(const SendingPtr& sending);
  void found(const SendingPtr& sending, const Result<Job>& job);
  void send(const SendingPtr& sending, const Job& job);
  void answered(const SendingPtr& sending, const Result<net::ClientResponse>& response);
  void retry(const SendingPtr& sending, Outcome outcome, std::chrono::milliseconds at_least);
  void give_up(const SendingPtr& sending, Outcome outcome);
  void release(const SendingPtr& sending);
  void on_loop(std::move_only_function<void()> step);
  [[nodiscard]] TopicMessage record(const Sending& sending, Outcome outcome) const;
  void count(const Sending& sending, std::string_view how);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Intakes> intake_;
  std::optional<WebhookSigner> signer_;  // const after start()
  std::mutex mutex_;
  std::set<std::string> under_way_;  // under mutex_; jobs whose end is being put on the bus
  // The core's loop:
  std::unique_ptr<net::HttpClient> client_;
  std::unique_ptr<Repeat> sweep_;
  /// One that does not keep up is asked less and less often until it answers.
  struct Receiver {
    std::size_t sending = 0;
    std::size_t turned_away = 0;  ///< since its last good answer
  };
  std::map<std::string, Receiver> receivers_;  // by origin; those that something is sent to
  std::size_t total_ = 0;
  bool stopping_ = false;
};

}  // namespace geminga::orchestrator

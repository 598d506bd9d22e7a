#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "auth/principal.hpp"
#include "orchestrator/services/tenant_spaces.hpp"

namespace geminga::orchestrator {

/// What a user sends.
struct Submission {
  std::string query;
  std::optional<std::string> session_id;
  JsonText context_snapshot;  ///< object, or empty
  JsonText metadata;          ///< object, or empty
  std::optional<std::string> idempotency_key;
  auth::PrincipalPtr principal;  ///< nullptr: authentication is off
  // Count only from a service role.
  std::optional<std::string> user_id;
  std::optional<std::string> agent_id;
  std::string traceparent;  ///< of the caller, or empty
  std::optional<std::string> webhook_url;
};

/// Takes sentences in: row first, then the bus, then the answer.
class Ingress : public std::enable_shared_from_this<Ingress> {
 public:
  using Done = std::move_only_function<void(Result<InsertedJob>)>;
  using Written = std::move_only_function<void(const InsertedJob&)>;
  Ingress(std::shared_ptr<Core> core, std::shared_ptr<TenantSpaces> spaces);

  /// Starts the sweep that publishes again what may not have reached the bus. On the core's loop.
  void start();
  void stop() { sweep_.reset(); }

  /// `written` runs after the row is durable and before the bus has its message; `done` once the bus has
  /// acknowledged it. Both on threads of store or bus. A submission that fails leaves no row. Errors:
  /// invalid_argument (nothing is left of the sentence), unavailable (stopping), what bus and store say.
  /// The tenant is that of the principal, and its namespace is opened first where it is new.
  void submit(Submission submission, Written written, Done done);

  [[nodiscard]] std::uint64_t accepted() const { return static_cast<std::uint64_t>(accepted_.value()); }

 private:
  void accept(Submission submission, UserRequest request, const std::string& name_space, Written written,
              Done done);
  void publish(const InsertedJob& inserted, const OutboxMessage& outbox, const Envelope& envelope,
               HopTime began);
  void on_published(InsertedJob inserted, Result<std::vector<MessageId>> ids);
  void known(InsertedJob inserted, Done done);
  void answer(const std::string& job_id, const Result<InsertedJob>& result);
  void forget(const std::string& job_id);
  void publish_again();
  void publish_again(const UnpublishedJob& job);
  /// False: the job is on its way to the bus already, and only its row does not say so yet.
  bool begin_again(const std::string& job_id);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<TenantSpaces> spaces_;
  const base::Counter accepted_;
  const base::Counter refused_;
  const base::Counter swept_;
  std::mutex mutex_;
  /// A job on its way to the bus, until its row says that it is there.
  struct UnderWay {
    std::vector<Done> waiting;  ///< the first caller, and those with the same key
    bool published = false;
  };
  std::map<std::string, UnderWay> under_way_;  // under mutex_
  std::set<std::string> again_;                // under mutex_; as under_way_, of the sweep
  std::unique_ptr<Repeat> sweep_;              // the core's loop
};

}  // namespace geminga::orchestrator

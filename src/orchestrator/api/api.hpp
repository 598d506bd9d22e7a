#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/blocking_pool.hpp"
#include "net/http_server.hpp"
#include "orchestrator/api/answer_once.hpp"
#include "orchestrator/api/event_streams.hpp"
#include "orchestrator/services/audit.hpp"
#include "orchestrator/services/coordinator.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/ingress.hpp"
#include "orchestrator/services/matcher_service.hpp"
#include "orchestrator/services/waiting_queries.hpp"

namespace geminga::orchestrator {

/// What the routes work with.
struct ApiParts {
  std::shared_ptr<Core> core;
  std::shared_ptr<Ingress> ingress;
  std::shared_ptr<WaitingQueries> waiting;
  std::shared_ptr<Coordinator> coordinator;
  std::shared_ptr<MatcherService> matcher;
  std::shared_ptr<DeadLetters> dead_letters;
  std::shared_ptr<EventStreams> events;
  std::shared_ptr<TenantSpaces> spaces;
  std::shared_ptr<Audit> audit;
  std::shared_ptr<net::BlockingPool> pool;
  std::function<std::string()> not_ready_reason;  ///< empty text: ready
  std::function<std::string()> status;            ///< JSON text; blocks
};

/// The routes under /api/orchestrator. A handler runs on the server's loop and answers later.
class Api : public std::enable_shared_from_this<Api> {
 public:
  explicit Api(ApiParts parts) : parts_(std::move(parts)) {}
  void add_routes(net::Router& router);
  /// From now on every route answers 503.
  void close() { closed_ = true; }

 private:
  using Method = void (Api::*)(const net::HttpRequest&, net::Responder);
  net::HttpHandler handler(Method method);
  /// `then` runs with the job of {id}, on a thread of the store, where there is one that the sender sees.
  void with_job(const net::HttpRequest& request, net::Responder responder,
                std::function<void(const Job&, net::Responder)> then);
  /// Writes down that the sender has done this to a request.
  void audit(const net::HttpRequest& request, const std::string& request_id, std::string_view what);
  /// Answers, and writes down, that the sender wanted what is another tenant's.
  void refuse(const net::HttpRequest& request, const Error& why, net::Responder responder);
  /// Namespaces of the dead letters that the sender sees.
  [[nodiscard]] std::vector<std::string> visible_spaces(const auth::PrincipalPtr& principal) const;
  /// The letter of {id}, where the sender may see it; otherwise nothing, and it is answered.
  [[nodiscard]] std::optional<LetterId> letter_of(const net::HttpRequest& request, net::Responder& responder);
  /// True: work may be taken. Otherwise it has answered 503.
  bool accepting(net::Responder& responder) const;

  // query.cpp
  void post_query(const net::HttpRequest& request, net::Responder responder);
  void wait_for_answer(const InsertedJob& inserted, WaitingQueries::Place place,
                       const std::shared_ptr<AnswerOnce>& answer);
  void get_match(const net::HttpRequest& request, net::Responder responder);
  // jobs.cpp
  void post_job(const net::HttpRequest& request, net::Responder responder);
  void get_jobs(const net::HttpRequest& request, net::Responder responder);
  void get_job(const net::HttpRequest& request, net::Responder responder);
  void cancel_job(const net::HttpRequest& request, net::Responder responder);
  void get_job_events(const net::HttpRequest& request, net::Responder responder);
  // dlq.cpp
  void get_dead_letters(const net::HttpRequest& request, net::Responder responder);
  void get_dead_letter(const net::HttpRequest& request, net::Responder responder);
  void replay_dead_letter(const net::HttpRequest& request, net::Responder responder);
  void discard_dead_letter(const net::HttpRequest& request, net::Responder responder);
  void get_status(const net::HttpRequest& request, net::Responder responder);

  const ApiParts parts_;
  std::atomic<bool> closed_ = false;
};

/// The answer to a query whose result event is `result_json`: 200 with the result or the plan, 500 with the
/// error's own text.
net::HttpResponse answer_of(const std::string& result_json, const std::string& job_id);
/// A number in a query parameter. Errors: invalid_argument.
Result<std::uint32_t> number_parameter(const net::HttpRequest& request, std::string_view name,
                                       std::uint32_t fallback, std::uint32_t max);

}  // namespace geminga::orchestrator

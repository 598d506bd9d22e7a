#include "orchestrator/api/api.hpp"

#include <charconv>

#include <fmt/format.h>

namespace geminga::orchestrator {

net::HttpHandler Api::handler(Method method) {
  return [self = shared_from_this(), method](const net::HttpRequest& request, net::Responder responder) {
    if (self->closed_)
      return responder.respond(Error{ErrorCode::unavailable, "the orchestrator is stopping; ask again soon"});
    (self.get()->*method)(request, std::move(responder));
  };
}

bool Api::accepting(net::Responder& responder) const {
  const auto reason = parts_.not_ready_reason();
  if (reason.empty()) return true;
  responder.respond(Error{ErrorCode::unavailable, "not ready: " + reason});
  return false;
}

void Api::add_routes(net::Router& router) {
  using auth::Need;
  router.post("/api/orchestrator/query", handler(&Api::post_query), Need::query);
  router.get("/api/orchestrator/match", handler(&Api::get_match), Need::query);
  router.post("/api/orchestrator/jobs", handler(&Api::post_job), Need::query);
  router.get("/api/orchestrator/jobs", handler(&Api::get_jobs), Need::query);
  router.get("/api/orchestrator/jobs/{id}", handler(&Api::get_job), Need::query);
  router.post_empty("/api/orchestrator/jobs/{id}/cancel", handler(&Api::cancel_job), Need::query);
  router.get("/api/orchestrator/jobs/{id}/events", handler(&Api::get_job_events), Need::query);
  router.get("/api/orchestrator/dlq", handler(&Api::get_dead_letters), Need::query);
  router.get("/api/orchestrator/dlq/{id}", handler(&Api::get_dead_letter), Need::query);
  router.post_empty("/api/orchestrator/dlq/{id}/replay", handler(&Api::replay_dead_letter), Need::query);
  router.post_empty("/api/orchestrator/dlq/{id}/discard", handler(&Api::discard_dead_letter), Need::query);
  router.get("/api/orchestrator/status", handler(&Api::get_status), Need::monitor);
}

void Api::with_job(const net::HttpRequest& request, net::Responder responder,
                   std::function<void(const Job&, net::Responder)> then) {
  const std::string id(request.param("id"));
  parts_.core->store->find_job(id, [self = shared_from_this(), request, id, responder = std::move(responder),
                                    then = std::move(then)](const Result<Job>& job) mutable {
    if (!job) return responder.respond(job.error());
    // The same words as where there is none.
    if (!auth::sees_tenant(request.principal, job->tenant))
      return self->refuse(request, Error{ErrorCode::not_found, fmt::format("no job with id '{}'", id)},
                          std::move(responder));
    then(*job, std::move(responder));
  });
}

void Api::audit(const net::HttpRequest& request, const std::string& request_id, std::string_view what) {
  Envelope envelope;
  envelope.request_id = request_id;
  envelope.traceparent = traceparent_from(request.header("traceparent"));
  if (request.principal != nullptr) envelope.role = request.principal->role;
  parts_.audit->done(what, envelope);
}

void Api::refuse(const net::HttpRequest& request, const Error& why, net::Responder responder) {
  // Only who has a role sees less than everything.
  parts_.audit->refused(fmt::format("{} {}", request.method, request.path()), request.principal->role, why);
  responder.respond(why);
}

void Api::get_status(const net::HttpRequest&, net::Responder responder) {
  parts_.pool->post([self = shared_from_this(), responder = std::move(responder)]() mutable {
    responder.respond(net::HttpResponse::json(200, self->parts_.status()));
  });
}

Result<std::uint32_t> number_parameter(const net::HttpRequest& request, std::string_view name,
                                       std::uint32_t fallback, std::uint32_t max) {
  const auto text = request.query_value(name);
  if (!text) return fallback;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value == 0 || value > max)
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}={}' must be a number from 1 to {}", name, *text, max));
  return value;
}

}  // namespace geminga::orchestrator

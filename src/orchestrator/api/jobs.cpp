#include <charconv>

#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "net/json_errors.hpp"
#include "orchestrator/api/api.hpp"
#include "orchestrator/api/json_text.hpp"
#include "orchestrator/api/submission.hpp"
#include "orchestrator/services/job_json.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::ordered_json;

constexpr std::uint32_t kPageMax = 500;

Result<JobFilter> filter_of(const net::HttpRequest& request) {
  JobFilter filter;
  if (!auth::sees_all(request.principal)) filter.tenant = request.principal->tenant;
  if (const auto status = request.query_value("status")) {
    GEMINGA_TRY(filter.status, parse_job_status(*status));
  }
  if (const auto session = request.query_value("sessionId")) filter.session_id = std::string(*session);
  if (const auto after = request.query_value("after")) filter.after_id = std::string(*after);
  GEMINGA_TRY(filter.limit, number_parameter(request, "limit", filter.limit, kPageMax));
  return filter;
}

/// Last-Event-ID of a client that comes back.
std::int64_t last_event_id(const net::HttpRequest& request) {
  const auto text = request.header("Last-Event-ID");
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  return error == std::errc{} && id > 0 ? id : 0;
}

}  // namespace

void Api::post_job(const net::HttpRequest& request, net::Responder responder) {
  if (!accepting(responder)) return;
  auto submission = read_submission(request, parts_.core->options.settings.query_bytes_max);
  if (!submission) return responder.respond(submission.error());
  parts_.ingress->submit(
      *std::move(submission), [](const InsertedJob&) {},
      [responder = std::move(responder)](const Result<InsertedJob>& accepted) mutable {
        if (!accepted) return responder.respond(accepted.error());
        const auto& job = accepted->job;
        const ordered_json out{{"success", true},
                               {"jobId", job.id},
                               {"requestId", job.request_id},
                               {"status", to_string(job.status)},
                               {"createdAt", base::to_iso8601(job.created_at)}};
        responder.respond(net::HttpResponse::json(202, text_of(out)));
      });
}

void Api::get_jobs(const net::HttpRequest& request, net::Responder responder) {
  const auto filter = filter_of(request);
  if (!filter) return responder.respond(filter.error());
  parts_.core->store->list_jobs(*filter, [responder = std::move(responder), limit = filter->limit](
                                             const Result<std::vector<Job>>& jobs) mutable {
    if (!jobs) return responder.respond(jobs.error());
    auto list = ordered_json::array();
    for (const auto& job : *jobs) list.push_back(job_json(job));
    ordered_json page{{"jobs", std::move(list)}};
    if (jobs->size() == limit) page["next"] = jobs->back().id;
    responder.respond(net::HttpResponse::json(200, text_of(page)));
  });
}

void Api::get_job(const net::HttpRequest& request, net::Responder responder) {
  with_job(request, std::move(responder), [](const Job& job, net::Responder out) {
    out.respond(net::HttpResponse::json(200, text_of(job_json(job))));
  });
}

void Api::cancel_job(const net::HttpRequest& request, net::Responder responder) {
  with_job(request, std::move(responder),
           [self = shared_from_this(), request](const Job& found, net::Responder out) {
             self->parts_.core->store->cancel_job(
                 found.id, [self, request, out = std::move(out)](const Result<Job>& job) mutable {
                   if (!job) return out.respond(job.error());
                   self->parts_.coordinator->cancel(job->request_id);
                   self->parts_.waiting->cancelled(job->request_id);
                   self->audit(request, job->request_id, "cancel");
                   const ordered_json answer{{"jobId", job->id}, {"status", to_string(job->status)}};
                   out.respond(net::HttpResponse::json(200, text_of(answer)));
                 });
           });
}

void Api::get_job_events(const net::HttpRequest& request, net::Responder responder) {
  with_job(request, std::move(responder),
           [self = shared_from_this(), after = last_event_id(request)](const Job& job, net::Responder out) {
             self->parts_.events->open(job, after, std::move(out));
           });
}

}  // namespace geminga::orchestrator

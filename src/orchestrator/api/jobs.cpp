#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

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
constexpr std::uint32_t kPieceOfPage = 20;
constexpr std::size_t kPageBytes = 8U << 20U;  // a page stands in memory; one job may go over it

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

/// GET /jobs: rows come from the store in small pieces, since each may hold a result of 5 MiB, and are made
/// JSON on the pool, while the store reads for others.
class JobsPage : public std::enable_shared_from_this<JobsPage> {
 public:
  JobsPage(std::shared_ptr<Core> core, const std::shared_ptr<net::BlockingPool>& pool, JobFilter filter,
           net::Responder responder)
      : core_(std::move(core)),
        pool_(pool),
        filter_(std::move(filter)),
        left_(filter_.limit),
        responder_(std::move(responder)) {}

  void read() {
    filter_.limit = std::min(left_, kPieceOfPage);
    core_->store->list_jobs(filter_, [self = shared_from_this()](Result<std::vector<Job>> jobs) {
      if (const auto pool = self->pool_.lock())
        pool->post([self, jobs = std::move(jobs)] { self->add(jobs); });
      else
        self->responder_.respond(Error{ErrorCode::unavailable, "the orchestrator is stopping"});
    });
  }

 private:
  void add(const Result<std::vector<Job>>& jobs) {
    if (!jobs) return responder_.respond(jobs.error());
    for (const auto& job : *jobs) {
      const auto text = text_of(job_json(job));
      if (!text_.empty()) text_ += ',';
      text_ += text;
      filter_.after_id = job.id;
      if (--left_ == 0 || text_.size() >= kPageBytes) return respond(true);
    }
    if (jobs->size() < filter_.limit) return respond(false);
    read();
  }
  void respond(bool more) {
    auto page = R"({"jobs":[)" + text_ + ']';
    if (more) page += R"(,"next":)" + text_of(filter_.after_id);
    responder_.respond(net::HttpResponse::json(200, page + '}'));
  }

  const std::shared_ptr<Core> core_;
  const std::weak_ptr<net::BlockingPool> pool_;  // whose thread must not be the one that ends it
  JobFilter filter_;
  std::uint32_t left_;
  net::Responder responder_;
  std::string text_;  // of the jobs, with commas between
};

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
  auto filter = filter_of(request);
  if (!filter) return responder.respond(filter.error());
  std::make_shared<JobsPage>(parts_.core, parts_.pool, *std::move(filter), std::move(responder))->read();
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

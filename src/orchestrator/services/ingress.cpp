#include "orchestrator/services/ingress.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/uuid.hpp"
#include "orchestrator/matching/normalise.hpp"
#include "orchestrator/services/webhooks.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::uint32_t kSweepBatch = 500;

TopicMessage message_of(const OutboxMessage& outbox, const std::string& request_id) {
  TopicMessage message;
  message.topic = outbox.topic;
  message.message.body = outbox.body;
  message.message.key = request_id;
  message.message.properties = outbox.properties;
  return message;
}

/// Where the request of this one lives; empty: the default namespace, for who has no tenant. Errors:
/// invalid_argument.
Result<std::string> home_of(const Submission& submission) {
  const auto& principal = submission.principal;
  if (principal == nullptr || principal->tenant.empty()) return std::string();
  const bool trusted = principal->service;
  return namespace_of(principal->tenant, trusted ? submission.user_id : std::nullopt,
                      trusted ? submission.agent_id : std::nullopt);
}

/// A key means something in its own namespace only. A header holds no line end.
std::optional<std::string> scoped(std::optional<std::string> key, const std::string& name_space) {
  if (!key || name_space.empty()) return key;
  return name_space + '\n' + *key;
}

}  // namespace

Ingress::Ingress(std::shared_ptr<Core> core, std::shared_ptr<TenantSpaces> spaces)
    : core_(std::move(core)),
      spaces_(std::move(spaces)),
      accepted_(core_->metrics.counter("geminga_orchestrator_accepted_total", "Requests that were accepted")),
      refused_(core_->metrics.counter("geminga_orchestrator_refused_total",
                                      "Requests that bus or store would not take")),
      swept_(core_->metrics.counter("geminga_orchestrator_swept_total",
                                    "Requests that were published again from the jobs store")) {}

void Ingress::start() {
  const auto interval = std::max(core_->options.publish_sweep / 5, std::chrono::milliseconds{50});
  sweep_ = std::make_unique<Repeat>(core_->loop, interval, [this] { publish_again(); });
}

void Ingress::submit(Submission submission, Written written, Done done) {
  UserRequest request;
  request.normalized_query = normalise_query(submission.query);
  if (request.normalized_query.empty())
    return done(fail(ErrorCode::invalid_argument,
                     "the query holds no sentence once greeting and markers are taken off; say what to do"));
  const auto limit = core_->options.settings.query_bytes_max;
  if (request.normalized_query.size() > limit)
    return done(fail(ErrorCode::invalid_argument,
                     fmt::format("the query has {} bytes once it is normalised; {} is the limit",
                                 request.normalized_query.size(), limit)));
  if (submission.webhook_url)
    if (auto allowed = check_webhook_url(*submission.webhook_url, core_->options.settings); !allowed)
      return done(std::unexpected(allowed.error()));
  auto home = home_of(submission);
  if (!home) return done(std::unexpected(home.error()));
  const std::string name_space = *home;
  spaces_->open(name_space, [self = shared_from_this(), submission = std::move(submission),
                             request = std::move(request), name_space, written = std::move(written),
                             done = std::move(done)](const Result<>& open) mutable {
    if (!open) return done(std::unexpected(open.error().with("the request was not accepted")));
    self->accept(std::move(submission), std::move(request), name_space, std::move(written), std::move(done));
  });
}

void Ingress::accept(Submission submission, UserRequest request, const std::string& name_space,
                     Written written, Done done) {
  const auto began = hop_now();
  request.request_id = base::ordered_uuid();
  request.session_id = submission.session_id;
  request.context_snapshot = std::move(submission.context_snapshot);
  request.metadata = std::move(submission.metadata);
  request.timestamp = core_->now();

  Envelope envelope;
  envelope.request_id = request.request_id;
  envelope.traceparent = traceparent_from(submission.traceparent);
  envelope.store_id = core_->store->id();
  if (submission.principal != nullptr) envelope.role = submission.principal->role;
  envelope.name_space = name_space;
  auto message = core_->message(TopicRole::user_requests, envelope, "REQUESTED", to_json(request));
  NewJob job;
  job.id = base::ordered_uuid();
  job.request_id = request.request_id;
  job.tenant = tenant_of(name_space);
  job.query = std::move(submission.query);
  job.session_id = std::move(submission.session_id);
  job.idempotency_key = scoped(std::move(submission.idempotency_key), name_space);
  job.webhook_url = std::move(submission.webhook_url);
  if (const auto& ours = core_->options.settings.webhook_url; !job.webhook_url && !ours.empty())
    job.webhook_url = ours;
  job.outbox = {.topic = message.topic,
                .body = std::move(message.message.body),
                .properties = std::move(message.message.properties)};
  auto outbox = job.outbox;
  core_->store->insert_job(std::move(job), [self = shared_from_this(), outbox = std::move(outbox), envelope,
                                            began, written = std::move(written),
                                            done = std::move(done)](Result<InsertedJob> inserted) mutable {
    if (!inserted) {
      self->refused_.add();
      return done(std::unexpected(inserted.error()));
    }
    written(*inserted);
    if (inserted->existed) return self->known(*std::move(inserted), std::move(done));
    {
      const std::lock_guard lock(self->mutex_);
      self->under_way_[inserted->job.id].waiting.push_back(std::move(done));
    }
    self->publish(*inserted, outbox, envelope, began);
  });
}

void Ingress::publish(const InsertedJob& inserted, const OutboxMessage& outbox, const Envelope& envelope,
                      HopTime began) {
  const auto& request_id = inserted.job.request_id;
  Execution hop;
  hop.request_id = request_id;
  hop.step = "ingress";
  hop.started_at = began;
  hop.ended_at = hop_now();
  std::vector<TopicMessage> messages;
  messages.push_back(message_of(outbox, request_id));
  messages.push_back(core_->record(envelope, hop));
  core_->bus.publish_async(std::move(messages),
                           [self = shared_from_this(), inserted](Result<std::vector<MessageId>> ids) {
                             self->on_published(inserted, std::move(ids));
                           });
}

void Ingress::on_published(InsertedJob inserted, Result<std::vector<MessageId>> ids) {
  const auto id = inserted.job.id;
  if (ids) {
    accepted_.add();
    answer(id, std::move(inserted));
    core_->store->mark_published(id, 0,
                                 [self = shared_from_this(), id](const Result<bool>&) { self->forget(id); });
    return;
  }
  refused_.add();
  core_->store->discard_unpublished(
      id, [self = shared_from_this(), id,
           error = ids.error().with("the request was not accepted")](const Result<bool>& gone) {
        if (!gone)
          log::warn("orchestrator", "the row of refused job {} could not be taken away: {}", id,
                    gone.error().message);
        self->answer(id, std::unexpected(error));
        self->forget(id);
      });
}

void Ingress::answer(const std::string& job_id, const Result<InsertedJob>& result) {
  std::vector<Done> waiting;
  {
    const std::lock_guard lock(mutex_);
    auto& job = under_way_[job_id];
    waiting.swap(job.waiting);
    job.published = result.has_value();
  }
  for (auto& done : waiting) done(result);
}

void Ingress::forget(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(job_id);
  again_.erase(job_id);
}

void Ingress::known(InsertedJob inserted, Done done) {
  bool published = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = under_way_.find(inserted.job.id);
    published = found != under_way_.end() && found->second.published;
    if (found != under_way_.end() && !published) return found->second.waiting.push_back(std::move(done));
  }
  if (published || inserted.job.published_at || inserted.job.status != JobStatus::pending)
    return done(std::move(inserted));
  // Written before a crash: the sweep has yet to publish it.
  done(fail(ErrorCode::unavailable,
            fmt::format("job '{}' of this Idempotency-Key is not on the bus yet; ask again in a few seconds",
                        inserted.job.id)));
}

bool Ingress::begin_again(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  return !under_way_.contains(job_id) && again_.insert(job_id).second;
}

void Ingress::publish_again() {
  core_->store->unpublished(core_->options.publish_sweep, kSweepBatch,
                            [self = shared_from_this()](const Result<std::vector<UnpublishedJob>>& jobs) {
                              if (!jobs) return;
                              for (const auto& job : *jobs)
                                if (self->begin_again(job.id)) self->publish_again(job);
                            });
}

void Ingress::publish_again(const UnpublishedJob& job) {
  std::vector<TopicMessage> messages;
  messages.push_back(message_of(job.outbox, job.request_id));
  core_->bus.publish_async(std::move(messages), [self = shared_from_this(), id = job.id,
                                                 generation = job.generation](
                                                    const Result<std::vector<MessageId>>& ids) {
    if (!ids) return self->forget(id);
    self->swept_.add();
    self->core_->store->mark_published(id, generation, [self, id](const Result<bool>&) { self->forget(id); });
  });
}

}  // namespace geminga::orchestrator

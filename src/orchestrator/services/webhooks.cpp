#include "orchestrator/services/webhooks.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "mcp/failure.hpp"
#include "net/http_url.hpp"
#include "orchestrator/services/dead_letters.hpp"
#include "orchestrator/services/job_json.hpp"
#include "orchestrator/services/later.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kUrlMax = 2'048;
constexpr std::uint32_t kSweepBatch = 500;
// At once; a receiver that is slow must leave room for the others.
constexpr std::size_t kSendingMax = 64;
constexpr std::size_t kSendingToOneMax = 8;
constexpr milliseconds kNoRoom{500};
constexpr milliseconds kNoRoomMax{30'000};
constexpr milliseconds kConnectTimeout{5'000};
constexpr milliseconds kRetryAfterMax{3'600'000};
constexpr std::size_t kErrorMax = 512;
constexpr int kGone = 410;

bool is_ok(int status) {
  return status >= 200 && status < 300;
}

/// Whether another attempt could end otherwise.
bool is_final(const Result<net::ClientResponse>& response) {
  if (response) return response->status == kGone;
  return response.error().code == ErrorCode::forbidden ||
         response.error().code == ErrorCode::invalid_argument;
}

std::string reason_of(const Result<net::ClientResponse>& response) {
  if (!response) return response.error().message.substr(0, kErrorMax);
  return fmt::format("the receiver answered {} {}", response->status, net::reason_phrase(response->status));
}

Outcome outcome_of(const Result<net::ClientResponse>& response) {
  if (is_final(response)) return Outcome::final;
  if (response) return is_ok(response->status) ? Outcome::ok : Outcome::unknown_error;
  return response.error().code == ErrorCode::not_sent ? Outcome::not_executed : Outcome::outcome_unknown;
}

/// Thousands that wait for a receiver that is silent must not go round and round.
milliseconds no_room_delay(std::size_t turned_away) {
  return std::min(kNoRoom * (1 + static_cast<std::int64_t>(turned_away / kSendingMax)), kNoRoomMax);
}

/// The job of this event has ended in this generation, and has named this receiver.
bool still_true(const Job& job, const WebhookEvent& event) {
  return job.generation == event.generation && terminal(job.status) && job.webhook_url == event.url;
}

}  // namespace

Result<> check_webhook_url(const std::string& url, const OrchestratorSettings& settings) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorCode::invalid_argument, fmt::format("'webhook' {}", why));
  };
  if (settings.webhook_secret_key.empty())
    return refuse("cannot be used: this server has no webhook_secret_key in [orchestrator] of geminga.toml");
  if (url.empty() || url.size() > kUrlMax)
    return refuse(fmt::format("must have 1 to {} bytes, it has {}", kUrlMax, url.size()));
  const auto origin = net::url_parts(url).origin;
  if (origin.empty()) return refuse("is no http or https URL");
  if (settings.webhook_private_network) return {};
  if (!origin.starts_with("https://"))
    return refuse("must be https (webhook_private_network in [orchestrator] lifts this)");
  if (net::is_loopback_url(url))
    return refuse("must not lead to this machine (webhook_private_network in [orchestrator] lifts this)");
  return {};
}

Webhooks::Webhooks(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      intake_(std::make_shared<Intakes>(core_, "webhooks", TopicRole::webhooks, kWebhookSubscription)) {}

Result<> Webhooks::start() {
  const auto& settings = core_->options.settings;
  const auto interval = std::max(core_->options.publish_sweep / 5, milliseconds{50});
  core_->loop.run([this, interval] {
    sweep_ = std::make_unique<Repeat>(core_->loop, interval,
                                      [this] { publish(std::string(), core_->options.publish_sweep); });
  });
  if (settings.webhook_secret_key.empty()) {
    if (settings.webhook_url.empty()) return {};
    return fail(ErrorCode::config_error, "webhook_url needs webhook_secret_key: webhooks are signed");
  }
  GEMINGA_TRY(auto signer, WebhookSigner::open(settings.webhook_secret_key));
  signer_.emplace(std::move(signer));
  if (!settings.webhook_url.empty() && net::url_parts(settings.webhook_url).origin.empty())
    return fail(ErrorCode::config_error, "webhook_url is no http or https URL");
  core_->loop.run([this] { client_ = std::make_unique<net::HttpClient>(core_->loop); });
  return intake_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->work(item);
  });
}

void Webhooks::stop(base::MonotonicTime deadline) {
  intake_->pause();
  intake_->drain(deadline);
  core_->loop.run([this] {
    stopping_ = true;
    sweep_.reset();
  });
  if (client_) client_->stop();
  intake_->close();
}

void Webhooks::on_loop(std::move_only_function<void()> step) {
  core_->loop.post([self = shared_from_this(), step = std::move(step)]() mutable { step(); });
}

// --- to the bus
// ---------------------------------------------------------------------------------------------------

void Webhooks::ended(const JobEvent& event) {
  if (!event.webhook) return;
  const auto status = parse_job_status(event.event);
  if (status && terminal(*status)) publish(event.job_id, milliseconds{0});
}

void Webhooks::publish(const std::string& job_id, milliseconds age) {
  core_->store->untold(job_id, age, kSweepBatch,
                       [self = shared_from_this()](const Result<std::vector<UntoldJob>>& jobs) {
                         if (!jobs) return;  // the sweep looks again
                         for (const auto& job : *jobs) self->publish(job);
                       });
}

void Webhooks::publish(const UntoldJob& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!under_way_.insert(job.id).second) return;
  }
  Message asked;
  asked.properties = job.properties;
  auto envelope = envelope_of(asked, std::string(core_->options.topics.home_of(job.topic)));
  envelope.request_id = job.request_id;
  envelope.store_id = core_->store->id();
  envelope.generation = job.generation;
  WebhookEvent event;
  event.request_id = job.request_id;
  event.job_id = job.id;
  event.generation = job.generation;
  event.url = job.url;
  event.timestamp = core_->now();
  std::vector<TopicMessage> messages;
  messages.push_back(core_->message(TopicRole::webhooks, envelope, kJobEnded, to_json(event)));
  core_->bus.publish_async(std::move(messages),
                           [self = shared_from_this(), job](const Result<std::vector<MessageId>>& ids) {
                             self->published(job, ids.has_value());
                           });
}

void Webhooks::published(const UntoldJob& job, bool on_bus) {
  const auto forget = [self = shared_from_this(), id = job.id](const Result<>&) {
    const std::lock_guard lock(self->mutex_);
    self->under_way_.erase(id);
  };
  if (!on_bus) return forget({});
  core_->store->mark_told(job.id, job.generation, forget);
}

// --- to the receiver
// ----------------------------------------------------------------------------------------------

void Webhooks::work(const Item& item) {
  auto event = parse_webhook(item.message().body);
  if (!event) return item.dead_letter(event.error().message);
  if (item.envelope().store_id != core_->store->id())
    return item.dead_letter(fmt::format("it belongs to the jobs store '{}', this one is {}",
                                        item.envelope().store_id, core_->store->id()));
  auto origin = net::url_parts(event->url).origin;
  auto sending = std::make_shared<Sending>(
      Sending{.item = item, .event = *std::move(event), .origin = std::move(origin), .began = {}});
  on_loop([this, sending = std::move(sending)] { begin(sending); });
}

void Webhooks::begin(const SendingPtr& sending) {
  if (stopping_) return;  // it goes back with its consumer
  auto& receiver = receivers_[sending->origin];
  if (receiver.sending >= kSendingToOneMax || total_ >= kSendingMax) {
    const auto delay = no_room_delay(receiver.turned_away++);
    if (receiver.sending == 0) receivers_.erase(sending->origin);
    return sending->item.hand_back(delay);
  }
  ++receiver.sending;
  ++total_;
  core_->store->find_job(sending->event.job_id, [self = shared_from_this(), sending](const Result<Job>& job) {
    self->on_loop([self = self.get(), sending, job] { self->found(sending, job); });
  });
}

void Webhooks::release(const SendingPtr& sending) {
  const auto receiver = receivers_.find(sending->origin);
  if (--receiver->second.sending == 0) receivers_.erase(receiver);
  --total_;
}

void Webhooks::found(const SendingPtr& sending, const Result<Job>& job) {
  if (!stopping_ && job && still_true(*job, sending->event)) return send(sending, *job);
  release(sending);
  if (stopping_) return;
  if (!job && job.error().code != ErrorCode::not_found) return sending->item.hand_back(job.error());
  // Pruned, or replayed since: its new end is told of anew.
  count(*sending, "outdated");
  sending->item.acknowledge();
}

void Webhooks::send(const SendingPtr& sending, const Job& job) {
  const auto& settings = core_->options.settings;
  const auto& event = sending->event;
  const bool ours = event.url == settings.webhook_url;
  const auto id = fmt::format("{}.{}", job.id, job.generation);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(core_->now().time_since_epoch()).count();
  net::ClientRequest request;
  request.method = "POST";
  request.url = event.url;
  request.body = webhook_body(job);
  request.connect_timeout = std::min(kConnectTimeout, settings.webhook_timeout);
  request.timeout = settings.webhook_timeout;
  request.public_only = !ours && !settings.webhook_private_network;
  request.on_data = [](std::string_view) {};  // nobody wants the answer's body
  const auto signature = signer_->sign(ours ? std::string_view() : job.tenant, id, seconds, request.body);
  if (!signature) return answered(sending, std::unexpected(signature.error()));
  request.headers = {{"Content-Type", "application/json"},
                     {"User-Agent", "geminga"},
                     {"webhook-id", id},
                     {"webhook-timestamp", std::to_string(seconds)},
                     {"webhook-signature", *signature},
                     {"traceparent", sending->item.envelope().traceparent}};
  sending->began = hop_now();
  client_->send(std::move(request),
                [self = shared_from_this(), sending](const Result<net::ClientResponse>& response) {
                  self->answered(sending, response);
                });
}

void Webhooks::answered(const SendingPtr& sending, const Result<net::ClientResponse>& response) {
  if (response) receivers_.find(sending->origin)->second.turned_away = 0;
  release(sending);
  if (stopping_) return;  // what was cut off is sent again after the next start
  if (response && is_ok(response->status)) {
    count(*sending, "delivered");
    std::vector<TopicMessage> messages;
    messages.push_back(record(*sending, Outcome::ok));
    return sending->item.forward(std::move(messages));
  }
  sending->event.failures.push_back({.time = core_->now(), .error = reason_of(response)});
  const log::RequestScope scope(sending->event.request_id);
  log::warn("orchestrator", "webhook to {}: {}", net::loggable_url(sending->event.url), reason_of(response));
  const bool last = sending->event.attempt + 1 >= core_->options.settings.max_attempts;
  count(*sending, last || is_final(response) ? "dead_letter" : "failed");
  if (last || is_final(response)) return give_up(sending, outcome_of(response));
  const auto wanted = response ? mcp::parse_retry_after(response->headers.get("Retry-After")) : std::nullopt;
  retry(sending, outcome_of(response), std::min(wanted.value_or(milliseconds{0}), kRetryAfterMax));
}

void Webhooks::retry(const SendingPtr& sending, Outcome outcome, milliseconds at_least) {
  const auto at = next_attempt_at(*core_, sending->event.attempt, at_least);
  auto again = sending->event;
  ++again.attempt;
  std::vector<TopicMessage> messages;
  messages.push_back(later_message(
      *core_, sending->item.envelope(),
      {.role = TopicRole::webhooks, .status = kJobEnded, .body = to_json(again), .attempt = again.attempt},
      at));
  messages.push_back(record(*sending, outcome));
  sending->item.forward(std::move(messages));
}

void Webhooks::give_up(const SendingPtr& sending, Outcome outcome) {
  const auto& event = sending->event;
  auto original = event;
  original.failures.clear();
  original.attempt = 0;
  DeadLetter letter;
  letter.request_id = event.request_id;
  letter.reason =
      fmt::format("webhook to {}: {} of {} attempts: {}", net::loggable_url(event.url), event.attempt + 1,
                  core_->options.settings.max_attempts, event.failures.back().error);
  letter.attempts = event.failures;
  letter.topic = sending->item.message().topic;
  letter.message_id = sending->item.message().id.to_string();
  letter.event = to_json(original);
  letter.timestamp = core_->now();
  std::vector<TopicMessage> messages;
  messages.push_back(dead_letter_message(*core_, sending->item.envelope(), to_json(letter)));
  messages.push_back(record(*sending, outcome));
  sending->item.forward(std::move(messages));
}

TopicMessage Webhooks::record(const Sending& sending, Outcome outcome) const {
  Execution hop;
  hop.request_id = sending.event.request_id;
  hop.step = "webhook";
  hop.attempt = sending.event.attempt;
  hop.started_at = sending.began;
  hop.ended_at = hop_now();
  hop.outcome = outcome;
  if (outcome != Outcome::ok) hop.error = sending.event.failures.back().error;
  return core_->record(sending.item.envelope(), hop);
}

void Webhooks::count(const Sending& sending, std::string_view how) {
  core_->metrics
      .counter("geminga_orchestrator_webhooks_total", "Attempts to tell of a job's end, and how they ended",
               {{"outcome", std::string(how)}})
      .add();
  if (sending.began == HopTime{}) return;
  const std::chrono::duration<double> took = hop_now() - sending.began;
  core_->metrics
      .histogram("geminga_orchestrator_webhook_seconds", "From a webhook to its answer",
                 base::latency_buckets())
      .observe(took.count());
}

}  // namespace geminga::orchestrator

#include "orchestrator/planner/openai_planner.hpp"

#include <deque>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "net/http_client.hpp"
#include "net/http_url.hpp"
#include "orchestrator/planner/model_plan.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kAnswerBytesMax = std::size_t{4} << 20U;
constexpr std::size_t kWaitingMax = 1'000;

/// Asking again may help.
bool is_passing(int status) {
  return status == 408 || status == 409 || status == 425 || status == 429 || status == 500 || status == 502 ||
         status == 503 || status == 504;
}

}  // namespace

/// Everything happens on the loop.
struct OpenAiPlanner::Impl : std::enable_shared_from_this<OpenAiPlanner::Impl> {
  /// One question until its end.
  struct Asking {
    PlanQuestion question;
    Done done;
    std::vector<ChatMessage> messages;
    std::uint32_t attempts = 0;  // of the messages as they are
    std::uint32_t requests = 0;  // all of them
    bool mended = false;
    ChatExtras sent;
    std::unique_ptr<base::Timer> pause;
  };
  using AskingPtr = std::shared_ptr<Asking>;

  Impl(base::EventLoop& on, OpenAiPlannerOptions given)
      : loop(on),
        options(std::move(given)),
        clock(options.clock != nullptr ? *options.clock : base::Clock::system()),
        client(loop) {}

  base::EventLoop& loop;
  const OpenAiPlannerOptions options;
  base::Clock& clock;
  net::HttpClient client;
  ChatExtras extras;  // without what the server has refused
  std::set<AskingPtr> asking;
  std::deque<AskingPtr> waiting;
  bool stopped = false;

  void begin(AskingPtr next);
  void send(const AskingPtr& each);
  void returned(const AskingPtr& each, Result<net::ClientResponse> response);
  void answered(const AskingPtr& each, const net::ClientResponse& response);
  bool drop_refused(const AskingPtr& each, const net::ClientResponse& response);
  void again(const AskingPtr& each, std::optional<milliseconds> wanted, const std::string& why);
  void end(const AskingPtr& each, Result<Plan> plan);
  void end_all();
};

void OpenAiPlanner::Impl::begin(AskingPtr next) {
  if (stopped) return next->done(fail(ErrorCode::closed, "the planner has stopped"));
  if (asking.size() >= options.settings.requests_max) {
    if (waiting.size() >= kWaitingMax)
      return next->done(
          fail(ErrorCode::unavailable, fmt::format("{} questions wait for the model already", kWaitingMax)));
    waiting.push_back(std::move(next));
    return;
  }
  asking.insert(next);
  next->messages = plan_messages(next->question);
  send(next);
}

void OpenAiPlanner::Impl::send(const AskingPtr& each) {
  ++each->attempts;
  ++each->requests;
  const auto& settings = options.settings;
  net::ClientRequest request{.method = "POST", .url = settings.url + "/chat/completions"};
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", settings.stream ? "text/event-stream" : "application/json");
  if (!options.key.empty()) request.headers.add("Authorization", "Bearer " + options.key);
  each->sent = extras;
  request.body = chat_request(settings.model, each->messages, settings.stream, extras);
  request.timeout = settings.timeout;
  request.connect_timeout = std::min(request.connect_timeout, settings.timeout);
  request.max_response_bytes = kAnswerBytesMax;
  client.send(std::move(request), [weak = weak_from_this(), each](Result<net::ClientResponse> response) {
    if (const auto self = weak.lock()) self->returned(each, std::move(response));
  });
}

void OpenAiPlanner::Impl::returned(const AskingPtr& each, Result<net::ClientResponse> response) {
  if (!asking.contains(each)) return;  // it was ended by stop()
  if (!response) {
    // A model that is asked twice does no harm: whether the request had left does not count.
    const auto code = response.error().code;
    if (code == ErrorCode::not_sent || code == ErrorCode::outcome_unknown)
      return again(each, std::nullopt, response.error().message);
    return end(each, fail(ErrorCode::unavailable, response.error().message));
  }
  if (response->status == 200) return answered(each, *response);
  if (drop_refused(each, *response)) return send(each);
  const std::string why = chat_error(response->status, response->body);
  if (!is_passing(response->status)) return end(each, fail(ErrorCode::unavailable, why));
  again(each, mcp::parse_retry_after(response->headers.get("Retry-After")), why);
}

/// True where the question may be asked once more with less in it: each thing is refused once at most.
bool OpenAiPlanner::Impl::drop_refused(const AskingPtr& each, const net::ClientResponse& response) {
  const ChatExtras rest = without_refused(each->sent, response.status, response.body);
  if (rest == each->sent) return false;
  --each->attempts;
  const ChatExtras before = extras;
  extras.temperature = extras.temperature && rest.temperature;
  extras.response_format = extras.response_format && rest.response_format;
  if (extras != before)
    log::info("orchestrator", "the model's server refuses {}{}{}, which is left out from now on",
              rest.temperature ? "" : "temperature", rest.temperature || rest.response_format ? "" : " and ",
              rest.response_format ? "" : "response_format");
  return true;
}

void OpenAiPlanner::Impl::answered(const AskingPtr& each, const net::ClientResponse& response) {
  const auto words = chat_answer(response.headers.get("Content-Type"), response.body);
  if (!words) {
    if (words.error().code == ErrorCode::unavailable) return again(each, std::nullopt, words.error().message);
    return end(each, fail(ErrorCode::unavailable, words.error().message));
  }
  auto plan = read_model_plan(each->question, *words, clock.wall_now());
  if (plan) {
    plan->metadata = nlohmann::json{{"model", options.settings.model},
                                    {"requests", each->requests},
                                    {"reason", each->question.reason}}
                         .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return end(each, std::move(plan));
  }
  if (each->mended) return end(each, std::move(plan));
  each->mended = true;
  each->attempts = 0;
  each->messages.push_back({.role = "assistant", .content = *words});
  each->messages.push_back({.role = "user",
                            .content = "That is no valid plan: " + plan.error().message +
                                       ". Answer with the whole plan, mended."});
  send(each);
}

void OpenAiPlanner::Impl::again(const AskingPtr& each, std::optional<milliseconds> wanted,
                                const std::string& why) {
  const auto& settings = options.settings;
  if (each->attempts >= settings.attempts)
    return end(each,
               fail(ErrorCode::unavailable, fmt::format("{} (after {} attempts)", why, each->attempts)));
  const auto doubled = options.first_pause * (std::int64_t{1} << std::min(each->attempts - 1, 10U));
  const auto pause = std::max(std::min(doubled, options.longest_pause), wanted.value_or(milliseconds{0}));
  if (pause > options.longest_pause)
    return end(each, fail(ErrorCode::unavailable,
                          fmt::format("{} (it asks for a wait of {} s)", why, pause.count() / 1'000)));
  log::info("orchestrator", "the model is asked again in {} ms: {}", pause.count(), why);
  each->pause = std::make_unique<base::Timer>(loop);
  each->pause->set_after(pause, [weak = weak_from_this(), each_weak = std::weak_ptr(each)] {
    const auto self = weak.lock();
    const auto still = each_weak.lock();
    if (self && still) self->send(still);
  });
}

void OpenAiPlanner::Impl::end(const AskingPtr& each, Result<Plan> plan) {
  asking.erase(each);
  each->pause.reset();
  if (!waiting.empty() && !stopped) {
    auto next = std::move(waiting.front());
    waiting.pop_front();
    begin(std::move(next));
  }
  each->done(std::move(plan));
}

void OpenAiPlanner::Impl::end_all() {
  stopped = true;
  auto all = std::exchange(asking, {});
  for (auto& each : std::exchange(waiting, {})) all.insert(std::move(each));
  for (const auto& each : all) {
    each->pause.reset();
    each->done(fail(ErrorCode::closed, "the planner has stopped"));
  }
}

Result<std::unique_ptr<OpenAiPlanner>> OpenAiPlanner::make(base::EventLoop& loop,
                                                           OpenAiPlannerOptions options) {
  auto& url = options.settings.url;
  while (url.ends_with('/')) url.pop_back();
  if (!net::check_url(url))
    return fail(ErrorCode::config_error,
                "the planner's url is no http or https URL; write one like http://127.0.0.1:11434/v1");
  if (options.settings.model.empty())
    return fail(ErrorCode::config_error,
                "the planner has a url, but no model; write model = \"...\" beside it");
  return std::unique_ptr<OpenAiPlanner>(new OpenAiPlanner(std::make_shared<Impl>(loop, std::move(options))));
}

OpenAiPlanner::OpenAiPlanner(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

OpenAiPlanner::~OpenAiPlanner() {
  stop();
}

void OpenAiPlanner::plan(PlanQuestion question, Done done) {
  auto each = std::make_shared<Impl::Asking>();
  each->question = std::move(question);
  each->done = std::move(done);
  impl_->loop.post([impl = impl_, each = std::move(each)]() mutable { impl->begin(std::move(each)); });
}

std::string OpenAiPlanner::description() const {
  return fmt::format("{} at {}", impl_->options.settings.model,
                     net::loggable_url(impl_->options.settings.url));
}

std::size_t OpenAiPlanner::tools_max() const {
  return impl_->options.settings.tools_max;
}

void OpenAiPlanner::stop() {
  impl_->loop.run([this] { impl_->end_all(); });
  impl_->client.stop();
}

}  // namespace geminga::orchestrator

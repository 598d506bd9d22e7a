#include "orchestrator/services/dead_letters.hpp"

#include <algorithm>
#include <future>
#include <set>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::orchestrator {
namespace {

/// Room for properties and for what JSON adds to a message at its limit.
constexpr std::size_t kBodyMax = (5U << 20U) - (64U << 10U);
constexpr std::size_t kCutEvent = 512U << 10U;  // a control character has six bytes in JSON
constexpr std::size_t kErrorMax = 2'048;
constexpr char kTilde = '~';
constexpr std::uint32_t kBrowseStep = 200;
constexpr std::uint32_t kPageMax = 1'000;
constexpr std::size_t kPageBytes = 8U << 20U;  // of originals: a page stands in memory
constexpr std::chrono::milliseconds kReadWait{5'000};

std::string body_of(DeadLetter letter) {
  auto body = to_json(letter);
  if (body.size() <= kBodyMax) return body;
  letter.reason += fmt::format(" (the event of {} bytes is cut here; {} keeps it whole)", letter.event.size(),
                               letter.topic);
  letter.event.resize(std::min(letter.event.size(), kCutEvent));
  return to_json(letter);
}

Result<StoredDeadLetter> stored(const Message& message, const std::string& name_space) {
  GEMINGA_TRY(auto letter, parse_dead_letter(message.body));
  return StoredDeadLetter{.id = {.name_space = name_space, .message = message.id},
                          .letter = std::move(letter),
                          .envelope = envelope_of(message, name_space)};
}

bool fits(const std::string& wanted, const std::optional<std::string>& found) {
  return wanted.empty() || wanted == found.value_or("");
}

std::vector<StoredDeadLetter> wanted(const std::vector<Message>& messages, const std::string& name_space,
                                     const DeadLetters::Page& page) {
  std::vector<StoredDeadLetter> letters;
  for (const auto& message : messages) {
    auto letter = stored(message, name_space);
    if (!letter) {
      log::warn("orchestrator", "dead letter {}: {}", message.id.to_string(), letter.error().message);
      continue;
    }
    const auto& said = letter->letter;
    if (!fits(page.request_id, said.request_id) || !fits(page.server, said.server_id) ||
        !fits(page.tool, said.tool_id) || !said.reason.contains(page.reason))
      continue;
    letters.push_back(*std::move(letter));
  }
  return letters;
}

bool full(const std::vector<StoredDeadLetter>& letters, const DeadLetters::Page& page) {
  std::size_t bytes = 0;
  for (const auto& letter : letters) bytes += letter.letter.event.size();
  return letters.size() >= page.limit || bytes > kPageBytes;
}

/// What a replay publishes.
struct Original {
  TopicRole role = TopicRole::tool_signals;
  std::string_view status;
  std::string request_id;
  std::string body;
  std::string told_job;  ///< of a webhook; the request itself has ended and stays so
};

/// A signal or webhook as if it were the first of its life, or a plan, whose steps that have ended well stay
/// so. Errors: schema_mismatch.
Result<Original> original_of(const std::string& event, Timestamp now) {
  if (auto plan = parse_plan(event)) {
    plan->timestamp = now;
    return Original{.role = TopicRole::plans,
                    .status = "PLAN_READY",
                    .request_id = plan->request_id,
                    .body = to_json(*plan),
                    .told_job = {}};
  }
  if (auto webhook = parse_webhook(event)) {
    webhook->attempt = 0;
    webhook->failures.clear();
    webhook->timestamp = now;
    return Original{.role = TopicRole::webhooks,
                    .status = kJobEnded,
                    .request_id = webhook->request_id,
                    .body = to_json(*webhook),
                    .told_job = webhook->job_id};
  }
  GEMINGA_TRY(auto signal, parse_tool_signal(event));
  signal.attempt = 0;
  signal.last_error.reset();
  signal.timestamp = now;
  return Original{.role = TopicRole::tool_signals,
                  .status = "TOOL_READY",
                  .request_id = signal.request_id,
                  .body = to_json(signal),
                  .told_job = {}};
}

}  // namespace

std::unexpected<Error> no_such_letter(std::string_view id) {
  return fail(ErrorCode::not_found,
              fmt::format("no dead letter with id '{}'; `geminga dlq list` prints them", id));
}

std::string LetterId::to_string() const {
  if (name_space.empty()) return message.to_string();
  auto place = name_space;
  std::ranges::replace(place, '/', kTilde);
  return place + kTilde + message.to_string();
}

Result<LetterId> LetterId::parse(std::string_view text) {
  LetterId id;
  const auto last = text.rfind(kTilde);
  const auto number = last == std::string_view::npos ? text : text.substr(last + 1);
  if (last != std::string_view::npos) {
    id.name_space = text.substr(0, last);
    std::ranges::replace(id.name_space, kTilde, '/');
    if (!is_kept_namespace(id.name_space) || !base::check_namespace_path(id.name_space))
      return no_such_letter(text);
  }
  const auto message = MessageId::parse(number);
  if (!message) return no_such_letter(text);
  id.message = *message;
  return id;
}

TopicMessage misfit_letter(const Core& core, const Envelope& envelope, const Message& original,
                           const std::string& reason) {
  DeadLetter letter;
  letter.request_id = envelope.request_id;
  letter.reason = reason;
  letter.topic = original.topic;
  letter.message_id = original.id.to_string();
  letter.event = original.body;
  letter.timestamp = core.now();
  return dead_letter_message(core, envelope, body_of(std::move(letter)));
}

std::string dead_letter_body(const Core& core, const ToolSignal& signal, const Message& original,
                             const std::string& reason, const std::vector<AttemptFailure>& failures) {
  DeadLetter letter;
  letter.request_id = signal.request_id;
  letter.tool_id = signal.tool_id;
  letter.server_id = signal.server_id;
  letter.reason = reason.substr(0, kErrorMax);
  for (const auto& failure : failures)
    letter.attempts.push_back({.time = failure.at, .error = failure.error.substr(0, kErrorMax)});
  letter.topic = original.topic;
  letter.message_id = original.id.to_string();
  letter.event = original.body;
  letter.timestamp = core.now();
  return body_of(std::move(letter));
}

TopicMessage dead_letter_message(const Core& core, const Envelope& envelope, std::string body) {
  auto message = core.message(TopicRole::dead_letters, envelope, "DEAD_LETTER", std::move(body));
  message.message.properties.emplace(kDlq, "true");
  return message;
}

DeadLetters::DeadLetters(std::shared_ptr<Core> core, std::shared_ptr<net::BlockingPool> pool)
    : core_(std::move(core)), pool_(std::move(pool)) {}

Result<std::vector<std::string>> DeadLetters::discarded_among(std::vector<std::string> ids) {
  std::promise<Result<std::vector<std::string>>> promise;
  core_->store->discarded_among(std::move(ids), [&promise](Result<std::vector<std::string>> found) {
    promise.set_value(std::move(found));
  });
  return promise.get_future().get();
}

Result<> DeadLetters::without_discarded(std::vector<StoredDeadLetter>& letters) {
  std::vector<std::string> ids;
  ids.reserve(letters.size());
  for (const auto& letter : letters) ids.push_back(letter.id.to_string());
  GEMINGA_TRY(const auto discarded, discarded_among(std::move(ids)));
  const std::set<std::string> gone(discarded.begin(), discarded.end());
  std::erase_if(letters,
                [&](const StoredDeadLetter& letter) { return gone.contains(letter.id.to_string()); });
  return {};
}

Result<std::vector<StoredDeadLetter>> DeadLetters::browse(Page page) {
  page.limit = std::clamp<std::uint32_t>(page.limit, 1, kPageMax);
  std::vector<StoredDeadLetter> letters;
  bool reached = !page.after;
  for (const auto& name_space : page.name_spaces) {
    const bool last_seen = page.after && page.after->name_space == name_space;
    reached = reached || last_seen;
    if (!reached) continue;
    GEMINGA_TRY_VOID(
        browse_in(name_space, last_seen ? std::optional(page.after->message) : std::nullopt, page, letters));
    if (full(letters, page)) break;
  }
  return letters;
}

/// Looks at the topic in steps.
Result<> DeadLetters::browse_in(const std::string& name_space, std::optional<MessageId> after,
                                const Page& page, std::vector<StoredDeadLetter>& letters) {
  auto admin = core_->bus.admin();
  while (!full(letters, page)) {
    if (core_->stopping) return fail(ErrorCode::closed, "the orchestrator is stopping");
    GEMINGA_TRY(const auto messages,
                admin.browse(core_->topic(TopicRole::dead_letters, name_space), after, kBrowseStep));
    if (messages.empty()) return {};
    after = messages.back().id;
    auto step = wanted(messages, name_space, page);
    GEMINGA_TRY_VOID(without_discarded(step));
    for (auto& letter : step)
      if (!full(letters, page)) letters.push_back(std::move(letter));
  }
  return {};
}

void DeadLetters::list(Page page, std::function<void(Result<std::vector<StoredDeadLetter>>)> done) {
  pool_->post([self = shared_from_this(), page = std::move(page), done = std::move(done)] {
    done(self->browse(page));
  });
}

Result<StoredDeadLetter> DeadLetters::find(const LetterId& id) {
  const auto topic = core_->topic(TopicRole::dead_letters, id.name_space);
  // A reader would make the topic of a namespace that is not there.
  if (!id.name_space.empty() && !core_->bus.admin().stats(topic)) return no_such_letter(id.to_string());
  GEMINGA_TRY(auto reader,
              core_->bus.create_reader(
                  {.topic = topic, .start = id.message, .inclusive = true, .receiver_queue_size = 1}));
  const auto found = [&]() -> Result<Message> {
    GEMINGA_TRY(const bool there, reader.has_next());
    if (!there) return no_such_letter(id.to_string());
    GEMINGA_TRY(auto message, reader.read(kReadWait));
    if (message.id.ledger != id.message.ledger || message.id.entry != id.message.entry)
      return no_such_letter(id.to_string());
    return message;
  }();
  if (auto closed = reader.close(); !closed) return std::unexpected(closed.error());
  if (!found) return std::unexpected(found.error());
  return stored(*found, id.name_space);
}

void DeadLetters::show(LetterId id, std::function<void(Result<StoredDeadLetter>)> done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] { done(self->find(id)); });
}

/// The claim tells of the letter of its own generation only, and of a webhook's not at all.
Result<StoredDeadLetter> DeadLetters::find_replayable(const LetterId& id) {
  GEMINGA_TRY(auto found, find(id));
  GEMINGA_TRY(const auto discarded, discarded_among({found.id.to_string()}));
  if (discarded.empty()) return found;
  return fail(ErrorCode::conflict,
              fmt::format("dead letter {} was discarded and cannot be replayed", found.id.to_string()));
}

void DeadLetters::replay(LetterId id, Replied done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] {
    const auto found = self->find_replayable(id);
    if (!found) return done(std::unexpected(found.error()));
    self->reopen(*found, done);
  });
}

void DeadLetters::discard(LetterId id, std::function<void(Result<StoredDeadLetter>)> done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] {
    const auto found = self->find(id);
    if (!found) return done(std::unexpected(found.error()));
    // A webhook that nobody took holds nothing of how its request ended.
    const bool webhook = parse_webhook(found->letter.event).has_value();
    self->core_->store->discard_letter({.message_id = found->id.to_string(),
                                        .request_id = webhook ? std::string{} : found->letter.request_id,
                                        .generation = found->envelope.generation},
                                       [found, done](const Result<>& written) {
                                         if (!written) return done(std::unexpected(written.error()));
                                         done(found);
                                       });
  });
}

void DeadLetters::reopen(const StoredDeadLetter& stored, Replied done) {
  const auto original = original_of(stored.letter.event, core_->now());
  if (!original)
    return done(
        fail(ErrorCode::conflict,
             fmt::format("dead letter {} holds no tool signal, plan or webhook and cannot be replayed: {}",
                         stored.id.to_string(), original.error().message)));
  auto envelope = stored.envelope;
  envelope.request_id = original->request_id;
  envelope.store_id = core_->store->id();
  if (!original->told_job.empty()) {
    auto message = core_->message(original->role, envelope, original->status, original->body);
    return tell_again(std::move(message), original->told_job, envelope.generation, done);
  }
  Reopen reopen{.request_id = original->request_id,
                .outbox = [core = core_, envelope, original = *original](std::uint32_t generation) mutable {
                  envelope.generation = generation;
                  auto message = core->message(original.role, envelope, original.status, original.body);
                  return OutboxMessage{.topic = std::move(message.topic),
                                       .body = std::move(message.message.body),
                                       .properties = std::move(message.message.properties)};
                }};
  core_->store->reopen(std::move(reopen), [self = shared_from_this(), request_id = original->request_id,
                                           done = std::move(done)](Result<Reopened> reopened) {
    if (!reopened) return done(std::unexpected(reopened.error()));
    self->publish(*std::move(reopened), request_id, done);
  });
}

void DeadLetters::tell_again(TopicMessage webhook, std::string job_id, std::uint32_t generation,
                             Replied done) {
  Replayed replayed{.request_id = webhook.message.key, .job_id = std::move(job_id), .generation = generation};
  std::vector<TopicMessage> messages;
  messages.push_back(std::move(webhook));
  core_->bus.publish_async(std::move(messages), [replayed = std::move(replayed), done = std::move(done)](
                                                    const Result<std::vector<MessageId>>& ids) {
    if (!ids) return done(std::unexpected(ids.error()));
    done(replayed);
  });
}

void DeadLetters::publish(Reopened reopened, std::string request_id, Replied done) {
  TopicMessage message;
  message.topic = reopened.outbox.topic;
  message.message.body = reopened.outbox.body;
  message.message.key = request_id;
  message.message.properties = reopened.outbox.properties;
  std::vector<TopicMessage> messages;
  messages.push_back(std::move(message));
  core_->bus.publish_async(std::move(messages), [core = core_, reopened = std::move(reopened),
                                                 request_id = std::move(request_id), done = std::move(done)](
                                                    const Result<std::vector<MessageId>>& ids) {
    // A job's row is open and holds the signal: the sweep publishes it again. Without a job whoever asks
    // again gets the same generation.
    if (!ids) return done(std::unexpected(ids.error().with("the replay was noted but not published yet")));
    if (!reopened.job_id.empty())
      core->store->mark_published(reopened.job_id, reopened.generation, [](const Result<bool>&) {});
    done(Replayed{.request_id = request_id, .job_id = reopened.job_id, .generation = reopened.generation});
  });
}

}  // namespace geminga::orchestrator

#include "orchestrator/services/dead_letters.hpp"

#include <algorithm>
#include <future>
#include <set>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

/// Room for properties and for what JSON adds to a message at its limit.
constexpr std::size_t kBodyMax = (5U << 20U) - (64U << 10U);
constexpr std::size_t kCutEvent = 1U << 20U;
constexpr std::size_t kErrorMax = 2'048;
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

Result<StoredDeadLetter> stored(const Message& message) {
  GEMINGA_TRY(auto letter, parse_dead_letter(message.body));
  return StoredDeadLetter{.id = message.id, .letter = std::move(letter), .envelope = envelope_of(message)};
}

bool fits(const std::string& wanted, const std::optional<std::string>& found) {
  return wanted.empty() || wanted == found.value_or("");
}

std::vector<StoredDeadLetter> wanted(const std::vector<Message>& messages, const DeadLetters::Page& page) {
  std::vector<StoredDeadLetter> letters;
  for (const auto& message : messages) {
    auto letter = stored(message);
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

std::unexpected<Error> no_such_letter(const MessageId& id) {
  return fail(
      ErrorCode::not_found,
      fmt::format("no dead letter with id '{}'; GET /api/orchestrator/dlq lists them", id.to_string()));
}

/// The signal of generation `generation`, as if it were the first of its life.
std::string replayed_signal(ToolSignal signal, Timestamp now) {
  signal.attempt = 0;
  signal.last_error.reset();
  signal.timestamp = now;
  return to_json(signal);
}

}  // namespace

TopicMessage misfit_letter(const Core& core, const Message& original, const std::string& reason) {
  DeadLetter letter;
  const auto envelope = envelope_of(original);
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

Result<> DeadLetters::without_discarded(std::vector<StoredDeadLetter>& letters) {
  std::vector<std::string> ids;
  ids.reserve(letters.size());
  for (const auto& letter : letters) ids.push_back(letter.id.to_string());
  std::promise<Result<std::vector<std::string>>> promise;
  core_->store->discarded_among(std::move(ids), [&promise](Result<std::vector<std::string>> found) {
    promise.set_value(std::move(found));
  });
  GEMINGA_TRY(const auto discarded, promise.get_future().get());
  const std::set<std::string> gone(discarded.begin(), discarded.end());
  std::erase_if(letters,
                [&](const StoredDeadLetter& letter) { return gone.contains(letter.id.to_string()); });
  return {};
}

/// Looks at the topic in steps until a page is full.
Result<std::vector<StoredDeadLetter>> DeadLetters::browse(Page page) {
  page.limit = std::clamp<std::uint32_t>(page.limit, 1, kPageMax);
  std::vector<StoredDeadLetter> letters;
  std::size_t bytes = 0;
  for (;;) {
    auto admin = core_->bus.admin();
    GEMINGA_TRY(const auto messages,
                admin.browse(core_->topic(TopicRole::dead_letters), page.after, kBrowseStep));
    if (messages.empty()) return letters;
    page.after = messages.back().id;
    auto step = wanted(messages, page);
    GEMINGA_TRY_VOID(without_discarded(step));
    for (auto& letter : step) {
      bytes += letter.letter.event.size();
      letters.push_back(std::move(letter));
      if (letters.size() == page.limit || bytes > kPageBytes) return letters;
    }
  }
}

void DeadLetters::list(Page page, std::function<void(Result<std::vector<StoredDeadLetter>>)> done) {
  pool_->post([self = shared_from_this(), page = std::move(page), done = std::move(done)] {
    done(self->browse(page));
  });
}

Result<StoredDeadLetter> DeadLetters::find(MessageId id) {
  GEMINGA_TRY(auto reader, core_->bus.create_reader({.topic = core_->topic(TopicRole::dead_letters),
                                                     .start = id,
                                                     .inclusive = true,
                                                     .receiver_queue_size = 1}));
  const auto found = [&]() -> Result<Message> {
    GEMINGA_TRY(const bool there, reader.has_next());
    if (!there) return no_such_letter(id);
    GEMINGA_TRY(auto message, reader.read(kReadWait));
    if (message.id.ledger != id.ledger || message.id.entry != id.entry) return no_such_letter(id);
    return message;
  }();
  if (auto closed = reader.close(); !closed) return std::unexpected(closed.error());
  if (!found) return std::unexpected(found.error());
  return stored(*found);
}

void DeadLetters::show(MessageId id, std::function<void(Result<StoredDeadLetter>)> done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] { done(self->find(id)); });
}

void DeadLetters::replay(MessageId id, Replied done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] {
    const auto found = self->find(id);
    if (!found) return done(std::unexpected(found.error()));
    self->reopen(*found, done);
  });
}

void DeadLetters::discard(MessageId id, std::function<void(Result<>)> done) {
  pool_->post([self = shared_from_this(), id, done = std::move(done)] {
    const auto found = self->find(id);
    if (!found) return done(std::unexpected(found.error()));
    self->core_->store->discard_letter({.message_id = found->id.to_string(),
                                        .request_id = found->letter.request_id,
                                        .generation = found->envelope.generation},
                                       done);
  });
}

void DeadLetters::reopen(const StoredDeadLetter& stored, Replied done) {
  auto signal = parse_tool_signal(stored.letter.event);
  if (!signal)
    return done(fail(ErrorCode::conflict,
                     fmt::format("dead letter {} holds no tool signal and cannot be replayed: {}",
                                 stored.id.to_string(), signal.error().message)));
  auto envelope = stored.envelope;
  envelope.request_id = signal->request_id;
  envelope.store_id = core_->store->id();
  Reopen reopen{.request_id = signal->request_id,
                .outbox = [core = core_, envelope,
                           body = replayed_signal(*signal, core_->now())](std::uint32_t generation) mutable {
                  envelope.generation = generation;
                  auto message = core->message(TopicRole::tool_signals, envelope, "TOOL_READY", body);
                  return OutboxMessage{.topic = std::move(message.topic),
                                       .body = std::move(message.message.body),
                                       .properties = std::move(message.message.properties)};
                }};
  core_->store->reopen(std::move(reopen), [self = shared_from_this(), request_id = signal->request_id,
                                           done = std::move(done)](Result<Reopened> reopened) {
    if (!reopened) return done(std::unexpected(reopened.error()));
    self->publish(*std::move(reopened), request_id, done);
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
    // A job's row is open and holds the signal: the sweep publishes it again.
    if (!ids) return done(std::unexpected(ids.error().with("the replay was noted but not published yet")));
    if (!reopened.job_id.empty())
      core->store->mark_published(reopened.job_id, reopened.generation, [](const Result<bool>&) {});
    done(Replayed{.request_id = request_id, .job_id = reopened.job_id, .generation = reopened.generation});
  });
}

}  // namespace geminga::orchestrator

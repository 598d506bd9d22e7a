#include "broker/volatile_topics.hpp"

#include <atomic>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/uuid.hpp"
#include "broker/producers.hpp"

namespace geminga::broker {
namespace {

std::unexpected<Error> not_there(const std::string& name) {
  return fail(ErrorCode::topic_not_found, fmt::format("topic {} does not exist", name));
}

std::unexpected<Error> no_past(const std::string& topic) {
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} is non-persistent: nothing earlier is there to begin with; begin at latest", topic));
}

}  // namespace

std::unexpected<Error> VolatileTopics::keeps_nothing(std::string_view topic) {
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} is non-persistent: it keeps no messages, positions or policies, and what it gets "
                  "is no part of an atomic step; use a persistent topic",
                  topic));
}

// --- topics
// --------------------------------------------------------------------------------------------------------

Result<VolatileTopicPtr> VolatileTopics::open(const std::string& name) {
  if (closed_) return std::unexpected(*closed_);
  if (const auto found = topics_.find(name); found != topics_.end()) return found->second;
  return topics_.emplace(name, std::make_shared<VolatileTopic>(name, clock_)).first->second;
}

void VolatileTopics::drop_if_unused(const VolatileTopicPtr& topic) {
  const auto at = topics_.find(topic->name());
  if (at == topics_.end() || at->second != topic || created_.contains(topic->name())) return;
  if (topic->unused()) topics_.erase(at);
}

void VolatileTopics::released(const VolatileTopicPtr& topic) {
  const std::lock_guard lock(mutex_);
  drop_if_unused(topic);
}

Result<> VolatileTopics::create(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (topics_.contains(name))
    return fail(ErrorCode::already_exists, fmt::format("topic {} exists already", name));
  GEMINGA_TRY_VOID(open(name));
  created_.insert(name);
  return {};
}

Result<> VolatileTopics::remove(const std::string& name, bool force) {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(name);
  if (found == topics_.end()) return not_there(name);
  GEMINGA_TRY_VOID(found->second->remove(force));
  topics_.erase(found);
  created_.erase(name);
  return {};
}

Result<TopicStats> VolatileTopics::stats(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = topics_.find(name);
  if (found == topics_.end()) return not_there(name);
  return found->second->stats();
}

std::vector<std::string> VolatileTopics::names_in(const std::string& tenant_and_namespace) const {
  const std::string prefix = std::string(kScheme) + tenant_and_namespace + "/";
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (auto at = topics_.lower_bound(prefix); at != topics_.end() && at->first.starts_with(prefix); ++at)
    names.push_back(at->first);
  return names;
}

void VolatileTopics::close(const Error& reason) {
  const std::lock_guard lock(mutex_);
  if (!closed_) closed_ = reason;
  for (const auto& [name, topic] : topics_) topic->shut_down(reason);
  topics_.clear();
}

// --- handles
// -------------------------------------------------------------------------------------------------------

namespace {

using TopicsPtr = std::shared_ptr<VolatileTopics>;

/// A place of a consumer or reader; given back once.
class HeldSeat {
 public:
  HeldSeat(TopicsPtr topics, VolatileTopicPtr topic, VolatileTopic::Seat seat)
      : topics_(std::move(topics)), topic_(std::move(topic)), seat_(std::move(seat)) {}
  HeldSeat(const HeldSeat&) = delete;
  HeldSeat& operator=(const HeldSeat&) = delete;
  ~HeldSeat() { give_back(); }
  void give_back() {
    if (given_back_.exchange(true)) return;
    topic_->detach(seat_);
    topics_->released(topic_);
  }
  [[nodiscard]] VolatileTopic& topic() const { return *topic_; }
  [[nodiscard]] VolatileTopics& topics() const { return *topics_; }
  [[nodiscard]] const VolatileTopic::Seat& seat() const { return seat_; }

 private:
  const TopicsPtr topics_;
  const VolatileTopicPtr topic_;
  const VolatileTopic::Seat seat_;
  std::atomic<bool> given_back_{false};
};

class VolatileProducer final : public Producer {
 public:
  VolatileProducer(TopicsPtr topics, VolatileTopicPtr topic, std::string name)
      : topics_(std::move(topics)),
        topic_(std::move(topic)),
        name_(std::move(name)),
        hash_(producer_hash(name_)) {}
  ~VolatileProducer() override { end(); }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::optional<std::uint64_t> epoch() const override { return std::nullopt; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override { return std::nullopt; }
  void publish(std::vector<storage::Append> entries, Done<std::vector<MessageId>> done) override {
    if (ended_.load()) return done(fail(ErrorCode::closed, "the producer was closed"));
    for (storage::Append& entry : entries) entry.producer = hash_;
    done(topic_->publish(std::move(entries)));
  }
  /// Each by itself: what of one cannot be is nothing to the others.
  [[nodiscard]] bool paced() const override { return true; }
  [[nodiscard]] bool deduplicates() const override { return false; }
  void close(Done<void> done) override {
    end();
    done({});
  }

 private:
  void end() {
    if (ended_.exchange(true)) return;
    topic_->remove_producer(name_);
    topics_->released(topic_);
  }
  const TopicsPtr topics_;
  const VolatileTopicPtr topic_;
  const std::string name_;
  const std::uint64_t hash_;
  std::atomic<bool> ended_{false};
};

/// What it holds is nowhere else, so settling changes nothing: an acknowledgement is good, and what is handed
/// back is lost.
class VolatileConsumer final : public Consumer {
 public:
  VolatileConsumer(TopicsPtr topics, VolatileTopicPtr topic, VolatileTopic::Seat seat)
      : held_(std::move(topics), std::move(topic), std::move(seat)) {}
  void flow(Permits more) override { held_.topic().flow(held_.seat(), more); }
  void acknowledge(Acknowledgement /*what*/, Done<void> done) override { done({}); }
  void acknowledge_each(std::vector<EntryId> /*entries*/, Done<std::vector<EntryId>> done) override {
    done(std::vector<EntryId>{});
  }
  void acknowledge_ids(IdAcknowledgement /*what*/, Done<void> done) override { done({}); }
  void redeliver_ids(std::vector<MessageId> ids) override { held_.topic().give_up(held_.seat(), ids.size()); }
  void redeliver(std::vector<EntryId> entries, std::chrono::milliseconds /*delay*/,
                 bool /*counts*/) override {
    held_.topic().give_up(held_.seat(), entries.size());
  }
  void redeliver_all() override {}
  void seek(SeekTarget /*target*/, Done<void> done) override {
    done(VolatileTopics::keeps_nothing(held_.topic().name()));
  }
  void forward(Acknowledgement /*what*/, std::vector<Publication> publications,
               Done<std::vector<MessageId>> done) override {
    held_.topics().publish(std::move(publications), std::move(done));
  }
  void stop(Done<void> done) override {
    held_.topic().stop(held_.seat());
    done({});
  }
  void close(Done<void> done) override {
    held_.give_back();
    done({});
  }
  void unsubscribe(Done<void> done) override { close(std::move(done)); }

 private:
  HeldSeat held_;
};

class VolatileReader final : public Reader {
 public:
  VolatileReader(TopicsPtr topics, VolatileTopicPtr topic, VolatileTopic::Seat seat)
      : held_(std::move(topics), std::move(topic), std::move(seat)) {}
  void flow(Permits more) override { held_.topic().flow(held_.seat(), more); }
  void has_more(std::optional<EntryId> /*after*/, Done<bool> done) override { done(false); }
  void close(Done<void> done) override {
    held_.give_back();
    done({});
  }

 private:
  HeldSeat held_;
};

}  // namespace

// --- connecting
// ----------------------------------------------------------------------------------------------------

Result<ProducerPtr> VolatileTopics::create_producer(const std::string& topic, RegisterOptions options) {
  if (options.access != ProducerAccess::shared)
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} is non-persistent: it cannot know who is fenced, so producers are shared there",
                    topic));
  if (options.name.empty()) options.name = "producer-" + base::random_uuid();
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY(const VolatileTopicPtr opened, open(topic));
  GEMINGA_TRY_VOID(opened->add_producer(options.name));
  return std::make_shared<VolatileProducer>(shared_from_this(), opened, std::move(options.name));
}

Result<ConsumerPtr> VolatileTopics::subscribe(const std::string& topic, const SubscribeOptions& options,
                                              std::shared_ptr<DeliverySink> sink) {
  if (options.initial_position == InitialPosition::earliest) return no_past(topic);
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY(const VolatileTopicPtr opened, open(topic));
  auto seat = opened->attach(options, std::move(sink));
  if (seat) return std::make_shared<VolatileConsumer>(shared_from_this(), opened, *std::move(seat));
  drop_if_unused(opened);
  return std::unexpected(std::move(seat).error());
}

Result<ReaderPtr> VolatileTopics::create_reader(const std::string& topic, const ReaderStart& start,
                                                Permits permits, std::shared_ptr<DeliverySink> sink) {
  const auto* from = std::get_if<InitialPosition>(&start.position);
  if (from == nullptr || *from != InitialPosition::latest) return no_past(topic);
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY(const VolatileTopicPtr opened, open(topic));
  GEMINGA_TRY(auto seat, opened->attach_reader(permits, std::move(sink)));
  return std::make_shared<VolatileReader>(shared_from_this(), opened, std::move(seat));
}

Result<std::vector<MessageId>> VolatileTopics::publish_to(const std::string& topic,
                                                          std::vector<storage::Append> entries) {
  const std::lock_guard lock(mutex_);
  GEMINGA_TRY(const VolatileTopicPtr opened, open(topic));
  auto ids = opened->publish(std::move(entries));
  drop_if_unused(opened);
  return ids;
}

}  // namespace geminga::broker

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "broker/dispatcher.hpp"

namespace geminga::broker {
namespace {

/// What a subscription may do, kept as simply as can be: every entry has one state. It is told what was sent
/// and follows the operations of the test; what it counts must be what the dispatcher counts.
struct Model {
  enum class State { fresh, delayed, waiting, out, settling, acknowledged };
  struct Entry {
    State state = State::fresh;
    std::uint32_t messages = 1;
    std::uint64_t message = 0;  ///< of which it is a chunk; 0: none
    ConsumerNumber consumer = 0;
    std::set<std::uint32_t> open;      ///< messages that are not acknowledged, as the counts have it
    std::set<std::uint32_t> accepted;  ///< of which somebody said so, durable or not
  };
  struct Consumer {
    std::int64_t permits = 0;
    std::uint64_t messages_out = 0;
    std::uint64_t redelivered = 0;
  };
  std::vector<Entry> entries;
  std::map<ConsumerNumber, Consumer> consumers;
  std::uint64_t messages_out = 0, redelivered = 0;

  [[nodiscard]] std::uint64_t backlog() const {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        entries, [](const Entry& entry) { return entry.state != State::acknowledged; }));
  }
  [[nodiscard]] std::uint64_t unacked(ConsumerNumber of = 0) const {
    std::uint64_t messages = 0;
    for (const Entry& entry : entries) {
      const bool is_out = entry.state == State::out || entry.state == State::settling;
      if (is_out && (of == 0 || entry.consumer == of)) messages += entry.open.size();
    }
    return messages;
  }
};

struct Kind {
  SubscriptionType type = SubscriptionType::exclusive;
  std::int32_t partition = -1;
  bool chunks = false;
};

class DispatcherModelTest : public testing::TestWithParam<Kind> {
 protected:
  using State = Model::State;
  struct Pending {
    Settling settling;
    ConsumerNumber consumer = 0;
  };

  std::uint64_t draw(std::uint64_t below) {
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random_ >> 33) % below;
  }
  [[nodiscard]] Now now() const { return {.wall = clock_.wall_now(), .monotonic = clock_.monotonic_now()}; }

  void SetUp() override {
    dispatcher_ = std::make_unique<Dispatcher>(
        DispatcherOptions{.type = GetParam().type,
                          .hold_delayed = true,
                          .delay_budget = &delay_budget_,
                          .partition = GetParam().partition},
        storage::CursorState{},
        [this](ConsumerNumber to, const Delivered& delivered) { sent(to, delivered); });
  }

  void publish() {
    storage::Entry entry;
    entry.header.entry = EntryId{topic_.size()};
    entry.header.key_hash = static_cast<std::uint32_t>(draw(7)) + 1;
    entry.header.message_count = static_cast<std::uint32_t>(draw(3)) + 1;
    if (draw(4) == 0) entry.header.deliver_at = clock_.wall_now() + std::chrono::milliseconds{1 + draw(40)};
    topic_.push_back(entry);
    Model::Entry& modelled = model_.entries.emplace_back();
    modelled.messages = entry.header.message_count;
    if (GetParam().chunks && draw(2) == 0) {
      // Three chunks each, of a few messages at a time; their numbers rise.
      const std::uint64_t chunk = ++chunks_;
      modelled.message = 1 + chunk / 12 * 4 + chunk % 4;
      topic_.back().header.flags = storage::EntryFlags::kChunk;
      topic_.back().header.sequence = modelled.message;
    }
    for (std::uint32_t i = 0; i < modelled.messages; ++i) modelled.open.insert(i);
  }

  void sent(ConsumerNumber to, const Delivered& delivered) {
    Model::Entry& entry = model_.entries.at(delivered.entry.header.entry.value);
    ASSERT_TRUE(entry.state != State::out && entry.state != State::settling &&
                entry.state != State::acknowledged);
    ASSERT_TRUE(model_.consumers.contains(to));
    if (delivered.entry.header.deliver_at) {
      ASSERT_LE(*delivered.entry.header.deliver_at, clock_.wall_now()) << "early";
    }
    if (GetParam().chunks && GetParam().type == SubscriptionType::shared) {
      for (const Model::Entry& other : model_.entries) {
        if (entry.message != 0 && other.message == entry.message && other.state == State::out) {
          ASSERT_EQ(other.consumer, to) << "a chunk of the same message";
        }
      }
    }
    const std::uint64_t open = entry.messages - count(delivered.acknowledged, entry.messages);
    for (const std::uint32_t message : entry.accepted) entry.open.erase(message);
    ASSERT_EQ(open, entry.open.size());
    entry.state = State::out;
    entry.consumer = to;
    Model::Consumer& consumer = model_.consumers.at(to);
    ASSERT_GT(consumer.permits, 0);
    consumer.permits -= static_cast<std::int64_t>(open);
    consumer.messages_out += open;
    model_.messages_out += open;
    if (delivered.redelivery_count > 0) {
      consumer.redelivered += open;
      model_.redelivered += open;
    }
  }

  void pump() {
    while (const auto want = dispatcher_->next_read(EntryId{topic_.size()}, now())) {
      const auto from = topic_.begin() + static_cast<std::ptrdiff_t>(want->from.value);
      const auto count = std::min<std::ptrdiff_t>(want->entries_max, topic_.end() - from);
      // Somebody may leave while it is read.
      if (model_.consumers.size() > 1 && draw(50) == 0) leave(model_.consumers.begin()->first);
      dispatcher_->feed(*want, {from, from + count}, now());
    }
  }

  void join() {
    const ConsumerNumber number = ++last_consumer_;
    const auto permits = static_cast<std::int64_t>(draw(20));
    model_.consumers[number] = {.permits = permits};
    const ConsumerNumber active = dispatcher_->active();
    dispatcher_->add_consumer(
        number, {.priority = static_cast<std::uint32_t>(draw(3)), .messages = permits, .bytes = 1LL << 40},
        now());
    if (active != 0 && dispatcher_->active() != active) take_back(active);
  }

  void leave(ConsumerNumber consumer) {
    const ConsumerNumber active = dispatcher_->active();
    take_back(consumer);
    dispatcher_->remove_consumer(consumer, now());
    model_.consumers.erase(consumer);
    // On a partition the others may have another turn.
    if (active != 0 && dispatcher_->active() != active) take_back(active);
  }

  void take_back(ConsumerNumber consumer) {
    for (Model::Entry& entry : model_.entries) {
      if (entry.state == State::out && entry.consumer == consumer) entry.state = State::waiting;
    }
  }

  /// An entry that is out, if the draw finds one.
  std::optional<EntryId> any_out() {
    if (model_.entries.empty()) return std::nullopt;
    const std::size_t start = draw(model_.entries.size());
    for (std::size_t i = 0; i < model_.entries.size(); ++i) {
      const std::size_t at = (start + i) % model_.entries.size();
      if (model_.entries[at].state == State::out) return EntryId{at};
    }
    return std::nullopt;
  }

  void begin_acknowledge(EntryId entry) {
    Model::Entry& modelled = model_.entries[entry.value];
    Acknowledgement what;
    const bool cumulative = GetParam().type == SubscriptionType::exclusive && draw(4) == 0;
    if (cumulative) {
      what.up_to = entry;
    } else if (draw(3) == 0) {
      what.batches = {{.entry = entry, .acknowledged = {1ULL << draw(modelled.messages)}}};
    } else {
      what.entries = {entry};
    }
    const auto settling = dispatcher_->begin_acknowledge(modelled.consumer, what);
    ASSERT_TRUE(settling);
    if (cumulative) {
      ASSERT_TRUE(std::ranges::find(settling->entries, entry) != settling->entries.end());
    }
    for (const EntryId one : settling->entries) {
      Model::Entry& its = model_.entries[one.value];
      if (cumulative && its.state == State::settling) continue;  // with another one too
      ASSERT_TRUE(its.state == State::out || (cumulative && its.state == State::waiting && one < entry));
      if (its.state == State::waiting) its.consumer = 0;  // nobody has it any more
      if (its.state == State::waiting) its.open.clear();
      its.state = State::settling;
    }
    for (const storage::BatchAck& batch : settling->batches)
      for (std::uint32_t i = 0; i < modelled.messages; ++i)
        if ((batch.acknowledged[0] >> i & 1U) != 0) modelled.accepted.insert(i);
    pending_.push_back({.settling = *settling, .consumer = modelled.consumer});
  }

  /// By somebody who had it once, or says so.
  void begin_late() {
    if (model_.entries.empty()) return;
    const EntryId entry{draw(model_.entries.size())};
    Model::Entry& its = model_.entries[entry.value];
    const auto settling = dispatcher_->begin_acknowledge(99, {.entries = {entry}, .whoever = true});
    ASSERT_TRUE(settling);
    ASSERT_EQ(settling->empty(), its.state == State::acknowledged);
    if (settling->empty()) return;
    if (its.state != State::out && its.state != State::settling) {
      its.consumer = 0;  // nobody has it
      its.open.clear();
    }
    its.state = State::settling;
    pending_.push_back({.settling = *settling, .consumer = its.consumer});
  }

  void finish_acknowledge() {
    const Pending pending = std::move(pending_.front());
    pending_.erase(pending_.begin());
    dispatcher_->acknowledged(pending.settling);
    for (const EntryId entry : pending.settling.entries) {
      model_.entries[entry.value].state = State::acknowledged;
      model_.entries[entry.value].open.clear();
    }
    for (const storage::BatchAck& batch : pending.settling.batches) {
      Model::Entry& entry = model_.entries[batch.entry.value];
      for (std::uint32_t i = 0; i < entry.messages; ++i)
        if ((batch.acknowledged[0] >> i & 1U) != 0) entry.open.erase(i);
    }
  }

  void compare(int step) {
    const EntryId end{topic_.size()};
    ASSERT_EQ(dispatcher_->backlog(EntryId{0}, end), model_.backlog()) << step;
    ASSERT_EQ(dispatcher_->unacked_count(), model_.unacked()) << step;
    ASSERT_EQ(dispatcher_->messages_out(), model_.messages_out) << step;
    ASSERT_EQ(dispatcher_->redelivered_count(), model_.redelivered) << step;
    ASSERT_EQ(dispatcher_->recipients().all().size(), model_.consumers.size()) << step;
    for (const auto& [number, recipient] : dispatcher_->recipients().all()) {
      const Model::Consumer& consumer = model_.consumers.at(number);
      ASSERT_EQ(recipient.messages, consumer.permits) << step;
      ASSERT_EQ(recipient.unacked, model_.unacked(number)) << step;
      ASSERT_EQ(recipient.messages_out, consumer.messages_out) << step;
      ASSERT_EQ(recipient.redelivered, consumer.redelivered) << step;
    }
  }

  void step() {
    switch (draw(8)) {
      case 0:
      case 1:
        return publish();
      case 2:
        if (GetParam().type != SubscriptionType::exclusive ? model_.consumers.size() < 4
                                                           : model_.consumers.empty())
          return join();
        return;
      case 3:
        if (!model_.consumers.empty() && draw(6) == 0)
          return leave(
              std::next(model_.consumers.begin(), static_cast<std::ptrdiff_t>(draw(model_.consumers.size())))
                  ->first);
        return;
      case 4:
        for (auto& [number, consumer] : model_.consumers) {
          const auto more = static_cast<std::uint32_t>(draw(4));
          consumer.permits += more;
          dispatcher_->add_permits(number, {.messages = more, .bytes = 0});
        }
        return;
      case 5:
        if (draw(8) == 0) return begin_late();
        if (const auto entry = any_out()) begin_acknowledge(*entry);
        return;
      case 6:
        if (!pending_.empty()) finish_acknowledge();
        return;
      default:
        if (const auto entry = any_out(); entry && draw(2) == 0) {
          Model::Entry& its = model_.entries[entry->value];
          ASSERT_TRUE(dispatcher_->return_entry(its.consumer, *entry, std::chrono::milliseconds{draw(3)},
                                                draw(2) == 0, now()));
          its.state = State::waiting;
          for (Model::Entry& other : model_.entries) {
            const bool with_it = its.message != 0 && other.message == its.message;
            if (with_it && other.state == State::out && other.consumer == its.consumer)
              other.state = State::waiting;
          }
        }
        clock_.advance(std::chrono::milliseconds{draw(3)});
    }
  }

  /// Everybody leaves, one comes back, and takes and acknowledges all there is.
  void drain() {
    while (!pending_.empty()) finish_acknowledge();
    while (!model_.consumers.empty()) leave(model_.consumers.begin()->first);
    clock_.advance(std::chrono::seconds{1});
    const ConsumerNumber last = ++last_consumer_;
    model_.consumers[last] = {.permits = 1'000'000};
    dispatcher_->add_consumer(last, {.messages = 1'000'000, .bytes = 1LL << 40}, now());
    pump();
    while (const auto entry = any_out()) {
      const auto settling = dispatcher_->begin_acknowledge(last, {.entries = {*entry}});
      ASSERT_TRUE(settling);
      pending_.push_back({.settling = *settling, .consumer = last});
      finish_acknowledge();
      pump();
    }
  }

  base::ManualClock clock_;
  MemoryBudget delay_budget_{0, 4 * sizeof(Held)};
  std::uint64_t random_ = 20261122;
  std::vector<storage::Entry> topic_;
  Model model_;
  std::unique_ptr<Dispatcher> dispatcher_;
  ConsumerNumber last_consumer_ = 0;
  std::vector<Pending> pending_;
  std::uint64_t chunks_ = 0;
};

TEST_P(DispatcherModelTest, CountsAreThoseOfASimpleModelUnderRandomOperations) {
  for (int i = 0; i < 1'500; ++i) {
    ASSERT_NO_FATAL_FAILURE(step()) << i;
    ASSERT_NO_FATAL_FAILURE(pump()) << i;
    ASSERT_NO_FATAL_FAILURE(compare(i));
  }
  EXPECT_GT(model_.messages_out, 300U);
  EXPECT_LT(model_.backlog(), model_.entries.size());
  ASSERT_NO_FATAL_FAILURE(drain());
  EXPECT_EQ(model_.backlog(), 0U) << "what was held came too";
  EXPECT_EQ(delay_budget_.bytes(), 0U);
  ASSERT_NO_FATAL_FAILURE(compare(-1));
}

INSTANTIATE_TEST_SUITE_P(Types, DispatcherModelTest,
                         testing::Values(Kind{SubscriptionType::exclusive}, Kind{SubscriptionType::shared},
                                         Kind{SubscriptionType::failover},
                                         Kind{SubscriptionType::failover, 1},
                                         Kind{SubscriptionType::key_shared},
                                         Kind{.type = SubscriptionType::shared, .chunks = true},
                                         Kind{.type = SubscriptionType::exclusive, .chunks = true}),
                         [](const auto& kind) {
                           const bool part = kind.param.partition >= 0;
                           return "Type" + std::to_string(static_cast<int>(kind.param.type)) +
                                  (part ? "OnAPartition" : "") + (kind.param.chunks ? "InChunks" : "");
                         });

}  // namespace
}  // namespace geminga::broker

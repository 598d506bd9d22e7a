// The policy durability=async(N): where it holds, what it changes, and what a kill may take.
#include <array>
#include <csignal>
#include <future>
#include <map>
#include <sys/wait.h>
#include <thread>

#include <fmt/format.h>

#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/t";
constexpr char kSyncName[] = "persistent://public/default/sync";
constexpr Durability kAsync{1min};

class DurabilityTest : public testing::BrokerTest {
 protected:
  void set(const TopicPtr& of, Policies policies) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->set_policies(of, policies, std::move(done)); }));
  }
  void set_namespace(Policies policies) {
    ASSERT_TRUE(wait_for<void>(
        [&](auto done) { broker_->set_namespace_policies("public/default", policies, std::move(done)); }));
  }
  std::vector<storage::Entry> browse(const TopicPtr& of) {
    std::vector<storage::Entry> all;
    for (std::optional<MessageId> after;;) {
      const auto more = wait_for<std::vector<storage::Entry>>(
          [&](auto done) { broker_->browse(of, after, 100'000, std::move(done)); });
      if (more->empty()) return all;
      all.insert(all.end(), more->begin(), more->end());
      after = MessageId{.ledger = all.back().header.ledger, .entry = all.back().header.entry};
    }
  }
  std::size_t stored(const TopicPtr& of) { return browse(of).size(); }
  std::uint64_t answered_early() { return broker_->broker_stats().log.answered_early; }
};

TEST_F(DurabilityTest, ATopicGoesBeforeItsNamespaceAndTheStatisticsShowIt) {
  const TopicPtr t = topic();
  EXPECT_EQ(stats(t).durability, Durability{});
  set_namespace({.durability = kAsync});
  EXPECT_EQ(stats(t).durability, kAsync);
  EXPECT_EQ(stats(topic("persistent://public/default/new")).durability, kAsync);
  set(t, {.durability = Durability{5ms}});
  EXPECT_EQ(stats(t).durability, Durability{5ms});
  set(t, {.durability = Durability{}});
  EXPECT_EQ(stats(t).durability, Durability{}) << "sync over the namespace's async";
  reopen();
  EXPECT_EQ(stats(topic()).durability, Durability{});
  EXPECT_EQ(stats(topic("persistent://public/default/new")).durability, kAsync);
}

TEST_F(DurabilityTest, IsInForceForNewTopicsAndAfterARestart) {
  topic(kSyncName);  // makes the namespace
  set_namespace({.durability = kAsync});
  const auto twice = [this] {
    const TopicPtr t = topic();
    publish(t, "waits for the disk");
    publish(t, "does not");
    return answered_early();
  };
  EXPECT_EQ(twice(), 1U);
  reopen();
  EXPECT_EQ(twice(), 1U);
}

TEST_F(DurabilityTest, NothingIsDeliveredOrReadBeforeItIsOnTheDisk) {
  const TopicPtr t = topic();
  const TopicPtr beside = topic(kSyncName);
  set(t, {.durability = kAsync});
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  publish(t, "1");
  EXPECT_EQ(body(inbox->next()), "1");
  publish(t, "2");
  publish(t, "3");
  EXPECT_EQ(stats(t).stored_messages, 1U);
  EXPECT_EQ(stored(t), 1U);
  EXPECT_EQ(inbox->size(), 0U);
  publish(beside, "takes them along");
  EXPECT_EQ(body(inbox->next()), "2");
  EXPECT_EQ(body(inbox->next()), "3");
  EXPECT_EQ(stats(t).stored_messages, 3U);
}

TEST_F(DurabilityTest, AnIdThatIsNotOnTheDiskYetIsAPlaceAllTheSame) {
  const TopicPtr t = topic();
  set(t, {.durability = kAsync});
  publish(t, "1");
  const auto twice = [&](const std::string& one, const std::string& other) {
    const MessageId first = publish(t, one);
    return std::pair(first, publish(t, other));
  };
  std::vector<storage::Entry> page;
  const auto browse_behind = [&](const MessageId& id) {
    page = wait_for<std::vector<storage::Entry>>([&](auto done) {
             broker_->browse(t, id, 100, std::move(done));
           }).value();
    return page.size();
  };
  const auto [second, third] = twice("2", "3");
  ASSERT_EQ(stored(t), 1U);
  ASSERT_EQ(browse_behind(second), 1U);
  EXPECT_EQ(decode_raw(page.front())->body, "3");

  const auto behind_it = std::make_shared<Inbox>();
  const auto [fourth, fifth] = twice("4", "5");
  ASSERT_EQ(stored(t), 3U);
  const ReaderPtr reader = wait_for<ReaderPtr>([&](auto done) {
                             broker_->create_reader(t, {.position = fourth, .inclusive = false}, kMany,
                                                    behind_it, std::move(done));
                           }).value();
  EXPECT_EQ(body(behind_it->next()), "5");

  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->create_subscription(t, "s", InitialPosition::earliest, std::move(done)); }));
  const auto [sixth, seventh] = twice("6", "7");
  ASSERT_EQ(stored(t), 5U);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->seek(t, "s", seventh, std::move(done)); }));
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(t, inbox).value();
  EXPECT_EQ(body(inbox->next()), "7");
}

/// An id that nobody was given ends where the topic does, and waits for nothing.
TEST_F(DurabilityTest, AnIdThatWasNeverGivenStandsAtTheEnd) {
  const TopicPtr t = topic();
  set(t, {.durability = kAsync});
  MessageId forged = publish(t, "1");
  forged.entry = EntryId{1'000'000};
  publish(t, "2");
  const auto page = wait_for<std::vector<storage::Entry>>(
      [&](auto done) { broker_->browse(t, forged, 100, std::move(done)); });
  EXPECT_TRUE(page->empty());
  EXPECT_EQ(stored(t), 1U);
}

TEST_F(DurabilityTest, AnAcknowledgementAndAForwardTakeAlongWhatWaits) {
  const TopicPtr t = topic();
  const TopicPtr source = topic(kSyncName);
  set(t, {.durability = kAsync});
  const auto inbox = std::make_shared<Inbox>();
  const ConsumerPtr consumer = subscribe(source, inbox).value();
  publish(source, "a");
  publish(source, "b");
  publish(t, "1");
  publish(t, "2");
  ASSERT_EQ(stored(t), 1U);
  ASSERT_TRUE(acknowledge(consumer, inbox->next().entry.header.entry));
  EXPECT_EQ(stored(t), 2U);
  std::vector<Publication> forwarded;
  forwarded.push_back({.topic = t, .append = encode_raw({.body = "3"}, "", Timestamp{})});
  const EntryId from = inbox->next().entry.header.entry;
  ASSERT_TRUE(wait_for<std::vector<MessageId>>(
      [&](auto done) { consumer->forward(from, std::move(forwarded), std::move(done)); }));
  EXPECT_EQ(stored(t), 3U) << "a forward is durable when it is answered, to an async topic too";
}

TEST_F(DurabilityTest, ATerminationKeepsWhatWasAnswered) {
  const TopicPtr t = topic();
  set(t, {.durability = kAsync});
  publish(t, "1");
  const MessageId last = publish(t, "2");
  EXPECT_EQ(wait_for<std::optional<MessageId>>([&](auto done) {
              broker_->terminate_topic(t, std::move(done));
            }).value(),
            last);
}

TEST_F(DurabilityTest, TheNumberOfAProducerIsThatOnTheDisk) {
  const TopicPtr t = topic();
  set(t, {.durability = kAsync});
  const ProducerPtr producer = wait_for<ProducerPtr>([&](auto done) {
                                 broker_->create_producer(t, {.name = "p"}, std::move(done));
                               }).value();
  const auto send = [&](std::uint64_t sequence) {
    std::vector<storage::Append> one;
    one.push_back(encode_raw({.body = "x", .sequence_id = sequence}, "p", Timestamp{}));
    one.front().flags |= storage::EntryFlags::kDeduplicate;
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { producer->publish(std::move(one), std::move(done)); })
        .value()
        .front();
  };
  send(1);
  const MessageId second = send(2);
  EXPECT_EQ(send(2), second) << "sent again while the first waits for the disk";
  EXPECT_EQ(producer->last_sequence_id(), 1U);
  publish(topic(kSyncName), "takes it along");
  EXPECT_EQ(producer->last_sequence_id(), 2U);
  EXPECT_EQ(send(2), second);
  EXPECT_EQ(stored(t), 2U);
}

// --- a process that is killed
// ----------------------------------------------------------------------------------------

using Steady = std::chrono::steady_clock;  // one for all processes of the machine

/// What the process that is killed tells with each answer.
struct Answered {
  bool sync = false;
  std::uint64_t ledger = 0;
  std::uint64_t entry = 0;
  std::uint64_t number = 0;  ///< its body
  Steady::time_point at{};
  Steady::duration took{};
};

constexpr std::chrono::milliseconds kWithin{50};

TopicPtr open_topic(Broker& broker, const char* name) {
  return wait_for<TopicPtr>([&](auto done) { broker.open_topic(name, true, std::move(done)); }).value();
}

/// Publishes until it is killed, to the async topic all the time and to the sync one now and then.
[[noreturn]] void publish_until_killed(const BrokerOptions& options, std::uint64_t number, int out) {
  const auto broker = Broker::open(options).value();
  const TopicPtr async = open_topic(*broker, kName);
  const TopicPtr sync = open_topic(*broker, kSyncName);
  const Policies policies{.durability = Durability{kWithin}};
  if (!wait_for<void>([&](auto done) { broker->set_policies(async, policies, std::move(done)); })) _exit(1);
  for (;; ++number) {
    Answered answered{.sync = number % 4'000 == 0, .number = number};
    std::vector<Publication> one;
    one.push_back({.topic = answered.sync ? sync : async,
                   .append = encode_raw({.body = std::to_string(number)}, "", Timestamp{})});
    const auto begun = Steady::now();
    const auto ids = wait_for<std::vector<MessageId>>(
        [&](auto done) { broker->publish(std::move(one), std::move(done)); });
    if (!ids) _exit(2);
    answered.ledger = ids->front().ledger.value;
    answered.entry = ids->front().entry.value;
    answered.at = Steady::now();
    answered.took = answered.at - begun;
    if (write(out, &answered, sizeof answered) != ssize_t{sizeof answered}) _exit(3);
  }
}

struct Round {
  std::vector<Answered> answers;
  Steady::time_point killed{};
};

/// Runs the process for `time` from its first answer on.
Round run_and_kill(const BrokerOptions& options, std::uint64_t number, std::chrono::milliseconds time) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) publish_until_killed(options, number, pipe_ends[1]);
  close(pipe_ends[1]);
  Round round;
  Answered answered;
  std::optional<Steady::time_point> first;
  while (read(pipe_ends[0], &answered, sizeof answered) == ssize_t{sizeof answered}) {
    if (!first) first = answered.at;
    round.answers.push_back(answered);
    if (round.killed == Steady::time_point{} && answered.at - *first > time) {
      round.killed = Steady::now();
      kill(child, SIGKILL);
    }
  }
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << WEXITSTATUS(status);
  return round;
}

TEST_F(DurabilityTest, AKillTakesWhatWasAnsweredInTheLastMomentAndNothingElse) {
  ASSERT_TRUE(broker_->close());
  broker_.reset();
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> named;  // ids of the async topic
  std::size_t lost = 0;
  std::size_t sync_answers = 0;
  for (int number = 0; number < 20 && (number < 3 || lost == 0); ++number) {
    const Round round = run_and_kill(options_, 1'000'000ULL * static_cast<std::uint64_t>(number), 200ms);
    // A write takes its time on a busy machine: as long as the longest that somebody waited for.
    Steady::duration slack = 100ms;
    for (const Answered& one : round.answers) slack = std::max(slack, 2 * one.took);
    open();
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> there;
    for (const storage::Entry& entry : browse(topic()))
      there.emplace(std::pair(entry.header.ledger.value, entry.header.entry.value),
                    std::stoull(decode_raw(entry).value().body));
    std::size_t in_sync = 0;
    for (const Answered& one : round.answers) {
      in_sync += one.sync ? 1 : 0;
      if (one.sync) continue;
      const std::pair id(one.ledger, one.entry);
      EXPECT_TRUE(named.emplace(id, one.number).second)
          << one.ledger << ":" << one.entry << " was named twice";
      if (there.contains(id)) continue;
      ++lost;
      EXPECT_LT(round.killed - one.at, kWithin + slack) << "answered long before the kill, and gone";
    }
    sync_answers += in_sync;
    EXPECT_GE(stored(topic(kSyncName)), sync_answers) << "a sync topic loses nothing";
    for (const auto& [id, body] : there) {
      const auto known = named.find(id);
      EXPECT_TRUE(known == named.end() || known->second == body) << "an id means something else now";
    }
    ASSERT_TRUE(broker_->close());
    broker_.reset();
  }
  EXPECT_GT(lost, 0U) << "else this test shows nothing";
  open();
}

}  // namespace
}  // namespace geminga::broker

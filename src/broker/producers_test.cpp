#include "broker/producers.hpp"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "broker/broker.hpp"
#include "broker/raw_message.hpp"

namespace geminga::broker {
namespace {

constexpr std::chrono::seconds kPatience{10};

template <class T, class Start>
Result<T> wait_for(Start start) {
  return base::await<T>([&](auto callback) { start(Done<T>(std::move(callback))); }, kPatience, "the broker");
}

class ProducersTest : public testing::Test {
 protected:
  ProducersTest() {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-producers-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
    open();
  }
  ~ProducersTest() override {
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() {
    broker_ = Broker::open({.directory = directory_ / "data", .journal_file_bytes = 1 << 20}).value();
    topic_ = wait_for<TopicPtr>([&](auto done) {
               broker_->open_topic("persistent://public/default/t", true, std::move(done));
             }).value();
  }
  void reopen() {
    topic_.reset();
    broker_.reset();
    open();
  }
  Result<ProducerPtr> create(RegisterOptions options) {
    return wait_for<ProducerPtr>(
        [&](auto done) { broker_->create_producer(topic_, std::move(options), std::move(done)); });
  }
  /// The answer of a producer that may have to wait.
  std::future<Result<ProducerPtr>> create_later(RegisterOptions options) {
    auto promise = std::make_shared<std::promise<Result<ProducerPtr>>>();
    broker_->create_producer(topic_, std::move(options),
                             [promise](Result<ProducerPtr> made) { promise->set_value(std::move(made)); });
    return promise->get_future();
  }
  static Result<MessageId> publish(const ProducerPtr& producer, std::optional<std::uint64_t> sequence = {}) {
    std::vector<storage::Append> one;
    one.push_back(encode_raw({.body = "x", .sequence_id = sequence}, producer->name(), Timestamp{}));
    if (sequence) one.front().flags |= storage::EntryFlags::kDeduplicate;
    auto ids = wait_for<std::vector<MessageId>>(
        [&](auto done) { producer->publish(std::move(one), std::move(done)); });
    if (!ids) return std::unexpected(ids.error());
    return ids->front();
  }
  static void close(const ProducerPtr& producer) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { producer->close(std::move(done)); }));
  }
  TopicStats stats() {
    return wait_for<TopicStats>([&](auto done) { broker_->stats(topic_, std::move(done)); }).value();
  }

  std::filesystem::path directory_;
  std::unique_ptr<Broker> broker_;
  TopicPtr topic_;
};

TEST_F(ProducersTest, SharedOnesAreManyAndEachHasAName) {
  const auto one = create({}).value();
  const auto two = create({}).value();
  EXPECT_NE(one->name(), two->name());
  EXPECT_FALSE(one->epoch());
  EXPECT_EQ(stats().producers, 2U);
  close(one);
  EXPECT_EQ(stats().producers, 1U);
  EXPECT_EQ(publish(one).error().code, ErrorCode::closed);
  EXPECT_TRUE(publish(two));
}

TEST_F(ProducersTest, ANameIsConnectedOnce) {
  auto first = create({.name = "n"}).value();
  EXPECT_EQ(create({.name = "n"}).error().code, ErrorCode::producer_busy);
  first.reset();
  EXPECT_TRUE(create({.name = "n"})) << "a freed producer is closed";
}

TEST_F(ProducersTest, AnExclusiveOneIsAlone) {
  auto alone = create({.name = "a", .access = ProducerAccess::exclusive}).value();
  EXPECT_EQ(alone->epoch(), 1U);
  EXPECT_EQ(create({.name = "b"}).error().code, ErrorCode::producer_busy);
  EXPECT_EQ(create({.name = "b", .access = ProducerAccess::exclusive}).error().code,
            ErrorCode::producer_fenced);
  close(alone);
  const auto shared = create({.name = "b"}).value();
  EXPECT_EQ(create({.name = "c", .access = ProducerAccess::exclusive}).error().code,
            ErrorCode::producer_fenced);
}

TEST_F(ProducersTest, AWaitingOneGetsTheTopicWhenTheOthersHaveGone) {
  const auto first = create({.name = "a"}).value();
  std::promise<std::string> waits;
  auto later = create_later({.name = "b",
                             .access = ProducerAccess::wait_for_exclusive,
                             .on_waiting = [&](const std::string& name) { waits.set_value(name); }});
  EXPECT_EQ(waits.get_future().get(), "b");
  auto last = create_later({.name = "c", .access = ProducerAccess::wait_for_exclusive});
  EXPECT_EQ(stats().producers, 1U);
  close(first);
  auto second = later.get().value();
  EXPECT_EQ(second->epoch(), 1U);
  EXPECT_TRUE(publish(second));
  close(second);
  EXPECT_EQ(last.get().value()->epoch(), 2U) << "in the order in which they came";
}

TEST_F(ProducersTest, AFencingOneEndsTheOthersAndThoseThatWait) {
  std::promise<Error> told;
  const auto first =
      create({.name = "a", .on_closed = [&](const Error& reason) { told.set_value(reason); }}).value();
  auto waiting = create_later({.name = "b", .access = ProducerAccess::wait_for_exclusive});
  const auto taker = create({.name = "c", .access = ProducerAccess::exclusive_with_fencing}).value();
  EXPECT_EQ(told.get_future().get().code, ErrorCode::producer_fenced);
  EXPECT_EQ(publish(first).error().code, ErrorCode::producer_fenced);
  EXPECT_EQ(waiting.get().error().code, ErrorCode::producer_fenced);
  EXPECT_TRUE(publish(taker));
  EXPECT_EQ(stats().producers, 1U);
}

TEST_F(ProducersTest, NothingOfAFencedOneComesBehindItsSuccessor) {
  const auto victim = create({.name = "victim"}).value();
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    while (!stop) {
      std::vector<storage::Append> one;
      one.push_back(encode_raw({.body = "old"}, "victim", Timestamp{}));
      victim->publish(std::move(one), [](const Result<std::vector<MessageId>>&) {});
      std::this_thread::yield();
    }
  });
  const auto taker = create({.name = "taker", .access = ProducerAccess::exclusive_with_fencing}).value();
  const MessageId first = publish(taker).value();
  stop = true;
  publisher.join();
  const MessageId last = publish(taker).value();
  EXPECT_EQ(last.entry.value, first.entry.value + 1);
}

TEST_F(ProducersTest, WhoWasFencedStaysFencedOverARestart) {
  std::uint64_t old_epoch = 0;
  {
    const auto first = create({.name = "a", .access = ProducerAccess::exclusive}).value();
    old_epoch = first->epoch().value();
    EXPECT_TRUE(create({.name = "b", .access = ProducerAccess::exclusive_with_fencing}));
  }
  reopen();
  const auto back = create({.name = "a", .access = ProducerAccess::exclusive, .epoch = old_epoch});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, ErrorCode::producer_fenced);
  EXPECT_EQ(
      create({.name = "b", .access = ProducerAccess::exclusive, .epoch = old_epoch + 1}).value()->epoch(),
      old_epoch + 1)
      << "the last one may come back";
  EXPECT_EQ(create({.name = "c", .access = ProducerAccess::exclusive}).value()->epoch(), old_epoch + 2);
}

TEST_F(ProducersTest, SequenceIdsAreKnownAfterARestart) {
  {
    const auto producer = create({.name = "n"}).value();
    EXPECT_FALSE(producer->last_sequence_id());
    ASSERT_TRUE(publish(producer));
    EXPECT_FALSE(producer->last_sequence_id()) << "without an id of its own";
    ASSERT_TRUE(publish(producer, 7));
    EXPECT_EQ(producer->last_sequence_id(), 7U);
    ASSERT_TRUE(publish(producer, 5)) << "a duplicate is no error";
    EXPECT_EQ(producer->last_sequence_id(), 7U);
  }
  reopen();
  const auto producer = create({.name = "n"}).value();
  EXPECT_EQ(producer->last_sequence_id(), 7U);
  EXPECT_EQ(publish(producer, 7).value().entry.value, 1U);
  EXPECT_EQ(publish(producer, 6).value(), MessageId::unknown());
  EXPECT_EQ(stats().stored_messages, 2U);
  EXPECT_FALSE(create({.name = "other"}).value()->last_sequence_id());
}

TEST_F(ProducersTest, ADeletedTopicEndsItsProducersAndThoseThatWait) {
  std::promise<Error> told;
  const auto producer =
      create({.name = "a", .on_closed = [&](const Error& reason) { told.set_value(reason); }}).value();
  auto waiting = create_later({.name = "b", .access = ProducerAccess::wait_for_exclusive});
  EXPECT_EQ(wait_for<void>([&](auto done) {
              broker_->delete_topic("persistent://public/default/t", false, std::move(done));
            })
                .error()
                .code,
            ErrorCode::conflict);
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->delete_topic("persistent://public/default/t", true, std::move(done)); }));
  EXPECT_EQ(told.get_future().get().code, ErrorCode::topic_not_found);
  EXPECT_EQ(waiting.get().error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(publish(producer).error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(create({}).error().code, ErrorCode::topic_not_found);
}

TEST_F(ProducersTest, AClosedBrokerEndsThem) {
  const auto producer = create({}).value();
  auto waiting = create_later({.access = ProducerAccess::wait_for_exclusive});
  ASSERT_TRUE(broker_->close());
  EXPECT_EQ(publish(producer).error().code, ErrorCode::closed);
  EXPECT_EQ(waiting.get().error().code, ErrorCode::closed);
  EXPECT_EQ(create({}).error().code, ErrorCode::closed);
}

TEST_F(ProducersTest, AWaitingOneThatCannotBeServedDoesNotBlockTheQueue) {
  const auto first = create({.name = "a"}).value();
  auto fenced = create_later({.name = "b", .access = ProducerAccess::wait_for_exclusive, .epoch = 3});
  auto low = create_later({.name = "c", .access = ProducerAccess::wait_for_exclusive, .epoch = 2});
  auto last = create_later({.name = "d", .access = ProducerAccess::wait_for_exclusive});
  EXPECT_EQ(stats().producers, 1U);
  close(first);
  const auto b = fenced.get().value();
  EXPECT_EQ(b->epoch(), 3U);
  close(b);
  EXPECT_EQ(low.get().error().code, ErrorCode::producer_fenced);
  EXPECT_EQ(last.get().value()->epoch(), 4U) << "it is not left behind the refused one";
}

TEST_F(ProducersTest, WhoGaveUpWaitingTakesNoEpoch) {
  const auto first = create({.name = "a", .access = ProducerAccess::exclusive}).value();
  auto wanted = std::make_shared<int>();
  auto gone = create_later({.name = "b", .access = ProducerAccess::wait_for_exclusive, .wanted = wanted});
  EXPECT_EQ(stats().producers, 1U);
  wanted.reset();
  close(first);
  EXPECT_EQ(gone.get().error().code, ErrorCode::closed);
  EXPECT_TRUE(create({.name = "c"})) << "nobody is in the way";
  EXPECT_EQ(create({.name = "d", .access = ProducerAccess::exclusive_with_fencing}).value()->epoch(), 2U);
}

TEST_F(ProducersTest, SharedOnesDoNotPassWhoWaits) {
  const auto first = create({.name = "a"}).value();
  auto later = create_later({.name = "b", .access = ProducerAccess::wait_for_exclusive});
  EXPECT_EQ(create({.name = "c"}).error().code, ErrorCode::producer_busy);
  close(first);
  EXPECT_TRUE(later.get());
}

}  // namespace
}  // namespace geminga::broker

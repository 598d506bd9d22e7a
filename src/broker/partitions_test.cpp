#include <atomic>
#include <future>

#include <gmock/gmock.h>

#include "base/file_system.hpp"
#include "base/partition_name.hpp"
#include "broker/broker_fixture.hpp"
#include "broker/test_files.hpp"
#include "broker/topic.hpp"
#include "storage/directory.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {
namespace {

using ::testing::HasSubstr;
using testing::Inbox;
using ::testing::IsEmpty;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/orders";

std::string part(std::uint32_t number) {
  return base::partition_name(kName, number);
}

class PartitionsTest : public testing::BrokerTest {
 protected:
  Result<> create(std::uint32_t partitions) {
    return wait_for<void>(
        [&](auto done) { broker_->create_partitioned_topic(kName, partitions, std::move(done)); });
  }
  Result<> grow(std::uint32_t partitions) {
    return wait_for<void>([&](auto done) { broker_->grow_partitions(kName, partitions, std::move(done)); });
  }
  Result<> remove(const std::string& name, bool force = false) {
    return wait_for<void>([&](auto done) { broker_->delete_topic(name, force, std::move(done)); });
  }
  Result<TopicPtr> open_topic(const std::string& name, bool create = true) {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(name, create, std::move(done)); });
  }
  Result<> create_subscription(const std::string& topic, const std::string& name) {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(open_topic(topic).value(), name, InitialPosition::latest, std::move(done));
    });
  }
  std::uint64_t backlog(std::uint32_t partition, const std::string& subscription) {
    for (const SubscriptionStats& each : stats(open_topic(part(partition)).value()).subscriptions) {
      if (each.name == subscription) return each.backlog;
    }
    ADD_FAILURE() << "no subscription " << subscription << " on partition " << partition;
    return 0;
  }
  /// Changes the metadata of a closed directory: what a growth had done when the process was killed.
  template <class T, class Change>
  void behind_its_back(Change change) {
    ASSERT_TRUE(broker_->close());
    broker_.reset();
    {
      const auto directory =
          storage::DataDirectory::acquire(base::FileSystem::system(), directory_ / "data").value();
      const auto store =
          storage::MetadataStore::open(directory_ / "data" / "metadata.db", directory->uuid(), false);
      ASSERT_TRUE(store);
      ASSERT_TRUE(storage::MetadataStore::wait<T>([&](auto done) { change(**store, std::move(done)); }));
    }
    open();
  }
};

TEST_F(PartitionsTest, EachPartitionIsATopicWhoseIdsNameIt) {
  ASSERT_TRUE(create(3));
  EXPECT_EQ(broker_->partitions(kName), 3U);
  EXPECT_EQ(broker_->topics("public/default").value().size(), 3U);
  const TopicPtr second = open_topic(part(1), false).value();
  EXPECT_EQ(topic_partition(*second), 1);
  const MessageId id = publish(second, "x");
  EXPECT_EQ(id.partition, 1);
  EXPECT_EQ(stats(second).last_message_id, id);
  EXPECT_EQ(publish(topic("persistent://public/default/plain"), "x").partition, -1);
  auto producer = wait_for<ProducerPtr>([&](auto done) {
                    broker_->create_producer(second, {}, std::move(done));
                  }).value();
  std::vector<storage::Append> one;
  one.push_back(encode_raw({.body = "y"}, "", Timestamp{}));
  EXPECT_EQ(
      wait_for<std::vector<MessageId>>([&](auto done) { producer->publish(std::move(one), std::move(done)); })
          .value()
          .front()
          .partition,
      1);
}

TEST_F(PartitionsTest, ANameIsPlainOrPartitioned) {
  ASSERT_TRUE(create(2));
  EXPECT_EQ(create(2).error().code, ErrorCode::already_exists);
  const auto whole = open_topic(kName);
  EXPECT_EQ(whole.error().code, ErrorCode::conflict);
  EXPECT_THAT(whole.error().message, HasSubstr("orders-partition-0"));
  EXPECT_EQ(wait_for<void>([&](auto done) { broker_->create_topic(kName, std::move(done)); }).error().code,
            ErrorCode::already_exists);
  const auto beyond = open_topic(part(2));
  EXPECT_EQ(beyond.error().code, ErrorCode::topic_not_found);
  EXPECT_THAT(beyond.error().message, HasSubstr("2 partitions"));

  const std::string plain = "persistent://public/default/plain";
  topic(plain);
  EXPECT_EQ(wait_for<void>([&](auto done) { broker_->create_partitioned_topic(plain, 2, std::move(done)); })
                .error()
                .code,
            ErrorCode::already_exists);
  const auto grown = wait_for<void>([&](auto done) { broker_->grow_partitions(plain, 2, std::move(done)); });
  EXPECT_EQ(grown.error().code, ErrorCode::conflict);
  EXPECT_EQ(broker_->partitions(plain), 0U);
}

TEST_F(PartitionsTest, WhatCannotBeIsRefusedWithItsReason) {
  EXPECT_EQ(create(0).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(create(base::kPartitionsMax + 1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(grow(3).error().code, ErrorCode::topic_not_found);
  ASSERT_TRUE(create(3));
  const auto fewer = grow(2);
  EXPECT_EQ(fewer.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(fewer.error().message, HasSubstr("3 partitions"));
  EXPECT_TRUE(grow(3)) << "as many as there are";
  EXPECT_EQ(broker_->partitions(kName), 3U);
}

TEST_F(PartitionsTest, WhatIsPublishedToANewPartitionMeetsEverySubscription) {
  ASSERT_TRUE(create(1));
  for (const char* name : {"a", "b"}) ASSERT_TRUE(create_subscription(part(0), name));
  std::atomic<std::uint32_t> told = 0;
  // Published before anybody who hears of the growth could subscribe.
  const auto watch = broker_->watch_partitions(kName, [&](std::uint32_t partitions) {
    told = partitions;
    broker_->open_topic(part(1), true, [this](Result<TopicPtr> opened) {
      std::vector<Publication> one;
      one.push_back({.topic = opened.value(), .append = encode_raw({.body = "first"}, "", Timestamp{})});
      broker_->publish(std::move(one), [](const auto&) {});
    });
  });
  ASSERT_TRUE(grow(2));
  EXPECT_EQ(told, 2U);
  publish(open_topic(part(1), false).value(), "second");
  EXPECT_EQ(backlog(1, "a"), 2U);
  EXPECT_EQ(backlog(1, "b"), 2U);
  reopen();
  EXPECT_EQ(broker_->partitions(kName), 2U);
  EXPECT_EQ(backlog(1, "a"), 2U);
}

TEST_F(PartitionsTest, NoSubscriptionComesOrGoesUnseenByAGrowth) {
  ASSERT_TRUE(create(1));
  ASSERT_TRUE(create_subscription(part(0), "old"));
  const TopicPtr first = open_topic(part(0)).value();
  const auto on_core = [&](auto work) { ASSERT_TRUE(first->core().loop.run(work)); };
  on_core([&] {
    EXPECT_EQ(first->like_subscriptions().size(), 1U);
    bool held = false;
    first->hold_subscriptions([&] { held = true; });
    EXPECT_TRUE(held);
  });
  std::promise<Result<>> made;
  std::promise<Result<>> removed;
  auto made_answer = made.get_future();
  auto removed_answer = removed.get_future();
  broker_->create_subscription(first, "new", InitialPosition::latest,
                               [&](Result<> result) { made.set_value(std::move(result)); });
  broker_->delete_subscription(first, "old", [&](Result<> result) { removed.set_value(std::move(result)); });
  on_core([&] {
    EXPECT_TRUE(first->find("old"));
    EXPECT_FALSE(first->find("new"));
    first->release_subscriptions();
  });
  EXPECT_TRUE(made_answer.get());
  EXPECT_TRUE(removed_answer.get());
  on_core([&] {
    EXPECT_FALSE(first->find("old"));
    EXPECT_TRUE(first->find("new"));
  });
}

TEST_F(PartitionsTest, ASubscriptionWhoseRemovalIsUnderWayIsNotOnANewPartition) {
  ASSERT_TRUE(create(1));
  ASSERT_TRUE(create_subscription(part(0), "going"));
  const TopicPtr first = open_topic(part(0)).value();
  std::promise<Result<>> removed;
  std::promise<Result<>> grown;
  // From a turn of the core: the growth begins before the metadata can answer the removal.
  broker_->stats(first, [&](const Result<TopicStats>&) {
    broker_->delete_subscription(first, "going", [&](Result<> done) { removed.set_value(std::move(done)); });
    broker_->grow_partitions(kName, 2, [&](Result<> done) { grown.set_value(std::move(done)); });
  });
  EXPECT_TRUE(removed.get_future().get());
  ASSERT_TRUE(grown.get_future().get());
  EXPECT_THAT(stats(open_topic(part(1)).value()).subscriptions, IsEmpty());
}

TEST_F(PartitionsTest, PoliciesOfTheNamespaceThatComeDuringAGrowthAreThoseOfTheNewPartitionToo) {
  testing::HeldFiles files;
  options_.files = &files;
  reopen();
  ASSERT_TRUE(create(1));
  ASSERT_TRUE(create_subscription(part(0), "s"));
  files.hold();
  auto grown = std::async(std::launch::async, [&] { return grow(2); });
  ASSERT_TRUE(files.reached(testing::kPatience)) << "the new partition's subscription";
  EXPECT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_namespace_policies("public/default", {.max_subscriptions = 1}, std::move(done));
  }));
  files.release();
  ASSERT_TRUE(grown.get());
  EXPECT_EQ(create_subscription(part(1), "more").error().code, ErrorCode::conflict);
  broker_.reset();  // before its files
}

TEST_F(PartitionsTest, KilledBehindTheNewTopicsAGrowthIsRepeated) {
  ASSERT_TRUE(create(2));
  ASSERT_TRUE(create_subscription(part(0), "s"));
  behind_its_back<std::vector<storage::TopicRow>>(
      [](storage::MetadataStore& store, auto done) { store.create_partitions(kName, 3, std::move(done)); });
  EXPECT_EQ(broker_->partitions(kName), 2U);
  EXPECT_EQ(broker_->topics("public/default").value().size(), 2U);
  EXPECT_EQ(open_topic(part(2)).error().code, ErrorCode::topic_not_found);
  ASSERT_TRUE(grow(4));
  for (std::uint32_t i = 2; i < 4; ++i) {
    EXPECT_EQ(publish(open_topic(part(i), false).value(), "x").partition, static_cast<std::int32_t>(i));
    EXPECT_EQ(backlog(i, "s"), 1U);
  }
}

TEST_F(PartitionsTest, KilledBeforeTheNumberAGrowthIsRepeated) {
  ASSERT_TRUE(create(1));
  ASSERT_TRUE(create_subscription(part(0), "s"));
  ASSERT_TRUE(grow(3));
  behind_its_back<void>(
      [](storage::MetadataStore& store, auto done) { store.set_partitions(kName, 1, std::move(done)); });
  EXPECT_EQ(broker_->partitions(kName), 1U);
  EXPECT_EQ(open_topic(part(1)).error().code, ErrorCode::topic_not_found);
  ASSERT_TRUE(create_subscription(part(0), "later"));
  ASSERT_TRUE(wait_for<void>(
      [&](auto done) { broker_->delete_subscription(open_topic(part(0)).value(), "s", std::move(done)); }));
  ASSERT_TRUE(grow(3));
  const TopicPtr last = open_topic(part(2), false).value();
  publish(last, "x");
  EXPECT_EQ(backlog(2, "later"), 1U);
  EXPECT_EQ(stats(last).subscriptions.size(), 1U) << "the one that was removed meanwhile is gone";
}

TEST_F(PartitionsTest, AnInterruptedGrowthGoesWithTheWhole) {
  ASSERT_TRUE(create(1));
  behind_its_back<std::vector<storage::TopicRow>>(
      [](storage::MetadataStore& store, auto done) { store.create_partitions(kName, 3, std::move(done)); });
  ASSERT_TRUE(remove(kName));
  ASSERT_TRUE(create(2)) << "no partition is left in the way";
  reopen();
  EXPECT_EQ(broker_->topics("public/default").value().size(), 2U);
}

TEST_F(PartitionsTest, ChangesComeOneAfterTheOther) {
  ASSERT_TRUE(create(1));
  std::vector<std::future<Result<>>> answers;
  for (const std::uint32_t partitions : {2U, 5U, 3U, 6U}) {
    auto promise = std::make_shared<std::promise<Result<>>>();
    answers.push_back(promise->get_future());
    broker_->grow_partitions(kName, partitions,
                             [promise](Result<> result) { promise->set_value(std::move(result)); });
  }
  EXPECT_TRUE(answers[0].get());
  EXPECT_TRUE(answers[1].get());
  EXPECT_EQ(answers[2].get().error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(answers[3].get());
  EXPECT_EQ(broker_->partitions(kName), 6U);
}

TEST_F(PartitionsTest, OnlyTheWholeIsDeleted) {
  ASSERT_TRUE(create(3));
  EXPECT_EQ(remove(part(1), true).error().code, ErrorCode::conflict);
  auto inbox = std::make_shared<Inbox>();
  const auto consumer = subscribe(open_topic(part(2)).value(), inbox).value();
  std::promise<std::uint32_t> heard;
  const auto watch =
      broker_->watch_partitions(kName, [&](std::uint32_t partitions) { heard.set_value(partitions); });
  EXPECT_EQ(remove(kName).error().code, ErrorCode::conflict);
  EXPECT_EQ(publish(open_topic(part(0), false).value(), "still there").partition, 0);
  ASSERT_TRUE(remove(kName, true));
  EXPECT_EQ(inbox->wait_closed().code, ErrorCode::topic_not_found);
  EXPECT_EQ(heard.get_future().get(), 0U);
  EXPECT_EQ(broker_->partitions(kName), 0U);
  EXPECT_THAT(broker_->topics("public/default").value(), IsEmpty());
  EXPECT_EQ(remove(kName).error().code, ErrorCode::topic_not_found);
  reopen();
  EXPECT_THAT(broker_->topics("public/default").value(), IsEmpty());
  EXPECT_TRUE(open_topic(kName)) << "the name is free";
}

TEST_F(PartitionsTest, AWatchThatWasFreedHearsNothing) {
  ASSERT_TRUE(create(1));
  std::atomic<int> heard = 0;
  auto watch = broker_->watch_partitions(kName, [&](std::uint32_t) { ++heard; });
  ASSERT_TRUE(grow(2));
  watch.reset();
  ASSERT_TRUE(grow(3));
  EXPECT_EQ(heard, 1);
}

TEST_F(PartitionsTest, FailoverSpreadsItsActiveConsumers) {
  ASSERT_TRUE(create(2));
  std::vector<ConsumerPtr> consumers;
  std::vector<std::shared_ptr<Inbox>> inboxes;
  for (const char* name : {"a", "b"}) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      auto options = options_of(SubscriptionType::failover);
      options.consumer_name = name;
      inboxes.push_back(std::make_shared<Inbox>());
      consumers.push_back(subscribe(open_topic(part(i)).value(), inboxes.back(), options).value());
    }
  }
  publish(open_topic(part(0)).value(), "0");
  publish(open_topic(part(1)).value(), "1");
  EXPECT_EQ(body(inboxes[0]->next()), "0") << "a has partition 0";
  EXPECT_EQ(body(inboxes[3]->next()), "1") << "b has partition 1";
}

}  // namespace
}  // namespace geminga::broker

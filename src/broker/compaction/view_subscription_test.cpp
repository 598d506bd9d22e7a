// Subscriptions whose next message stands in the compacted view: quotas, ages, skips, seeks, and what waits.
#include <future>

#include "base/fault_file_system.hpp"
#include "broker/policies_fixture.hpp"
#include "broker/topic.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

class ViewSubscriptionTest : public testing::PoliciesTest {
 protected:
  MessageId put(const TopicPtr& to, const std::string& key, const std::string& body) {
    std::vector<Publication> one;
    one.push_back({.topic = to, .append = encode_raw({.body = body, .key = key}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { broker_->publish(std::move(one), std::move(done)); })
        .value()
        .front();
  }
  MessageId put(const std::string& key, const std::string& body) { return put(topic_, key, body); }
  void begin(const TopicPtr& topic) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->compact(topic, std::move(done)); }));
  }
  Result<> awaited() {
    return wait_for<void>([&](auto done) { broker_->await_compaction(topic_, std::move(done)); });
  }
  void compact() {
    begin(topic_);
    ASSERT_TRUE(awaited());
  }
  /// All that there is stands in the view and nowhere else; subscription "s" has everything.
  void keep_the_view_only() {
    ASSERT_TRUE(subscription());
    compact();
    skip_all();
    ASSERT_TRUE(eventually([&] { return stats().stored_messages == 0; }));
  }
  Result<ConsumerPtr> consumer(const std::shared_ptr<Inbox>& inbox, Permits permits = kMany) {
    SubscribeOptions options = options_of(SubscriptionType::exclusive);
    options.subscription = "n";
    options.read_compacted = true;
    options.permits = permits;
    return subscribe(topic_, inbox, options);
  }
  /// Of the subscription "n".
  std::uint64_t backlog() { return stats().subscriptions.at(0).backlog; }
  void look() {
    for (int i = 0; i < 3; ++i) PoliciesTest::look();
  }
};

TEST_F(ViewSubscriptionTest, WhatWaitsBehindTheHorizonComesAgain) {
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox).value();
  put("a", "a1");
  put("a", "");
  compact();
  put("b", "b1");
  for (int i = 0; i < 3; ++i) inbox->next();
  handle->redeliver({EntryId{0}, EntryId{1}, EntryId{2}}, 0ms, true);
  const Delivered again = inbox->next();
  EXPECT_EQ(body(again), "b1");
  ASSERT_TRUE(acknowledge(handle, again.entry.header.entry));
  EXPECT_TRUE(eventually([&] { return backlog() == 0; }));
}

TEST_F(ViewSubscriptionTest, TheBacklogQuotaIsOfWhatTheTopicKeepsItself) {
  for (const char* key : {"a", "b", "c"}) put(key, key);
  keep_the_view_only();
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, {}).value();
  set({.backlog_bytes = 1 << 20, .backlog_action = BacklogAction::producer_exception});
  look();
  const auto sender = producer().value();
  EXPECT_TRUE(send(sender).get()) << "nothing is over the quota";
  set({.backlog_bytes = 1 << 20, .backlog_action = BacklogAction::consumer_backlog_eviction});
  look();
  handle->flow(kMany);
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(body(inbox->next()), key);
}

TEST_F(ViewSubscriptionTest, NothingOfTheViewIsTooOld) {
  for (const char* key : {"a", "b", "c"}) put(key, key);
  keep_the_view_only();
  put("d", "d");
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, {}).value();
  clock_.advance(1h);
  set({.message_ttl = 60s});
  look();
  handle->flow({.messages = 3, .bytes = 1 << 20});
  for (const char* key : {"a", "b", "c"}) {
    const Delivered got = inbox->next();
    EXPECT_EQ(body(got), key);
    ASSERT_TRUE(acknowledge(handle, got.entry.header.entry));
  }
  EXPECT_TRUE(eventually([&] { return backlog() == 0; })) << "what is behind it is";
  EXPECT_EQ(inbox->size(), 0U);
}

TEST_F(ViewSubscriptionTest, ExpireTakesWhatIsOlderAlsoOutOfTheView) {
  put("a", "a");
  put("b", "b");
  clock_.advance(60s);
  put("c", "c");
  keep_the_view_only();
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, {}).value();
  const auto expire = [&](std::chrono::seconds older) {
    ASSERT_TRUE(wait_for<void>(
        [&](auto done) { broker_->expire(topic_, "n", clock_.wall_now() - older, std::move(done)); }));
  };
  expire(1h);
  EXPECT_EQ(backlog(), 3U);
  expire(30s);
  EXPECT_EQ(backlog(), 1U);
  handle->flow(kMany);
  EXPECT_EQ(body(inbox->next()), "c");
}

TEST_F(ViewSubscriptionTest, SkipByNumberIsRefusedWhereNobodyKnowsHowMuchThatIs) {
  for (int i = 0; i < 10; ++i) put("a", std::to_string(i));
  keep_the_view_only();
  ASSERT_TRUE(subscription("n"));
  const auto skip = [&](const std::string& subscription) {
    return wait_for<void>([&](auto done) { broker_->skip(topic_, subscription, 1, std::move(done)); });
  };
  EXPECT_EQ(skip("n").error().code, ErrorCode::conflict);
  put("b", "b");
  EXPECT_TRUE(skip("s"));
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox).value();
  for (const char* expected : {"9", "b"}) {
    const Delivered got = inbox->next();
    EXPECT_EQ(body(got), expected);
    ASSERT_TRUE(acknowledge(handle, got.entry.header.entry));
  }
}

TEST_F(ViewSubscriptionTest, ASeekToATimeMeetsCompactionsThatEndMeanwhile) {
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, {}).value();
  put("a", "0");
  compact();
  for (int i = 1; i < 40; ++i) {
    put("a", std::to_string(i));
    begin(topic_);
    for (int each = 0; each < 3; ++each) {
      const Result<> moved = wait_for<void>([&](auto done) { handle->seek(Timestamp{}, std::move(done)); });
      ASSERT_TRUE(moved) << moved.error().message;
    }
  }
  ASSERT_TRUE(awaited());
  handle->flow(kMany);
  EXPECT_EQ(body(inbox->next()), "39");
}

TEST_F(ViewSubscriptionTest, ADeletionThatIsTakenBackDisturbsNoCompaction) {
  std::atomic<int> steps = 0;
  std::promise<void> go_on;
  options_.on_compaction_step = [&, first = go_on.get_future().share()](CompactionStep) {
    if (++steps == 1) first.wait();
  };
  reopen();
  const TopicPtr other = wait_for<TopicPtr>([&](auto done) {
                           broker_->open_topic("persistent://public/default/o", true, std::move(done));
                         }).value();
  put(other, "o", "o1");
  put("a", "a1");
  put("a", "a2");
  begin(other);
  begin(topic_);
  topic_->core().loop.run([&] { EXPECT_TRUE(topic_->begin_removal(true)); });
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return steps == 8; }))
      << "it begins and goes on until the deletion is certain";
  topic_->cancel_removal();
  const Result<> done = awaited();
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(stats().compaction.messages, 1U);
}

/// On a disk that the test fills.
class ViewOnAFullDiskTest : public ViewSubscriptionTest {
 protected:
  void SetUp() override {
    ViewSubscriptionTest::SetUp();
    topic_.reset();
    broker_.reset();
    const std::filesystem::path& data = options_.directory;
    std::filesystem::remove_all(data);
    std::filesystem::create_directories(data);  // SQLite's own
    for (const auto& path : {data.parent_path().parent_path(), data.parent_path(), data})
      ASSERT_TRUE(files_.make_directory(path));
    options_.files = &files_;
    open();
    topic_ = topic(true).value();
  }
  ~ViewOnAFullDiskTest() override { broker_.reset(); }  // before its disk
  base::FaultFileSystem files_;
};

TEST_F(ViewOnAFullDiskTest, WhatWasCompactedAwayIsAcknowledgedWhenThereIsSpace) {
  for (const char* key : {"a", "a", "b"}) put(key, key);
  ASSERT_TRUE(subscription());
  compact();
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, {}).value();
  files_.set_capacity(0);
  Result<> moved;
  do {
    moved = wait_for<void>([&](auto done) { broker_->skip_all(topic_, "s", std::move(done)); });
  } while (moved);
  ASSERT_EQ(moved.error().code, ErrorCode::disk_full);
  handle->flow(kMany);
  EXPECT_EQ(body(inbox->next()), "a");
  const Delivered last = inbox->next();
  EXPECT_FALSE(acknowledge(handle, last.entry.header.entry));  // so what was handed over before it was, too
  EXPECT_EQ(backlog(), 3U);
  files_.set_capacity(1ULL << 30);
  EXPECT_TRUE(eventually([&] { return backlog() == 2; }));
}

}  // namespace
}  // namespace geminga::broker

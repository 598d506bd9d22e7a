// A topic compacted: what is left of it, who reads it, and what a stop between any two steps leaves.
#include <future>
#include <map>

#include "base/file_system.hpp"
#include "broker/broker_fixture.hpp"
#include "storage/directory.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

using Bodies = std::vector<std::string>;

class CompactionTest : public testing::BrokerTest {
 protected:
  void SetUp() override {
    options_.trim_every = 1h;
    BrokerTest::SetUp();
    topic_ = topic();
  }
  void restart() {
    topic_.reset();
    reopen();
    topic_ = topic();
  }
  MessageId put(const std::string& key, const std::string& body) {
    std::vector<Publication> one;
    one.push_back({.topic = topic_, .append = encode_raw({.body = body, .key = key}, "", Timestamp{})});
    return wait_for<std::vector<MessageId>>(
               [&](auto done) { broker_->publish(std::move(one), std::move(done)); })
        .value()
        .front();
  }
  void begin() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->compact(topic_, std::move(done)); }));
  }
  Result<> awaited() {
    return wait_for<void>([&](auto done) { broker_->await_compaction(topic_, std::move(done)); });
  }
  Result<> compact() {
    begin();
    return awaited();
  }
  /// From the first to the last that is there, by a reader.
  Bodies read(bool compacted = true) {
    auto inbox = std::make_shared<Inbox>();
    const auto reader =
        wait_for<ReaderPtr>([&](auto done) {
          broker_->create_reader(topic_, {.position = InitialPosition::earliest, .read_compacted = compacted},
                                 kMany, inbox, std::move(done));
        }).value();
    return drain(*reader, *inbox);
  }
  static Bodies drain(Reader& reader, Inbox& inbox) {
    Bodies bodies;
    std::optional<EntryId> last;
    while (wait_for<bool>([&](auto done) { reader.has_more(last, std::move(done)); }).value()) {
      const Delivered delivered = inbox.next();
      last = delivered.entry.header.entry;
      bodies.push_back(body(delivered));
    }
    return bodies;
  }
  Result<ConsumerPtr> consumer(const std::shared_ptr<Inbox>& inbox, bool compacted = true,
                               SubscriptionType type = SubscriptionType::exclusive) {
    SubscribeOptions options = options_of(type);
    options.read_compacted = compacted;
    return subscribe(topic_, inbox, options);
  }
  void subscription() {
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->create_subscription(topic_, "s", InitialPosition::earliest, std::move(done));
    }));
  }
  void skip_all() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip_all(topic_, "s", std::move(done)); }));
  }
  void trim() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(topic_, std::move(done)); }));
  }
  /// What is not acknowledged, when it is nothing any more.
  bool all_acknowledged() {
    const auto deadline = std::chrono::steady_clock::now() + testing::kPatience;
    while (stats(topic_).subscriptions.at(0).backlog > 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }
  std::vector<storage::TopicRow> rows() {
    const auto directory =
        storage::DataDirectory::acquire(base::FileSystem::system(), options_.directory).value();
    return storage::MetadataStore::open(options_.directory / "metadata.db", directory->uuid(), false)
        .value()
        ->topics()
        .value();
  }
  /// What rows are left when starts and stops have finished what was begun.
  std::size_t rows_after_a_start() {
    restart();  // makes tombstones of what is not used
    restart();
    topic_.reset();
    EXPECT_TRUE(broker_->close());
    broker_.reset();
    const std::size_t left = rows().size();
    open();
    topic_ = topic();
    return left;
  }

  void copy_to(const fs::path& there) {
    fs::create_directory(there);
    for (const auto& file : fs::directory_iterator(options_.directory)) {
      std::error_code renamed;  // the next journal file gets its name meanwhile; nothing stands in it
      if (file.path().extension() != ".tmp") fs::copy(file.path(), there, renamed);
    }
  }

  TopicPtr topic_;
};

TEST_F(CompactionTest, KeepsTheLastOfEachKeyAndWhatHasNoneUnderTheirOwnIds) {
  put("a", "a1");
  put("", "free");
  put("b", "b1");
  const MessageId last_a = put("a", "a2");
  put("b", "");
  const MessageId last = put("c", "c1");
  ASSERT_TRUE(compact());
  put("a", "a3");
  put("c", "");
  EXPECT_EQ(read(), (Bodies{"free", "a2", "c1", "a3", ""})) << "what came since comes whole";
  EXPECT_EQ(read(false).size(), 8U);
  auto inbox = std::make_shared<Inbox>();
  const auto reader =
      wait_for<ReaderPtr>([&](auto done) {
        broker_->create_reader(topic_, {.position = last_a, .inclusive = true, .read_compacted = true}, kMany,
                               inbox, std::move(done));
      }).value();
  EXPECT_EQ(inbox->next().entry.header.entry, last_a.entry);
  const CompactionStats compaction = stats(topic_).compaction;
  EXPECT_EQ(compaction.state, CompactionState::idle);
  EXPECT_EQ(compaction.horizon, last);
  EXPECT_EQ(compaction.messages, 3U);
  EXPECT_GT(compaction.bytes, 0U);
}

TEST_F(CompactionTest, ALaterOneGoesOnFromTheViewAndNotFromWhatWasTrimmed) {
  subscription();
  put("a", "a1");
  put("b", "b1");
  put("a", "a2");
  ASSERT_TRUE(compact());
  skip_all();
  put("b", "b2");
  put("c", "c1");
  trim();
  EXPECT_EQ(stats(topic_).stored_messages, 2U);
  EXPECT_EQ(read(), (Bodies{"b1", "a2", "b2", "c1"}));
  restart();
  EXPECT_EQ(read(), (Bodies{"b1", "a2", "b2", "c1"})) << "the view outlives its messages and the process";
  ASSERT_TRUE(compact());
  put("a", "");
  ASSERT_TRUE(compact());
  EXPECT_EQ(read(), (Bodies{"b2", "c1"}));
  EXPECT_EQ(rows_after_a_start(), 2U) << "the topic and its last view";
  EXPECT_EQ(read(), (Bodies{"b2", "c1"}));
}

TEST_F(CompactionTest, NothingBehindTheHorizonIsTrimmed) {
  subscription();
  put("a", "a1");
  ASSERT_TRUE(compact());
  put("a", "a2");
  put("b", "b1");
  skip_all();
  trim();
  EXPECT_EQ(stats(topic_).stored_messages, 2U) << "acknowledged, but not compacted yet";
  ASSERT_TRUE(compact());
  trim();
  EXPECT_EQ(stats(topic_).stored_messages, 0U);
  EXPECT_EQ(read(), (Bodies{"a2", "b1"}));
}

TEST_F(CompactionTest, AConsumerHasNothingLeftWhenItAcknowledgedWhatCame) {
  for (int i = 0; i < 50; ++i) put(std::to_string(i % 5), std::to_string(i));
  put("4", "");
  ASSERT_TRUE(compact());
  auto inbox = std::make_shared<Inbox>();
  auto handle = consumer(inbox).value();
  for (int i = 45; i < 49; ++i) {
    const Delivered got = inbox->next();
    EXPECT_EQ(body(got), std::to_string(i));
    ASSERT_TRUE(acknowledge(handle, got.entry.header.entry));
  }
  EXPECT_TRUE(all_acknowledged()) << "what was compacted away, also at the end, counts as acknowledged";
  handle.reset();
  restart();
  EXPECT_TRUE(all_acknowledged());
  trim();
  EXPECT_EQ(stats(topic_).stored_messages, 0U);
}

TEST_F(CompactionTest, WhatComesAgainComesFromTheViewToo) {
  for (int i = 0; i < 6; ++i) put(std::to_string(i % 3), std::to_string(i));
  auto inbox = std::make_shared<Inbox>();
  auto handle = consumer(inbox).value();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(body(inbox->next()), std::to_string(i));
  ASSERT_TRUE(compact());
  handle->redeliver({EntryId{1}, EntryId{2}, EntryId{3}, EntryId{4}, EntryId{5}}, 0ms, true);
  for (int i = 3; i < 6; ++i) {
    const Delivered got = inbox->next();
    EXPECT_EQ(body(got), std::to_string(i));
    EXPECT_EQ(got.redelivery_count, 1U);
    ASSERT_TRUE(acknowledge(handle, got.entry.header.entry));
  }
  ASSERT_TRUE(acknowledge(handle, EntryId{0})) << "it is still out";
  EXPECT_TRUE(all_acknowledged());
}

TEST_F(CompactionTest, SeeksByIdTimeAndEndsIntoTheView) {
  std::vector<MessageId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(put(std::to_string(i % 3), std::to_string(i)));
  ASSERT_TRUE(compact());
  auto inbox = std::make_shared<Inbox>();
  auto handle = consumer(inbox).value();
  const auto comes = [&](int first) {
    for (int i = first; i < 6; ++i) {
      const Delivered got = inbox->next();
      EXPECT_EQ(body(got), std::to_string(i));
      EXPECT_TRUE(acknowledge(handle, got.entry.header.entry));
    }
    EXPECT_TRUE(all_acknowledged());
    trim();
  };
  const auto seek = [&](SeekTarget target) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { handle->seek(target, std::move(done)); }));
  };
  comes(3);
  seek(InitialPosition::earliest);
  comes(3);
  seek(ids[4]);
  comes(4);
  seek(Timestamp{});
  comes(3);
  seek(ids[0]);
  comes(3);
}

TEST_F(CompactionTest, IsForOneConsumerAtATimeAndForAllOfASubscription) {
  auto inbox = std::make_shared<Inbox>();
  for (const auto type : {SubscriptionType::shared, SubscriptionType::key_shared})
    EXPECT_EQ(consumer(inbox, true, type).error().code, ErrorCode::invalid_argument);
  const auto first = consumer(inbox, true, SubscriptionType::failover).value();
  EXPECT_TRUE(consumer(inbox, true, SubscriptionType::failover));
  EXPECT_EQ(consumer(inbox, false, SubscriptionType::failover).error().code,
            ErrorCode::subscription_type_mismatch);
}

TEST_F(CompactionTest, WhoDoesNotReadCompactedBeginsWithWhatIsKeptAndHoldsNothingBack) {
  subscription();
  for (int i = 0; i < 4; ++i) put("k", std::to_string(i));
  ASSERT_TRUE(compact());
  skip_all();
  trim();
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->delete_subscription(topic_, "s", std::move(done)); }));
  put("k", "4");
  auto inbox = std::make_shared<Inbox>();
  const auto handle = consumer(inbox, false).value();
  const Delivered got = inbox->next();
  EXPECT_EQ(body(got), "4");
  ASSERT_TRUE(acknowledge(handle, got.entry.header.entry));
  EXPECT_TRUE(all_acknowledged());
  ASSERT_TRUE(compact());
  trim();
  EXPECT_EQ(stats(topic_).stored_messages, 0U);
}

TEST_F(CompactionTest, WhatIsPublishedMeanwhileIsNotTouchedAndIsCompactedNext) {
  put("a", "a1");
  int steps = 0;
  options_.on_compaction_step = [&](CompactionStep step) {
    if (step != CompactionStep::write_view || ++steps > 1) return;
    put("a", "a2");
    put("b", "b1");
    begin();  // while one runs: another one follows
  };
  restart();
  put("c", "c1");
  begin();
  ASSERT_TRUE(awaited());
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(stats(topic_).compaction.messages, 3U);
  EXPECT_EQ(read(), (Bodies{"c1", "a2", "b1"}));
}

TEST_F(CompactionTest, MoreKeysThanThereIsMemoryForAreRefusedAndNothingChanges) {
  put("a", "a1");
  put("a", "a2");
  ASSERT_TRUE(compact());
  options_.compaction_memory_bytes = 64;
  restart();
  put("b", "b1");
  const auto refused = compact();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::too_large);
  const CompactionStats compaction = stats(topic_).compaction;
  EXPECT_EQ(compaction.state, CompactionState::failed);
  EXPECT_EQ(compaction.failure, refused.error().message);
  EXPECT_EQ(compaction.messages, 1U);
  EXPECT_EQ(read(), (Bodies{"a2", "b1"}));
}

TEST_F(CompactionTest, ThePolicyCompactsByItself) {
  const auto set = [&](std::uint64_t threshold) {
    ASSERT_TRUE(wait_for<void>([&](auto done) {
      broker_->set_policies(topic_, {.compaction_threshold_bytes = threshold}, std::move(done));
    }));
  };
  set(100'000);
  const std::string large(20'000, 'x');
  for (int i = 0; i < 3; ++i) put("k", large);
  trim();
  ASSERT_TRUE(awaited());
  EXPECT_FALSE(stats(topic_).compaction.horizon) << "not so much yet";
  for (int i = 0; i < 3; ++i) put("k", large);
  trim();
  ASSERT_TRUE(awaited());
  EXPECT_EQ(stats(topic_).compaction.messages, 1U);
  put("k", large);
  trim();
  EXPECT_EQ(stats(topic_).compaction.state, CompactionState::idle) << "what is compacted does not count";
}

TEST_F(CompactionTest, ATopicThatGoesMeanwhileTakesAllOfItAlong) {
  for (const auto at : {CompactionStep::note_keys, CompactionStep::create_view, CompactionStep::write_view,
                        CompactionStep::use_view}) {
    put("a", "a1");
    ASSERT_TRUE(compact());
    put("b", "b1");
    std::promise<Result<>> gone;
    options_.on_compaction_step = [&](CompactionStep step) {
      if (step != at) return;
      gone.set_value(wait_for<void>(
          [&](auto done) { broker_->delete_topic(topic_name(*topic_), true, std::move(done)); }));
    };
    restart();
    begin();
    EXPECT_FALSE(awaited());
    EXPECT_TRUE(gone.get_future().get());
    options_.on_compaction_step = nullptr;
    restart();
    EXPECT_EQ(read(), Bodies{});
    EXPECT_EQ(rows_after_a_start(), 1U) << "only the topic that was made anew";
  }
}

/// What the kernel has when the process is killed at that step.
TEST_F(CompactionTest, AKillBetweenTwoStepsLeavesTheFormerViewOrTheNewOne) {
  put("a", "a1");
  put("b", "b1");
  put("a", "a2");
  ASSERT_TRUE(compact());
  put("b", "b2");
  std::map<CompactionStep, fs::path> kept;
  options_.on_compaction_step = [&](CompactionStep step) {
    kept[step] = directory_ / ("killed-" + std::to_string(static_cast<int>(step)));
    copy_to(kept[step]);
  };
  restart();
  ASSERT_TRUE(compact());
  const fs::path done = directory_ / "killed-afterwards";
  copy_to(done);
  options_.on_compaction_step = nullptr;
  ASSERT_EQ(kept.size(), 4U);
  const auto check = [&](const fs::path& killed, const Bodies& expected, std::uint64_t messages) {
    topic_.reset();
    ASSERT_TRUE(broker_->close());
    broker_.reset();
    fs::remove_all(options_.directory);
    fs::copy(killed, options_.directory, fs::copy_options::recursive);
    open();
    topic_ = topic();
    EXPECT_EQ(stats(topic_).compaction.messages, messages) << killed;
    EXPECT_EQ(read(), expected) << killed;
    EXPECT_EQ(rows_after_a_start(), 2U) << killed << ": the topic and one view";
    EXPECT_EQ(read(), expected) << killed;
    ASSERT_TRUE(compact());
    EXPECT_EQ(read(), (Bodies{"a2", "b2"})) << killed;
    EXPECT_EQ(rows_after_a_start(), 2U) << killed;
  };
  for (const auto& [step, killed] : kept) check(killed, {"b1", "a2", "b2"}, 2);
  check(done, {"a2", "b2"}, 2);
}

}  // namespace
}  // namespace geminga::broker

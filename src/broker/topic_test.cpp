// What a topic keeps and survives: retention by size, steps that fail half way, races with its end.
#include "broker/topic.hpp"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/fault_file_system.hpp"
#include "broker/broker_fixture.hpp"
#include "storage/sqlite.hpp"

namespace geminga::broker {
namespace {

using testing::eventually;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/t";
constexpr char kOther[] = "persistent://public/default/other";

class Sink final : public DeliverySink {
 public:
  void on_entries(std::vector<Delivered>) override {}
  void on_closed(Error reason) override { closed_.set_value(std::move(reason)); }
  std::future<Error> closed() { return closed_.get_future(); }

 private:
  std::promise<Error> closed_;
};

class TopicTest : public ::testing::Test {
 protected:
  TopicTest() {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-topic-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
    options_.directory = directory_ / "data";
    options_.journal_file_bytes = 1 << 20;
    options_.trim_every = std::chrono::milliseconds(10);
  }
  ~TopicTest() override {
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void open() { broker_ = Broker::open(options_).value(); }
  Result<TopicPtr> topic(bool create = true) {
    return wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, create, std::move(done)); });
  }
  Result<> publish(const TopicPtr& to, std::size_t bytes, int count = 1) {
    std::vector<Publication> all;
    all.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
      all.push_back({.topic = to, .append = encode_raw({.body = std::string(bytes, 'x')}, "", Timestamp{})});
    auto ids = wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(all), std::move(done)); });
    if (!ids) return std::unexpected(ids.error());
    return {};
  }
  Result<> create_subscription(const TopicPtr& on, const std::string& name) {
    return wait_for<void>([&](auto done) {
      broker_->create_subscription(on, name, InitialPosition::earliest, std::move(done));
    });
  }
  TopicStats stats(const TopicPtr& of) {
    return wait_for<TopicStats>([&](auto done) { broker_->stats(of, std::move(done)); }).value();
  }
  /// From now on nothing can be deleted in the metadata: refused at once, whatever else the machine does.
  void break_metadata() const {
    auto metadata = storage::Sqlite::open(options_.directory / "metadata.db", false).value();
    for (const char* refusal :
         {"CREATE TRIGGER keep_topics BEFORE UPDATE ON topics BEGIN SELECT RAISE(ABORT, 'kept'); END",
          "CREATE TRIGGER keep_subscriptions BEFORE DELETE ON subscriptions BEGIN SELECT RAISE(ABORT, "
          "'kept'); END"})
      ASSERT_TRUE(metadata->run(refusal));
  }

  std::filesystem::path directory_;
  BrokerOptions options_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(TopicTest, RetentionBySizeKeepsThatSizeAlsoOfAPartlyTrimmedSegment) {
  options_.memory_table_bytes = 64 << 10;
  open();
  const TopicPtr t = topic().value();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(publish(t, 1'000, 10));
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_retention(t, {.time = std::nullopt, .bytes = 200 << 10}, std::move(done));
  }));
  ASSERT_TRUE(eventually([&] { return stats(t).stored_messages < 400; }));
  std::uint64_t least = 400;
  for (int round = 0; round < 100; ++round) {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(t, std::move(done)); }));
    least = std::min(least, stats(t).stored_messages);
  }
  EXPECT_GE(least, 150U);
}

TEST_F(TopicTest, APositionBeforeWhatIsKeptHoldsNothingBackAfterARestart) {
  options_.trim_every = std::chrono::hours(1);
  open();
  {
    const TopicPtr t = topic().value();
    ASSERT_TRUE(create_subscription(t, "s"));
    ASSERT_TRUE(publish(t, 10, 3));
    std::promise<bool> trimmed;
    storage::Transaction behind_its_back;
    behind_its_back.operations.emplace_back(storage::Trim{.topic = t->id(), .before = EntryId{2}});
    behind_its_back.done = [&](const Result<storage::Receipt>& receipt) {
      trimmed.set_value(receipt.has_value());
    };
    t->context()->log->submit(std::move(behind_its_back));
    ASSERT_TRUE(trimmed.get_future().get());
    ASSERT_TRUE(broker_->close());
  }
  open();
  const TopicPtr t = topic().value();
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->skip(t, "s", 1, std::move(done)); }));
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 0U);
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(t, std::move(done)); }));
  EXPECT_EQ(stats(t).stored_messages, 0U);
}

TEST_F(TopicTest, BrowsingGoesOnBehindAnIdOfThisTopic) {
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(publish(t, 10, 3));
  const MessageId last = stats(t).last_message_id.value();
  const auto behind = [&](LedgerId ledger, EntryId entry) {
    const auto found = wait_for<std::vector<storage::Entry>>([&](auto done) {
      broker_->browse(t, MessageId{.ledger = ledger, .entry = entry}, 100, std::move(done));
    });
    return found.value().size();
  };
  EXPECT_EQ(behind(last.ledger, EntryId{0}), 2U);
  EXPECT_EQ(behind(last.ledger, last.entry), 0U);
  EXPECT_EQ(behind(last.ledger, MessageId::unknown().entry), 0U);
  EXPECT_EQ(behind(LedgerId{last.ledger.value - 1}, EntryId{100}), 3U) << "of a topic of this name before";
  EXPECT_EQ(behind(LedgerId{last.ledger.value + 1}, EntryId{0}), 0U);
}

TEST_F(TopicTest, ADeletionThatFailsLeavesTheTopicAsItWas) {
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(publish(t, 10));
  break_metadata();
  EXPECT_FALSE(wait_for<void>([&](auto done) { broker_->delete_topic(kName, true, std::move(done)); }));
  const auto found = topic(false);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(publish(*found, 10));
  EXPECT_EQ(stats(*found).stored_messages, 2U);
}

TEST_F(TopicTest, ARemovalThatFailsLeavesTheSubscriptionAsItWas) {
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(create_subscription(t, "s"));
  ASSERT_TRUE(publish(t, 10));
  break_metadata();
  EXPECT_FALSE(wait_for<void>([&](auto done) { broker_->delete_subscription(t, "s", std::move(done)); }));
  ASSERT_EQ(stats(t).subscriptions.size(), 1U);
  EXPECT_EQ(stats(t).subscriptions.front().backlog, 1U);
}

TEST_F(TopicTest, WhoSubscribesWhileTheTopicIsDeletedIsRefusedOrHearsOfIt) {
  open();
  for (int round = 0; round < 100; ++round) {
    const TopicPtr t = topic().value();
    auto sink = std::make_shared<Sink>();
    auto closed = sink->closed();
    std::promise<Result<ConsumerPtr>> subscribed;
    std::promise<Result<>> deleted;
    broker_->subscribe(t, {.subscription = "s", .permits = {.messages = 1, .bytes = 1}}, sink,
                       [&](Result<ConsumerPtr> consumer) { subscribed.set_value(std::move(consumer)); });
    broker_->delete_topic(kName, true, [&](Result<> gone) { deleted.set_value(std::move(gone)); });
    const auto consumer = subscribed.get_future().get();
    ASSERT_TRUE(deleted.get_future().get());
    if (consumer) {
      ASSERT_EQ(closed.wait_for(testing::kPatience), std::future_status::ready) << "round " << round;
    } else {
      EXPECT_EQ(consumer.error().code, ErrorCode::topic_not_found);
    }
  }
}

TEST_F(TopicTest, ASubscriptionThatTheFullDiskRefusedCanBeMadeLater) {
  base::FaultFileSystem files;
  for (const std::filesystem::path& path :
       {options_.directory.parent_path().parent_path(), options_.directory.parent_path(), options_.directory})
    ASSERT_TRUE(files.make_directory(path));
  std::filesystem::create_directories(options_.directory);  // SQLite's own
  options_.files = &files;
  options_.journal_file_bytes = 32 << 10;
  open();
  const TopicPtr t = topic().value();
  files.set_capacity(0);
  std::string refused;
  for (int i = 0; refused.empty() && i < 10'000; ++i) {
    const std::string name = "s" + std::to_string(i);
    if (const auto made = create_subscription(t, name); !made) {
      EXPECT_NE(made.error().code, ErrorCode::already_exists);
      refused = name;
    }
  }
  ASSERT_FALSE(refused.empty());
  files.set_capacity(1ULL << 40);
  Result<> made;
  ASSERT_TRUE(eventually([&] {
    made = create_subscription(t, refused);
    return made || made.error().code == ErrorCode::already_exists ||
           made.error().code == ErrorCode::disk_error;
  }));
  EXPECT_TRUE(made) << made.error().message;
  broker_.reset();  // before the disk goes
}

/// A broker whose log has not even room for a position: the reserve is used up.
class TopicOnAFullDiskTest : public TopicTest {
 protected:
  TopicOnAFullDiskTest() {
    const std::filesystem::path& data = options_.directory;
    for (const auto& path : {data.parent_path().parent_path(), data.parent_path(), data})
      EXPECT_TRUE(files_.make_directory(path));
    std::filesystem::create_directories(data);  // SQLite's own
    options_.files = &files_;
    options_.journal_file_bytes = 32 << 10;
  }
  ~TopicOnAFullDiskTest() override { broker_.reset(); }  // before its disk
  void use_up(const TopicPtr& t) {
    files_.set_capacity(0);
    Result<> moved;
    do {
      moved = wait_for<void>([&](auto done) { broker_->skip_all(t, "s", std::move(done)); });
    } while (moved);
    ASSERT_EQ(moved.error().code, ErrorCode::disk_full);
  }
  base::FaultFileSystem files_;
};

TEST_F(TopicOnAFullDiskTest, ATrimThatIsRefusedIsToldAgain) {
  options_.trim_every = std::chrono::hours(1);
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(create_subscription(t, "s"));
  ASSERT_TRUE(publish(t, 1'000, 10));
  use_up(t);
  const auto trim = [&] {
    return wait_for<void>([&](auto done) { broker_->trim(t, std::move(done)); }).has_value();
  };
  ASSERT_TRUE(trim());
  EXPECT_EQ(stats(t).stored_messages, 0U);
  EXPECT_GT(stats(t).stored_bytes, 0U);
  files_.set_capacity(1ULL << 30);
  EXPECT_TRUE(eventually([&] { return trim() && stats(t).stored_bytes == 0; }));
}

TEST_F(TopicOnAFullDiskTest, ADeletionThatWaitsForSpaceIsAnsweredWhenTheBrokerCloses) {
  options_.trim_every = std::chrono::hours(1);
  open();
  const TopicPtr other =
      wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kOther, true, std::move(done)); }).value();
  ASSERT_TRUE(create_subscription(other, "s"));
  const TopicPtr t = topic().value();
  ASSERT_TRUE(create_subscription(t, "s"));
  ASSERT_TRUE(publish(t, 10));
  use_up(t);
  std::promise<Result<>> deleted;
  auto answer = deleted.get_future();
  broker_->delete_topic(kName, true, [&](Result<> done) { deleted.set_value(std::move(done)); });
  EXPECT_TRUE(eventually([&] { return !topic(false); }));
  static_cast<void>(stats(t));  // its end is on its way to the log
  EXPECT_FALSE(wait_for<void>([&](auto done) { broker_->skip_all(other, "s", std::move(done)); }));
  static_cast<void>(stats(t));          // and was refused
  static_cast<void>(broker_->close());  // there is no space for its last records either
  ASSERT_EQ(answer.wait_for(testing::kPatience), std::future_status::ready);
  EXPECT_FALSE(answer.get());
}

TEST_F(TopicOnAFullDiskTest, ADeletionEndsWhenThereIsSpace) {
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(create_subscription(t, "s"));
  ASSERT_TRUE(publish(t, 10));
  use_up(t);
  auto deleted = std::async(std::launch::async, [&] {
    return wait_for<void>([&](auto done) { broker_->delete_topic(kName, true, std::move(done)); });
  });
  EXPECT_TRUE(eventually([&] { return t->deleted(); }));
  EXPECT_EQ(topic(false).error().code, ErrorCode::topic_not_found);
  files_.set_capacity(1ULL << 30);
  const auto done = deleted.get();
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(TopicOnAFullDiskTest, ADeletionThatWaitsForSpaceHoldsUpNoOtherPartitionedTopic) {
  const auto create = [&](const std::string& name) {
    return wait_for<void>([&](auto done) { broker_->create_partitioned_topic(name, 2, std::move(done)); });
  };
  open();
  const TopicPtr t = topic().value();
  ASSERT_TRUE(create_subscription(t, "s"));
  const std::string orders = "persistent://public/default/orders";
  ASSERT_TRUE(create(orders));
  TopicPtr partition = wait_for<TopicPtr>([&](auto done) {
                         broker_->open_topic(orders + "-partition-0", false, std::move(done));
                       }).value();
  use_up(t);
  auto promise = std::make_shared<std::promise<Result<>>>();
  auto deleted = promise->get_future();
  broker_->delete_topic(orders, true, [promise](Result<> done) { promise->set_value(std::move(done)); });
  const auto another = create("persistent://public/default/another");
  EXPECT_TRUE(another) << another.error().message;
  const auto again = create(orders);
  EXPECT_TRUE(again) << "the name is free: " << again.error().message;
  EXPECT_NE(deleted.wait_for(std::chrono::seconds(0)), std::future_status::ready) << "the disk is full";
  // Whoever still holds a partition when the broker has gone changes nothing there any more.
  broker_.reset();
  ASSERT_EQ(deleted.wait_for(testing::kPatience), std::future_status::ready);
  EXPECT_EQ(deleted.get().error().code, ErrorCode::closed);
  partition = nullptr;
}

class TopicOnAFailingDiskTest : public TopicOnAFullDiskTest {
 protected:
  Result<ConsumerPtr> subscribe(const TopicPtr& to, const std::string& name, std::shared_ptr<Sink> sink) {
    return wait_for<ConsumerPtr>([&](auto done) {
      broker_->subscribe(to, {.subscription = name, .permits = {.messages = 10, .bytes = 1 << 20}},
                         std::move(sink), std::move(done));
    });
  }
  Result<ReaderPtr> read(const TopicPtr& from, std::shared_ptr<Sink> sink) {
    return wait_for<ReaderPtr>([&](auto done) {
      broker_->create_reader(from, {}, {.messages = 10, .bytes = 1 << 20}, std::move(sink), std::move(done));
    });
  }
};

TEST_F(TopicOnAFailingDiskTest, EverybodyHearsThatNothingMoreComes) {
  std::promise<Error> told;
  options_.on_disk_error = [&](const Error& error) { told.set_value(error); };
  options_.cores = 2;
  open();
  const TopicPtr t = topic().value();
  const TopicPtr other = wait_for<TopicPtr>([&](auto done) {
                           broker_->open_topic("persistent://public/default/other", true, std::move(done));
                         }).value();
  const auto consuming = std::make_shared<Sink>();
  const auto reading = std::make_shared<Sink>();
  const auto elsewhere = std::make_shared<Sink>();
  std::promise<Error> publishing;
  const ConsumerPtr consumer = subscribe(t, "s", consuming).value();
  const ReaderPtr reader = read(t, reading).value();
  const ConsumerPtr idle = subscribe(other, "s", elsewhere).value();
  const ProducerPtr producer =
      wait_for<ProducerPtr>([&](auto done) {
        broker_->create_producer(t, {.on_closed = [&](const Error& reason) { publishing.set_value(reason); }},
                                 std::move(done));
      }).value();
  files_.stop_at(files_.operations() + 1);
  EXPECT_EQ(publish(t, 10).error().code, ErrorCode::disk_error);

  std::future<Error> all[] = {told.get_future(), consuming->closed(), reading->closed(), elsewhere->closed(),
                              publishing.get_future()};
  for (std::future<Error>& heard : all) {
    ASSERT_EQ(heard.wait_for(testing::kPatience), std::future_status::ready);
    EXPECT_EQ(heard.get().code, ErrorCode::disk_error);
  }
  EXPECT_EQ(subscribe(t, "s", std::make_shared<Sink>()).error().code, ErrorCode::disk_error);
  EXPECT_EQ(read(t, std::make_shared<Sink>()).error().code, ErrorCode::disk_error);
  // The names are on another disk, as it were: what is made now ends before it begins.
  const TopicPtr late = wait_for<TopicPtr>([&](auto done) {
                          broker_->open_topic("persistent://public/default/late", true, std::move(done));
                        }).value();
  EXPECT_EQ(read(late, std::make_shared<Sink>()).error().code, ErrorCode::disk_error);
}

}  // namespace
}  // namespace geminga::broker

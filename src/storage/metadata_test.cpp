#include "storage/metadata.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/no_writes.hpp"
#include "storage/metadata_schema.hpp"
#include "storage/old_metadata.hpp"
#include "storage/sqlite.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MetadataTest : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "metadata.sqlite"; }
  Result<std::unique_ptr<MetadataStore>> open(const std::string& uuid = testing::kUuid,
                                              bool may_create = true) {
    return MetadataStore::open(file(), uuid, may_create);
  }
  static Result<> tenant(MetadataStore& store, const std::string& name) {
    return MetadataStore::wait<void>([&](auto done) { store.create_tenant(name, std::move(done)); });
  }
  static Result<> name_space(MetadataStore& store, const std::string& name) {
    return MetadataStore::wait<void>([&](auto done) { store.create_namespace(name, std::move(done)); });
  }
  static Result<TopicRow> topic(MetadataStore& store, const std::string& name) {
    return MetadataStore::wait<TopicRow>([&](auto done) { store.create_topic(name, std::move(done)); });
  }
  static Result<SubscriptionRow> subscription(MetadataStore& store, TopicId id, const std::string& name) {
    return MetadataStore::wait<SubscriptionRow>([&](auto done) {
      store.create_subscription(id, name, SubscriptionType::shared, {{"a", name}, {"b", ""}},
                                std::move(done));
    });
  }
  std::unique_ptr<MetadataStore> with_namespace() {
    auto store = open().value();
    EXPECT_TRUE(tenant(*store, "public"));
    EXPECT_TRUE(name_space(*store, "public/default"));
    return store;
  }

  testing::TemporaryDirectory directory_;
};

constexpr char kName[] = "persistent://public/default/orders";

TEST_F(MetadataTest, WhatChangesNothingWritesNothing) {
  auto store = with_namespace();
  const TopicId id = topic(*store, kName).value().id;
  std::atomic<int> commits = 0;
  store->on_commit([&](std::uint64_t) { ++commits; });
  const auto retain = [&](RetentionPolicy policy) {
    return MetadataStore::wait<void>([&](auto done) { store->set_retention(id, policy, std::move(done)); });
  };
  const RetentionPolicy hour{.time = std::chrono::hours(1), .bytes = std::nullopt};
  ASSERT_TRUE(retain(hour));
  const std::uint64_t sequence = store->directory().value().sequence;
  ASSERT_TRUE(retain(hour));
  EXPECT_EQ(topic(*store, kName).error().code, ErrorCode::already_exists);
  EXPECT_EQ(store->directory().value().sequence, sequence);
  EXPECT_EQ(commits, 1);
  ASSERT_TRUE(retain({.time = std::nullopt, .bytes = 5}));
  EXPECT_EQ(store->directory().value().sequence, sequence + 1);
  ASSERT_TRUE(store->close());
  EXPECT_EQ(open().value()->topics().value().at(0).retention.bytes, 5U);
}

TEST_F(MetadataTest, WithoutAThreadItDoesNotOpen) {
  {
    const testing::WithoutThreads none;
    EXPECT_EQ(open().error().code, ErrorCode::unavailable);
  }
  EXPECT_TRUE(open());
}

TEST_F(MetadataTest, ItsLogHasSpaceOnADiskThatBecomesFull) {
  auto store = with_namespace();
  const std::string log = file().string() + "-wal";
  const auto space = [&] {
    struct stat info{};
    EXPECT_EQ(stat(log.c_str(), &info), 0);
    return std::pair(info.st_size, info.st_blocks);
  };
  const auto before = space();
  EXPECT_GE(before.second * 512, 8 << 20);
  // Many times what the log takes before it is written anew from its beginning.
  const TopicRow row = topic(*store, kName).value();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) {
      store->set_retention(row.id, {.time = std::chrono::seconds(i), .bytes = std::nullopt}, std::move(done));
    }));
  }
  EXPECT_EQ(space(), before);
  store.reset();
  EXPECT_EQ(open().value()->topics().value().at(0).retention.time, std::chrono::seconds(299));
}

TEST_F(MetadataTest, KeepsNamesOverARestart) {
  TopicId id;
  {
    auto store = with_namespace();
    id = topic(*store, kName).value().id;
    ASSERT_TRUE(subscription(*store, id, "billing"));
    ASSERT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store->set_retention(id, {.time = std::nullopt, .bytes = 5}, std::move(done)); }));
  }
  const auto store = open(testing::kUuid, false).value();
  EXPECT_THAT(store->tenants().value(), ElementsAre("public"));
  EXPECT_THAT(store->namespaces().value(), ElementsAre("public/default"));
  const auto topics = store->topics().value();
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0].name, kName);
  EXPECT_EQ(topics[0].retention, (RetentionPolicy{.time = std::nullopt, .bytes = 5}));
  const auto subscriptions = store->subscriptions().value();
  ASSERT_EQ(subscriptions.size(), 1U);
  EXPECT_EQ(subscriptions[0].name, "billing");
  EXPECT_EQ(subscriptions[0].topic, id);
  EXPECT_EQ(subscriptions[0].type, SubscriptionType::shared);
  EXPECT_EQ(store->directory().value().sequence, 5U);
}

TEST_F(MetadataTest, RefusesDoublesAndOrphansByName) {
  auto store = with_namespace();
  EXPECT_EQ(tenant(*store, "public").error().code, ErrorCode::already_exists);
  EXPECT_EQ(name_space(*store, "public/default").error().code, ErrorCode::already_exists);
  EXPECT_EQ(name_space(*store, "nobody/default").error().code, ErrorCode::not_found);
  EXPECT_EQ(name_space(*store, "public").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(topic(*store, "persistent://public/other/x").error().code, ErrorCode::not_found);
  EXPECT_EQ(topic(*store, "x").error().code, ErrorCode::invalid_argument);
  const TopicId id = topic(*store, kName).value().id;
  const auto again = topic(*store, kName);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
  EXPECT_THAT(again.error().message, HasSubstr(kName));
  ASSERT_TRUE(subscription(*store, id, "s"));
  EXPECT_EQ(subscription(*store, id, "s").error().code, ErrorCode::already_exists);
  EXPECT_EQ(subscription(*store, TopicId{99}, "s").error().code, ErrorCode::not_found);
}

TEST_F(MetadataTest, NeverGivesAnIdTwice) {
  TopicId first;
  SubscriptionId first_subscription;
  {
    auto store = with_namespace();
    first = topic(*store, kName).value().id;
    first_subscription = subscription(*store, first, "s").value().id;
    ASSERT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store->tombstone_topic(first, std::move(done)); }));
    EXPECT_TRUE(store->topics().value()[0].tombstone);
    EXPECT_TRUE(store->subscriptions().value().empty());
    const TopicId second = topic(*store, kName).value().id;  // the name is free at once
    EXPECT_GT(second, first);
    ASSERT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store->tombstone_topic(second, std::move(done)); }));
    for (const TopicId id : {first, second})
      ASSERT_TRUE(
          MetadataStore::wait<void>([&, id](auto done) { store->forget_topic(id, std::move(done)); }));
    first = second;
  }
  auto store = open().value();
  EXPECT_TRUE(store->topics().value().empty());
  const TopicId third = topic(*store, kName).value().id;
  EXPECT_GT(third, first);
  EXPECT_GT(subscription(*store, third, "s").value().id, first_subscription);
}

TEST_F(MetadataTest, OneRefusedChangeDoesNotSpoilItsCommit) {
  auto store = with_namespace();
  std::vector<std::future<Result<TopicRow>>> results;
  for (int i = 0; i < 200; ++i) {
    auto promise = std::make_shared<std::promise<Result<TopicRow>>>();
    results.push_back(promise->get_future());
    const std::string name = i % 2 == 0 ? kName : "persistent://public/default/t" + std::to_string(i);
    store->create_topic(name, [promise](Result<TopicRow> row) { promise->set_value(std::move(row)); });
  }
  int made = 0;
  for (auto& result : results) made += result.get().has_value() ? 1 : 0;
  EXPECT_EQ(made, 101);
  EXPECT_EQ(store->topics().value().size(), 101U);
  EXPECT_LT(store->directory().value().sequence, 200U);  // commits are grouped
}

TEST_F(MetadataTest, RefusesANewerSchemaAnotherDirectoryAndAMissingFile) {
  EXPECT_EQ(open(testing::kUuid, false).error().code, ErrorCode::not_found);
  with_namespace();
  const auto foreign = open("00000000-0000-4000-8000-000000000000");
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::corrupted);
  EXPECT_THAT(foreign.error().message, HasSubstr("another data directory"));
  const std::string newer = "PRAGMA user_version = " + std::to_string(kMetadataSchema + 1);
  ASSERT_TRUE(Sqlite::open(file(), false).value()->run(newer.c_str()));
  EXPECT_EQ(open().error().code, ErrorCode::format_too_new);
}

TEST_F(MetadataTest, ReadsTheFirstSchemaAndKeepsWhatLaterOnesAdd) {
  {
    const auto store = with_namespace();
    ASSERT_TRUE(topic(*store, kName));
  }
  ASSERT_TRUE(testing::bring_back_to_schema(file(), 1));
  TopicId id;
  {
    const auto store = open(testing::kUuid, false).value();
    const TopicRow row = store->topics().value().at(0);
    id = row.id;
    EXPECT_FALSE(row.producer_epoch);
    EXPECT_FALSE(row.terminated);
    EXPECT_FALSE(row.view);
    EXPECT_FALSE(row.view_of);
    EXPECT_TRUE(store->policies().value().empty());
    ASSERT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store->set_producer_epoch(id, 4, std::move(done)); }));
    ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) { store->terminate_topic(id, std::move(done)); }));
    ASSERT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store->set_topic_policies(id, {{"a", 1}, {"b", 2}}, std::move(done)); }));
    ASSERT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store->set_topic_policies(id, {{"b", 3}}, std::move(done)); }));
    ASSERT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store->set_namespace_policies("public/default", {{"c", 4}}, std::move(done)); }));
    EXPECT_EQ(MetadataStore::wait<void>(
                  [&](auto done) { store->set_namespace_policies("no/where", {}, std::move(done)); })
                  .error()
                  .code,
              ErrorCode::not_found);
  }
  const auto store = open(testing::kUuid, false).value();
  EXPECT_EQ(store->topics().value().at(0).producer_epoch, 4U);
  EXPECT_TRUE(store->topics().value().at(0).terminated);
  auto rows = store->policies().value();
  ASSERT_EQ(rows.size(), 2U);
  std::ranges::sort(rows, {}, &PolicyRow::name);
  EXPECT_EQ(rows[0].name_space, "");
  EXPECT_EQ(rows[0].topic, id);
  EXPECT_EQ(rows[0].value, 3U);
  EXPECT_EQ(rows[1].name_space, "public/default");
  EXPECT_EQ(rows[1].value, 4U);
  ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) { store->tombstone_topic(id, std::move(done)); }));
  EXPECT_EQ(store->policies().value().size(), 1U) << "a deleted topic has none";
}

TEST_F(MetadataTest, KeepsThePropertiesOfASubscription) {
  const Properties properties{{"a", "s"}, {"b", ""}};
  {
    const auto store = with_namespace();
    const TopicId id = topic(*store, kName).value().id;
    EXPECT_EQ(subscription(*store, id, "s").value().properties, properties);
    ASSERT_TRUE(subscription(*store, id, "t"));
  }
  const auto store = open(testing::kUuid, false).value();
  const auto rows = store->subscriptions().value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].properties, properties);
  EXPECT_EQ(rows[1].name, "t");
  ASSERT_TRUE(
      MetadataStore::wait<void>([&](auto done) { store->delete_subscription(rows[0].id, std::move(done)); }));
  EXPECT_EQ(store->subscriptions().value().size(), 1U);
  ASSERT_TRUE(
      MetadataStore::wait<void>([&](auto done) { store->tombstone_topic(rows[1].topic, std::move(done)); }));
  EXPECT_TRUE(store->subscriptions().value().empty()) << "their properties hold nothing back";
}

TEST_F(MetadataTest, SubscriptionsOfBeforeTheirPropertiesGoOnAsTheyWere) {
  {
    const auto store = with_namespace();
    ASSERT_TRUE(subscription(*store, topic(*store, kName).value().id, "old"));
  }
  ASSERT_TRUE(testing::bring_back_to_schema(file(), 4));
  const auto store = open(testing::kUuid, false).value();
  EXPECT_EQ(store->subscriptions().value().at(0).properties, (Properties{{"geminga.delay", "hold"}}));
}

/// A write that fails in the middle must not take with it what an older commit has in the same page.
TEST_F(MetadataTest, ACommitBeginsBehindThePagesOfTheOneBefore) {
  constexpr std::uintmax_t kFrame = 4'096 + 24;
  const auto path = file().parent_path() / "odd name %41?.db";
  const auto database = Sqlite::open(path, true).value();
  ASSERT_TRUE(database->run("CREATE TABLE t(x); INSERT INTO t VALUES(1)"));
  EXPECT_TRUE(std::filesystem::exists(path)) << "its name is taken as it is";
  const auto log = [&] { return std::filesystem::file_size(path.string() + "-wal"); };
  const std::uintmax_t before = log();
  ASSERT_TRUE(database->run("INSERT INTO t VALUES(2)"));
  EXPECT_GE(log() - before, 2 * kFrame)
      << "one page is changed, and the frame is repeated to the next sector";
}

TEST_F(MetadataTest, SaysWhichCommitEachChangeIsIn) {
  const auto store = with_namespace();
  std::atomic<std::uint64_t> last = 0;
  store->on_commit([&](std::uint64_t sequence) { last = sequence; });
  ASSERT_TRUE(topic(*store, kName));
  EXPECT_EQ(last, store->directory().value().sequence) << "told before the answer";
}

TEST_F(MetadataTest, RefusesADamagedFile) {
  with_namespace();
  {
    std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
    damaged.write("not a database at all, not a database at all", 44);
  }
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::corrupted);
  EXPECT_THAT(store.error().message, HasSubstr("metadata.sqlite"));
}

TEST_F(MetadataTest, AFileThatAnotherProgramHoldsIsRefusedAndUsedAgain) {
  const auto store = with_namespace();
  const auto shell = Sqlite::open(file(), false).value();
  ASSERT_TRUE(shell->run("BEGIN IMMEDIATE"));
  const auto refused = tenant(*store, "later");
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("Another program holds the file"));
  ASSERT_TRUE(shell->run("ROLLBACK"));
  EXPECT_TRUE(tenant(*store, "later"));
}

TEST_F(MetadataTest, WhereTheWholeTransactionIsTakenBackNobodyIsToldOtherwise) {
  const auto store = with_namespace();
  // As SQLite does by itself when a disk is full or fails inside a statement.
  const auto shell = Sqlite::open(file(), false).value();
  ASSERT_TRUE(
      shell->run("CREATE TRIGGER full BEFORE INSERT ON tenants WHEN new.name = 'too much' "
                 "BEGIN SELECT RAISE(ROLLBACK, 'no space'); END"));
  std::promise<void> held;
  std::promise<void> gathered;
  store->create_tenant("first", [&held, go = gathered.get_future().share()](const Result<>&) {
    held.set_value();
    go.wait();
  });
  held.get_future().wait();
  std::vector<std::future<Result<>>> results;
  for (const char* name : {"before", "too much", "behind"}) {
    auto promise = std::make_shared<std::promise<Result<>>>();
    results.push_back(promise->get_future());
    store->create_tenant(name, [promise](Result<> made) { promise->set_value(std::move(made)); });
  }
  gathered.set_value();
  for (auto& result : results) EXPECT_FALSE(result.get());
  EXPECT_TRUE(tenant(*store, "after"));
  EXPECT_THAT(store->tenants().value(), ElementsAre("after", "first", "public"));
}

TEST_F(MetadataTest, AfterAFailedWriteNothingIsTakenAndTheOwnerIsTold) {
  const auto store = with_namespace();
  std::vector<Error> told;
  store->on_disk_error([&](const Error& error) { told.push_back(error); });
  {
    const base::testing::NoWrites disk;
    EXPECT_EQ(tenant(*store, "lost").error().code, ErrorCode::disk_error);
  }
  EXPECT_EQ(tenant(*store, "after").error().code, ErrorCode::disk_error);
  EXPECT_EQ(store->close().error().code, ErrorCode::disk_error);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].message, HasSubstr("metadata.sqlite"));
}

TEST_F(MetadataTest, AnswersClosedAfterClose) {
  auto store = with_namespace();
  ASSERT_TRUE(store->close());
  ASSERT_TRUE(store->close());
  EXPECT_EQ(tenant(*store, "late").error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace geminga::storage

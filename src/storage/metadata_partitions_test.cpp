#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/partition_name.hpp"
#include "storage/metadata.hpp"
#include "storage/old_metadata.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kName[] = "persistent://public/default/orders";

class MetadataPartitionsTest : public ::testing::Test {
 protected:
  MetadataPartitionsTest() {
    open();
    EXPECT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store_->create_tenant("public", std::move(done)); }));
    EXPECT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store_->create_namespace("public/default", std::move(done)); }));
  }
  [[nodiscard]] std::filesystem::path file() const { return directory_.path() / "metadata.sqlite"; }
  void open() {
    store_.reset();
    store_ = MetadataStore::open(file(), testing::kUuid, true).value();
  }
  Result<TopicRow> plain(const std::string& name) {
    return MetadataStore::wait<TopicRow>([&](auto done) { store_->create_topic(name, std::move(done)); });
  }
  Result<std::vector<TopicRow>> create(std::uint32_t partitions) {
    return MetadataStore::wait<std::vector<TopicRow>>(
        [&](auto done) { store_->create_partitioned_topic(kName, partitions, std::move(done)); });
  }
  Result<std::vector<TopicRow>> grow(std::uint32_t partitions) {
    return MetadataStore::wait<std::vector<TopicRow>>(
        [&](auto done) { store_->create_partitions(kName, partitions, std::move(done)); });
  }
  Result<> set(std::uint32_t partitions) {
    return MetadataStore::wait<void>(
        [&](auto done) { store_->set_partitions(kName, partitions, std::move(done)); });
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MetadataStore> store_;
};

TEST_F(MetadataPartitionsTest, KeepsCountAndPartitionsOverARestart) {
  EXPECT_EQ(create(3).value().size(), 3U);
  open();
  const auto rows = store_->partitioned_topics().value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].name, kName);
  EXPECT_EQ(rows[0].partitions, 3U);
  const auto topics = store_->topics().value();
  ASSERT_EQ(topics.size(), 3U);
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(topics[i].name, base::partition_name(kName, i));
}

TEST_F(MetadataPartitionsTest, ANameIsPlainOrPartitioned) {
  ASSERT_TRUE(create(2));
  EXPECT_EQ(create(2).error().code, ErrorCode::already_exists);
  EXPECT_EQ(plain(kName).error().code, ErrorCode::already_exists);
  const auto beyond = plain(base::partition_name(kName, 2));
  EXPECT_EQ(beyond.error().code, ErrorCode::topic_not_found);
  EXPECT_THAT(beyond.error().message, HasSubstr("2 partitions"));
  EXPECT_EQ(store_->topics().value().size(), 2U);
}

TEST_F(MetadataPartitionsTest, APlainTopicIsInTheWay) {
  const TopicId itself = plain(kName).value().id;
  EXPECT_THAT(create(2).error().message, HasSubstr("without partitions"));
  ASSERT_TRUE(
      MetadataStore::wait<void>([&](auto done) { store_->tombstone_topic(itself, std::move(done)); }));
  ASSERT_TRUE(plain(std::string(kName) + "-partition-x"));
  const TopicId part = plain(base::partition_name(kName, 7)).value().id;
  const auto refused = create(2);
  EXPECT_EQ(refused.error().code, ErrorCode::already_exists);
  EXPECT_THAT(refused.error().message, HasSubstr("orders-partition-7"));
  ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) { store_->tombstone_topic(part, std::move(done)); }));
  EXPECT_TRUE(create(2));
}

TEST_F(MetadataPartitionsTest, GrowthInheritsAndIsRepeatable) {
  const TopicId first = create(2).value().at(0).id;
  const RetentionPolicy retention{.time = std::nullopt, .bytes = 5};
  ASSERT_TRUE(MetadataStore::wait<void>(
      [&](auto done) { store_->set_retention(first, retention, std::move(done)); }));
  ASSERT_TRUE(MetadataStore::wait<void>(
      [&](auto done) { store_->set_topic_policies(first, {{"a", 1}}, std::move(done)); }));
  const auto some = grow(3).value();
  ASSERT_EQ(some.size(), 1U);
  EXPECT_EQ(some[0].retention, retention);
  const auto all = grow(4).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, some[0].id) << "it was there";
  EXPECT_EQ(store_->policies().value().size(), 3U);
  EXPECT_EQ(store_->partitioned_topics().value()[0].partitions, 2U) << "not before the last step";
  ASSERT_TRUE(set(4));
  EXPECT_EQ(store_->partitioned_topics().value()[0].partitions, 4U);
  EXPECT_THAT(grow(4).value(), IsEmpty());
}

TEST_F(MetadataPartitionsTest, IsDeletedAtOnce) {
  const auto rows = create(3).value();
  std::vector<TopicId> ids;
  for (const TopicRow& row : rows) ids.push_back(row.id);
  const auto remove = [&](std::vector<TopicId> which) {
    return MetadataStore::wait<void>(
        [&](auto done) { store_->tombstone_partitioned_topic(kName, std::move(which), std::move(done)); });
  };
  EXPECT_EQ(remove({ids[0], TopicId{99}}).error().code, ErrorCode::not_found);
  EXPECT_FALSE(store_->topics().value()[0].tombstone) << "all or nothing";
  ASSERT_TRUE(remove(ids));
  EXPECT_THAT(store_->partitioned_topics().value(), IsEmpty());
  const auto left = store_->topics().value();
  for (const TopicRow& row : left) EXPECT_TRUE(row.tombstone) << row.name;
  EXPECT_EQ(remove({}).error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(set(4).error().code, ErrorCode::topic_not_found);
  EXPECT_EQ(grow(4).error().code, ErrorCode::topic_not_found);
  EXPECT_TRUE(plain(kName)) << "the name is free";
}

TEST_F(MetadataPartitionsTest, ADatabaseOfTheThirdSchemaIsMigrated) {
  ASSERT_TRUE(plain("persistent://public/default/old"));
  store_.reset();
  ASSERT_TRUE(testing::bring_back_to_schema(file(), 3));
  open();
  EXPECT_EQ(store_->topics().value().size(), 1U);
  EXPECT_THAT(store_->partitioned_topics().value(), IsEmpty());
  EXPECT_TRUE(create(2));
}

}  // namespace
}  // namespace geminga::storage

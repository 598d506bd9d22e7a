#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/metadata.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

constexpr char kName[] = "persistent://public/default/orders";

class MetadataViewsTest : public ::testing::Test {
 protected:
  MetadataViewsTest() {
    open();
    EXPECT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store_->create_tenant("public", std::move(done)); }));
    EXPECT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store_->create_namespace("public/default", std::move(done)); }));
    topic_ = MetadataStore::wait<TopicRow>([&](auto done) { store_->create_topic(kName, std::move(done)); })
                 .value()
                 .id;
  }
  void open() {
    store_.reset();
    store_ = MetadataStore::open(directory_.path() / "metadata.sqlite", testing::kUuid, true).value();
  }
  Result<TopicRow> create() {
    return MetadataStore::wait<TopicRow>([&](auto done) { store_->create_view(topic_, std::move(done)); });
  }
  Result<> use(TopicId view, EntryId horizon) {
    return MetadataStore::wait<void>([&](auto done) {
      store_->set_view(topic_, {.topic = view, .horizon = horizon, .entries = 3}, std::move(done));
    });
  }
  Result<> tombstone(TopicId id) {
    return MetadataStore::wait<void>([&](auto done) { store_->tombstone_topic(id, std::move(done)); });
  }
  TopicRow row(TopicId id) {
    open();
    const auto rows = store_->topics().value();
    for (const TopicRow& each : rows) {
      if (each.id == id) return each;
    }
    ADD_FAILURE() << "no row " << id.value;
    return {};
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MetadataStore> store_;
  TopicId topic_;
};

TEST_F(MetadataViewsTest, AViewIsARowThatNamesItsTopicAndIsNotInUseYet) {
  const TopicRow view = create().value();
  EXPECT_EQ(view.view_of, topic_);
  EXPECT_FALSE(row(topic_).view);
  const TopicRow stored = row(view.id);
  EXPECT_EQ(stored.view_of, topic_);
  EXPECT_EQ(stored.name, view.name);
  EXPECT_FALSE(stored.tombstone);
}

TEST_F(MetadataViewsTest, OneCommitPutsANewViewInThePlaceOfAllOthers) {
  const TopicId first = create().value().id;
  ASSERT_TRUE(use(first, EntryId{7}));
  const TopicId given_up = create().value().id;
  const TopicId second = create().value().id;
  EXPECT_EQ(row(topic_).view, (ViewRow{.topic = first, .horizon = EntryId{7}, .entries = 3}));
  ASSERT_TRUE(use(second, EntryId{9}));
  EXPECT_EQ(row(topic_).view, (ViewRow{.topic = second, .horizon = EntryId{9}, .entries = 3}));
  EXPECT_TRUE(row(first).tombstone);
  EXPECT_TRUE(row(given_up).tombstone);
  EXPECT_FALSE(row(second).tombstone);
}

TEST_F(MetadataViewsTest, ATopicTakesItsViewsWithIt) {
  const TopicId used = create().value().id;
  ASSERT_TRUE(use(used, EntryId{7}));
  const TopicId begun = create().value().id;
  ASSERT_TRUE(tombstone(topic_));
  EXPECT_TRUE(row(used).tombstone);
  EXPECT_TRUE(row(begun).tombstone);
  EXPECT_EQ(use(begun, EntryId{9}).error().code, ErrorCode::not_found);
  EXPECT_EQ(create().error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace geminga::storage

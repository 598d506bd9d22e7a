#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/metadata.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr char kName[] = "persistent://public/default/orders";

class MetadataTopicSchemasTest : public ::testing::Test {
 protected:
  MetadataTopicSchemasTest() {
    open();
    EXPECT_TRUE(
        MetadataStore::wait<void>([&](auto done) { store_->create_tenant("public", std::move(done)); }));
    EXPECT_TRUE(MetadataStore::wait<void>(
        [&](auto done) { store_->create_namespace("public/default", std::move(done)); }));
  }
  void open() {
    store_.reset();
    store_ = MetadataStore::open(directory_.path() / "metadata.sqlite", testing::kUuid, true).value();
  }
  TopicId topic(const std::string& name = kName) {
    return MetadataStore::wait<TopicRow>([&](auto done) { store_->create_topic(name, std::move(done)); })
        .value()
        .id;
  }
  static SchemaRow row(std::uint64_t version, std::string definition = "{}", std::string name = kName) {
    return {.topic = std::move(name),
            .version = version,
            .type = 4,
            .fingerprint = "f" + definition,
            .registered = Timestamp(std::chrono::milliseconds(1'000 + version)),
            .definition = std::move(definition),
            .properties = {{"a", "1"}, {"b", ""}}};
  }
  Result<> add(SchemaRow row, std::optional<TopicId> live = std::nullopt) {
    return MetadataStore::wait<void>(
        [&](auto done) { store_->add_schema(std::move(row), live, std::move(done)); });
  }
  std::vector<SchemaRow> marks(const std::string& name = kName) {
    return MetadataStore::wait<std::vector<SchemaRow>>(
               [&](auto done) { store_->schema_marks(name, std::move(done)); })
        .value();
  }
  std::vector<SchemaRow> whole(std::optional<std::uint64_t> version = std::nullopt) {
    return MetadataStore::wait<std::vector<SchemaRow>>(
               [&](auto done) { store_->schemas(kName, version, std::move(done)); })
        .value();
  }
  std::optional<std::uint64_t> remove(SchemaRemoval how) {
    return MetadataStore::wait<std::optional<std::uint64_t>>(
               [&](auto done) { store_->remove_schemas(kName, how, std::move(done)); })
        .value();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MetadataStore> store_;
};

TEST_F(MetadataTopicSchemasTest, VersionsAreThereAfterARestartAsTheyWere) {
  const std::string bytes("\0\0\0\1x\xff\0", 7);
  ASSERT_TRUE(add(row(0)));
  ASSERT_TRUE(add(row(1, bytes)));
  SchemaRow plain = row(2, "");
  plain.properties.clear();
  ASSERT_TRUE(add(plain));
  open();
  const auto all = whole();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].definition, "{}");
  EXPECT_EQ(all[0].properties, row(0).properties);
  EXPECT_EQ(all[0].type, 4U);
  EXPECT_EQ(all[0].registered, row(0).registered);
  EXPECT_EQ(all[1].definition, bytes);
  EXPECT_EQ(all[1].bytes, 7U);
  EXPECT_EQ(all[2].definition, "");
  EXPECT_THAT(all[2].properties, IsEmpty());
  EXPECT_EQ(whole(1).at(0).definition, bytes);
  EXPECT_THAT(whole(3), IsEmpty());
  EXPECT_EQ(marks().at(1).fingerprint, "f" + bytes);
  EXPECT_EQ(marks().at(1).bytes, 7U);
  EXPECT_EQ(marks().at(1).definition, "");
  EXPECT_THAT(marks("persistent://public/default/other"), IsEmpty());
}

TEST_F(MetadataTopicSchemasTest, OnlyTheNextVersionIsTaken) {
  EXPECT_EQ(add(row(1)).error().code, ErrorCode::conflict);
  ASSERT_TRUE(add(row(0)));
  EXPECT_EQ(add(row(0)).error().code, ErrorCode::conflict);
  EXPECT_EQ(add(row(0, "{}", "persistent://public/nowhere/t")).error().code, ErrorCode::not_found);
  EXPECT_EQ(marks().size(), 1U);
}

TEST_F(MetadataTopicSchemasTest, ADeletionKeepsTheNumbersOrNothing) {
  EXPECT_EQ(remove(SchemaRemoval::keep_numbers), std::nullopt);
  EXPECT_THAT(marks(), IsEmpty()) << "no mark where there was nothing";
  ASSERT_TRUE(add(row(0)));
  ASSERT_TRUE(add(row(1, "other")));
  EXPECT_EQ(remove(SchemaRemoval::keep_numbers), 2U);
  EXPECT_EQ(remove(SchemaRemoval::keep_numbers), 2U) << "a second one changes nothing";
  EXPECT_THAT(marks(), ElementsAre(Field(&SchemaRow::type, std::nullopt)));
  ASSERT_TRUE(add(row(3)));
  open();
  EXPECT_EQ(marks().size(), 2U);
  EXPECT_EQ(remove(SchemaRemoval::forget), std::nullopt);
  EXPECT_THAT(marks(), IsEmpty());
  EXPECT_TRUE(add(row(0)));
}

TEST_F(MetadataTopicSchemasTest, ATopicTakesItsSchemasWithIt) {
  const TopicId id = topic();
  ASSERT_TRUE(add(row(0), id));
  const std::string other = "persistent://public/default/other";
  ASSERT_TRUE(add(row(0, "{}", other)));
  ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) { store_->tombstone_topic(id, std::move(done)); }));
  EXPECT_THAT(marks(), IsEmpty());
  EXPECT_EQ(marks(other).size(), 1U);
  EXPECT_EQ(add(row(0), id).error().code, ErrorCode::topic_not_found)
      << "who asked before the deletion leaves nothing behind";
  EXPECT_TRUE(add(row(0), topic())) << "another topic of that name";
}

TEST_F(MetadataTopicSchemasTest, PartitionsHaveThoseOfTheWhole) {
  const auto rows = MetadataStore::wait<std::vector<TopicRow>>([&](auto done) {
                      store_->create_partitioned_topic(kName, 2, std::move(done));
                    }).value();
  ASSERT_TRUE(add(row(0), rows.at(1).id));
  ASSERT_TRUE(MetadataStore::wait<void>([&](auto done) {
    store_->tombstone_partitioned_topic(kName, {rows.at(0).id, rows.at(1).id}, std::move(done));
  }));
  EXPECT_THAT(marks(), IsEmpty());
}

}  // namespace
}  // namespace geminga::storage

#include "broker/schemas/schema_registry.hpp"

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/partition_name.hpp"
#include "broker/broker_fixture.hpp"

namespace geminga::broker {
namespace {

using testing::wait_for;
using Version = std::optional<std::uint64_t>;

constexpr char kName[] = "persistent://public/default/t";

SchemaDefinition order(const std::string& field = "a") {
  return {.type = SchemaType::avro,
          .data = R"({"type":"record","name":"Order","fields":[{"name":")" + field + R"(","type":"int"}]})",
          .properties = {{"by", "test"}}};
}
SchemaDefinition string_schema() {
  return {.type = SchemaType::string, .data = "", .properties = {}};
}

class SchemaRegistryTest : public testing::BrokerTest {
 protected:
  SchemaRegistry& registry() { return broker_->schemas(); }
  Result<Version> produce(const std::optional<SchemaDefinition>& schema, const std::string& name = kName) {
    return wait_for<Version>(
        [&](auto done) { registry().admit_producer(topic(name), schema, std::move(done)); });
  }
  Result<> consume(const std::optional<SchemaDefinition>& schema, const std::string& name = kName) {
    return wait_for<void>(
        [&](auto done) { registry().admit_consumer(topic(name), schema, std::move(done)); });
  }
  Result<Schema> find(Version version = std::nullopt, const std::string& name = kName) {
    return wait_for<Schema>([&](auto done) { registry().find(name, version, std::move(done)); });
  }
  Result<std::uint64_t> add(const SchemaDefinition& schema, const std::string& name = kName) {
    return wait_for<std::uint64_t>([&](auto done) { registry().add(name, schema, std::move(done)); });
  }
  Result<Version> remove(storage::SchemaRemoval how) {
    return wait_for<Version>([&](auto done) { registry().remove(kName, how, std::move(done)); });
  }
  void policies(Policies policies) {
    ASSERT_TRUE(wait_for<void>(
        [&](auto done) { broker_->set_policies(topic(), std::move(policies), std::move(done)); }));
  }
  Result<> delete_topic(const std::string& name) {
    return wait_for<void>([&](auto done) { broker_->delete_topic(name, false, std::move(done)); });
  }
};

TEST_F(SchemaRegistryTest, TheFirstProducerSaysWhatTheTopicIsFor) {
  EXPECT_EQ(produce(std::nullopt).value(), std::nullopt);
  EXPECT_EQ(find().error().code, ErrorCode::not_found);
  EXPECT_EQ(produce(order()).value(), 0U);
  EXPECT_EQ(produce(order()).value(), 0U);
  EXPECT_EQ(produce(std::nullopt).value(), std::nullopt);
  const Schema found = find().value();
  EXPECT_EQ(found.version, 0U);
  EXPECT_EQ(found.definition.type, SchemaType::avro);
  EXPECT_EQ(found.definition.data, order().data);
  EXPECT_EQ(found.definition.properties, order().properties);
  EXPECT_GT(found.registered.time_since_epoch().count(), 0);
  EXPECT_EQ(find(0).value().version, 0U);
  EXPECT_EQ(find(1).error().code, ErrorCode::not_found);
  EXPECT_EQ(produce(order("b")).error().code, ErrorCode::incompatible_schema);
  EXPECT_EQ(produce(string_schema()).error().code, ErrorCode::incompatible_schema);
  SchemaDefinition broken = order();
  broken.data.pop_back();
  EXPECT_EQ(produce(broken).error().code, ErrorCode::invalid_schema);
}

TEST_F(SchemaRegistryTest, VersionsStayOverARestart) {
  policies({.schema_compatibility = SchemaCompatibility::always_compatible});
  EXPECT_EQ(produce(order()).value(), 0U);
  EXPECT_EQ(produce(string_schema()).value(), 1U);
  reopen();
  EXPECT_EQ(produce(order()).value(), 0U);
  EXPECT_EQ(find().value().definition.type, SchemaType::string);
  EXPECT_EQ(produce(order("b")).value(), 2U);
  const auto all = wait_for<std::vector<Schema>>([&](auto done) { registry().all(kName, std::move(done)); });
  ASSERT_EQ(all.value().size(), 3U);
  EXPECT_EQ(all.value()[2].definition.data, order("b").data);
}

TEST_F(SchemaRegistryTest, PoliciesOfTheNamespaceAndOfTheTopic) {
  ASSERT_EQ(produce(order()).value(), 0U);
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->set_namespace_policies("public/default", {.schema_validation_enforced = true}, std::move(done));
  }));
  EXPECT_EQ(produce(std::nullopt).error().code, ErrorCode::incompatible_schema);
  EXPECT_TRUE(produce(std::nullopt, "persistent://public/default/other"));
  policies({.schema_auto_update = false, .schema_validation_enforced = false});
  EXPECT_TRUE(produce(std::nullopt));
  EXPECT_EQ(produce(order("b")).error().code, ErrorCode::incompatible_schema);
  EXPECT_EQ(produce(order()).value(), 0U);
  policies({.schema_compatibility = SchemaCompatibility::always_compatible, .schema_auto_update = false});
  EXPECT_EQ(add(order("b")).value(), 1U) << "who manages the topic may";
  EXPECT_EQ(produce(order("b")).value(), 1U);
}

TEST_F(SchemaRegistryTest, AConsumerOfAnIdleTopicRegistersToo) {
  EXPECT_TRUE(consume(std::nullopt));
  EXPECT_TRUE(consume(SchemaDefinition{.type = SchemaType::auto_consume, .data = "", .properties = {}}));
  EXPECT_FALSE(find());
  EXPECT_TRUE(consume(order()));
  EXPECT_EQ(find().value().version, 0U);
  EXPECT_TRUE(consume(order()));
  EXPECT_EQ(consume(string_schema()).error().code, ErrorCode::incompatible_schema);
  const std::string used = "persistent://public/default/used";
  publish(topic(used), "bytes");
  EXPECT_EQ(consume(order(), used).error().code, ErrorCode::incompatible_schema);
  EXPECT_TRUE(consume(string_schema(), used));
  EXPECT_FALSE(find(std::nullopt, used));
  EXPECT_EQ(produce(order(), used).value(), 0U);
  EXPECT_TRUE(consume(order(), used));
}

TEST_F(SchemaRegistryTest, ThoseWhoComeAtTheSameTimeGetOneVersionEach) {
  policies({.schema_compatibility = SchemaCompatibility::always_compatible});
  const TopicPtr to = topic();
  constexpr std::size_t kClients = 40;
  std::atomic<std::size_t> answered{0};
  std::vector<Version> versions(kClients);
  for (std::size_t i = 0; i < kClients; ++i) {
    registry().admit_producer(to, order("f" + std::to_string(i % 4)), [&, i](Result<Version> version) {
      versions[i] = version.value_or(std::nullopt);
      ++answered;
    });
  }
  ASSERT_TRUE(testing::eventually([&] { return answered == kClients; }));
  for (std::size_t i = 0; i < kClients; ++i) {
    ASSERT_TRUE(versions[i]);
    EXPECT_LT(*versions[i], 4U);
    EXPECT_EQ(versions[i], versions[i % 4]);
  }
}

TEST_F(SchemaRegistryTest, TheyGoWithTheTopic) {
  ASSERT_EQ(produce(order()).value(), 0U);
  ASSERT_TRUE(delete_topic(kName));
  EXPECT_FALSE(find());
  EXPECT_EQ(produce(string_schema()).value(), 0U);
}

TEST_F(SchemaRegistryTest, PartitionsHaveThoseOfTheWhole) {
  ASSERT_TRUE(
      wait_for<void>([&](auto done) { broker_->create_partitioned_topic(kName, 3, std::move(done)); }));
  EXPECT_EQ(produce(order(), base::partition_name(kName, 1)).value(), 0U);
  EXPECT_EQ(produce(order(), base::partition_name(kName, 2)).value(), 0U);
  EXPECT_FALSE(produce(order("b"), base::partition_name(kName, 2)));
  EXPECT_TRUE(find(std::nullopt, base::partition_name(kName, 0)));
  EXPECT_TRUE(find());
  EXPECT_EQ(add(order()).value(), 0U);
  ASSERT_TRUE(delete_topic(kName));
  EXPECT_FALSE(find());
}

TEST_F(SchemaRegistryTest, WhoManagesItNeedsNoTopic) {
  EXPECT_EQ(add(order()).error().code, ErrorCode::not_found) << "no namespace";
  topic("persistent://public/default/other");
  EXPECT_EQ(add(order()).value(), 0U);
  EXPECT_EQ(add(order()).value(), 0U);
  EXPECT_EQ(add(order("b")).error().code, ErrorCode::incompatible_schema);
  EXPECT_EQ(add(order(), "non-persistent://public/default/t").error().code, ErrorCode::invalid_argument);
  const auto version = [&](const SchemaDefinition& schema) {
    return wait_for<Version>([&](auto done) { registry().find_version(kName, schema, std::move(done)); })
        .value();
  };
  EXPECT_EQ(version(order()), 0U);
  EXPECT_EQ(version(order("b")), std::nullopt);
  const auto check = [&](const SchemaDefinition& schema) {
    return wait_for<SchemaCheck>([&](auto done) { registry().check(kName, schema, std::move(done)); })
        .value();
  };
  EXPECT_TRUE(check(order()).compatible);
  EXPECT_FALSE(check(order("b")).compatible);
  EXPECT_FALSE(check(order("b")).why.empty());
  EXPECT_EQ(produce(order()).value(), 0U);
}

TEST_F(SchemaRegistryTest, ADeletionBeginsAnewWithTheNextNumber) {
  ASSERT_EQ(produce(order()).value(), 0U);
  EXPECT_EQ(remove(storage::SchemaRemoval::keep_numbers).value(), 1U);
  EXPECT_FALSE(find());
  EXPECT_FALSE(find(0));
  EXPECT_FALSE(find(1));
  EXPECT_EQ(produce(string_schema()).value(), 2U);
  EXPECT_EQ(find().value().version, 2U);
  EXPECT_EQ(remove(storage::SchemaRemoval::forget).value(), std::nullopt);
  EXPECT_EQ(produce(order()).value(), 0U);
}

}  // namespace
}  // namespace geminga::broker

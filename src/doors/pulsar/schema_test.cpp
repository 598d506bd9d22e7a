// Schemas over the wire: who brings one, who asks for one.
#include "doors/pulsar/schema.hpp"

#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator.hpp"
#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::kTopic;
using wire::SchemaType;
using wire::ServerError;

constexpr std::string_view kOrder = R"({"type":"record","name":"O","fields":[{"name":"a","type":"int"}]})";
constexpr std::string_view kSameOrder =
    R"({"name":"O", "type":"record", "doc":"an order", "fields":[{"name":"a", "type":"int"}]})";
constexpr std::string_view kOther = R"({"type":"record","name":"O","fields":[{"name":"b","type":"int"}]})";
const std::string kFirst(8, '\0');

wire::Schema schema(SchemaType type, std::string_view data = {}) {
  return {.name = "s", .schema_data = data, .type = type};
}

class PulsarSchemaTest : public testing::PulsarDoorTest {
 protected:
  void SetUp() override {
    PulsarDoorTest::SetUp();
    client_ = client();
  }
  void TearDown() override {
    client_.reset();
    PulsarDoorTest::TearDown();
  }
  /// The version; an error as its text.
  std::string produce(std::optional<wire::Schema> with, std::string_view topic = kTopic) {
    ++next_;
    wire::CommandProducer producer{.topic = topic, .producer_id = next_, .request_id = next_};
    if (with) producer.schema = *with;
    client_->say(producer);
    return answer_of<wire::CommandProducerSuccess>(
        [](const auto& success) { return std::string(*success.schema_version); });
  }
  std::string subscribe(std::optional<wire::Schema> with, std::string_view topic = kTopic) {
    ++next_;
    const std::string name = "s" + std::to_string(next_);
    wire::CommandSubscribe subscribe{
        .topic = topic, .subscription = name, .consumer_id = next_, .request_id = next_};
    if (with) subscribe.schema = *with;
    client_->say(subscribe);
    return answer_of<wire::CommandSuccess>([](const auto&) { return std::string("in"); });
  }
  void close_consumer() {
    client_->say(wire::CommandCloseConsumer{.consumer_id = next_, .request_id = 1});
    client_->hear<wire::CommandSuccess>();
  }
  auto get(std::optional<std::string_view> version = std::nullopt, std::string_view topic = kTopic) {
    wire::CommandGetSchema command{.request_id = 5, .topic = topic};
    if (version) command.schema_version = *version;
    client_->say(command);
    return client_->hear<wire::CommandGetSchemaResponse>();
  }
  auto get_or_create(const wire::Schema& with, std::string_view topic = kTopic) {
    client_->say(wire::CommandGetOrCreateSchema{.request_id = 6, .topic = topic, .schema = with});
    return client_->hear<wire::CommandGetOrCreateSchemaResponse>();
  }
  void policies(const Policies& policies) {
    topic();  // and with it the namespace
    ASSERT_TRUE(base::await<void>(
        [&](auto done) { broker_->set_namespace_policies("public/default", policies, std::move(done)); }, 10s,
        "policies"));
  }

  std::unique_ptr<testing::RawPulsar> client_;
  std::uint64_t next_ = 100;

 private:
  template <class Success, class Take>
  std::string answer_of(Take take) {
    const std::string bytes = client_->frame();
    const auto frame = wire::parse_frame(bytes).value();
    if (frame.type == wire::kCommandType<Success>) return take(wire::decode<Success>(frame.command).value());
    const auto error = wire::decode<wire::CommandError>(frame.command).value();
    EXPECT_EQ(error.error, ServerError::incompatible_schema) << error.message;
    return std::string(error.message);
  }
};

TEST_F(PulsarSchemaTest, AProducerRegistersItsSchemaAndHearsTheVersion) {
  EXPECT_EQ(produce(std::nullopt), "");
  EXPECT_EQ(*get()->error_code, ServerError::topic_not_found);
  EXPECT_EQ(produce(schema(SchemaType::avro, kOrder)), kFirst);
  EXPECT_EQ(produce(schema(SchemaType::avro, kSameOrder)), kFirst);
  EXPECT_EQ(produce(std::nullopt), "") << "bytes may always";
  EXPECT_EQ(produce(schema(SchemaType::none)), "");
  EXPECT_THAT(produce(schema(SchemaType::avro, kOther)), HasSubstr("always_compatible"));
  EXPECT_THAT(produce(schema(SchemaType::json, kOrder)), HasSubstr("AVRO"));
  EXPECT_THAT(produce(schema(SchemaType::avro, "{")), HasSubstr("no JSON"));
  EXPECT_THAT(produce(schema(SchemaType::auto_consume)), HasSubstr("AUTO_CONSUME"));
  EXPECT_THAT(produce(schema(SchemaType::external)), HasSubstr("22"));
}

TEST_F(PulsarSchemaTest, TheSchemaIsAskedForLatestAndByVersion) {
  policies({.schema_compatibility = SchemaCompatibility::always_compatible});
  const std::vector<wire::KeyValue> properties{{.key = "k", .value = "v"}};
  wire::Schema with = schema(SchemaType::json, kOrder);
  with.properties = properties;
  EXPECT_EQ(produce(with), kFirst);
  const std::string second = kFirst.substr(1) + '\1';
  EXPECT_EQ(produce(schema(SchemaType::string)), second);
  const auto latest = get();
  EXPECT_EQ(latest->schema->type, SchemaType::string);
  EXPECT_EQ(*latest->schema_version, second);
  const auto first = get(kFirst);
  EXPECT_EQ(first->schema->name, "public/default/t");
  EXPECT_EQ(first->schema->schema_data, kOrder);
  EXPECT_EQ(first->schema->type, SchemaType::json);
  ASSERT_EQ(first->schema->properties.size(), 1U);
  EXPECT_EQ((*first->schema->properties.begin()).value, "v");
  EXPECT_EQ(*get(kFirst.substr(1) + '\2')->error_code, ServerError::topic_not_found);
  EXPECT_EQ(*get("")->error_code, ServerError::incompatible_schema);
  EXPECT_EQ(*get("1234")->error_code, ServerError::incompatible_schema);
  EXPECT_EQ(*get(std::string(8, '\xff'))->error_code, ServerError::topic_not_found);
  EXPECT_EQ(*get(std::nullopt, "persistent://public/default/other")->error_code,
            ServerError::topic_not_found);
}

TEST_F(PulsarSchemaTest, AProducerOfManyVersionsGetsOrCreates) {
  EXPECT_EQ(*get_or_create(schema(SchemaType::avro, kOrder))->error_code, ServerError::topic_not_found);
  EXPECT_EQ(produce(std::nullopt), "");
  EXPECT_EQ(*get_or_create(schema(SchemaType::avro, kOrder))->schema_version, kFirst);
  EXPECT_EQ(*get_or_create(schema(SchemaType::avro, kOther))->error_code, ServerError::incompatible_schema);
  const auto bytes = get_or_create(schema(SchemaType::none));  // of a dead letter, in the Java client
  EXPECT_FALSE(bytes->error_code.present());
  EXPECT_TRUE(bytes->schema_version.present());
  EXPECT_EQ(*bytes->schema_version, "");
}

TEST_F(PulsarSchemaTest, AConsumersSchemaIsHeldAgainstTheTopics) {
  EXPECT_EQ(subscribe(schema(SchemaType::json, kOrder)), "in");
  close_consumer();
  EXPECT_EQ(produce(schema(SchemaType::json, kOrder)), kFirst) << "the consumer's was registered";
  EXPECT_EQ(subscribe(schema(SchemaType::json, kSameOrder)), "in");
  EXPECT_EQ(subscribe(schema(SchemaType::auto_consume)), "in");
  EXPECT_EQ(subscribe(std::nullopt), "in");
  EXPECT_THAT(subscribe(schema(SchemaType::string)), HasSubstr("STRING"));
  const std::string_view used = "persistent://public/default/used";
  EXPECT_EQ(produce(std::nullopt, used), "");
  EXPECT_THAT(subscribe(schema(SchemaType::json, kOrder), used), HasSubstr("without a schema"));
  EXPECT_EQ(subscribe(schema(SchemaType::string), used), "in");
}

TEST_F(PulsarSchemaTest, WhereItIsEnforcedNobodyPublishesWithoutASchema) {
  EXPECT_EQ(produce(schema(SchemaType::string)), kFirst);
  policies({.schema_validation_enforced = true});
  EXPECT_THAT(produce(std::nullopt), HasSubstr("schema_validation_enforced"));
  EXPECT_EQ(produce(schema(SchemaType::string)), kFirst);
  EXPECT_EQ(subscribe(std::nullopt), "in");
  EXPECT_EQ(produce(std::nullopt, "persistent://public/default/other"), "");
}

TEST_F(PulsarSchemaTest, PartitionsHaveOneSchema) {
  ASSERT_TRUE(base::await<void>(
      [&](auto done) { broker_->create_partitioned_topic(std::string(kTopic), 2, std::move(done)); }, 10s,
      "create"));
  const std::string partition = std::string(kTopic) + "-partition-";
  EXPECT_EQ(produce(schema(SchemaType::avro, kOrder), partition + "0"), kFirst);
  EXPECT_EQ(produce(schema(SchemaType::avro, kOrder), partition + "1"), kFirst);
  EXPECT_NE(produce(schema(SchemaType::string), partition + "1"), kFirst);
  EXPECT_EQ(get()->schema->schema_data, kOrder);
  EXPECT_EQ(get(std::nullopt, partition + "1")->schema->name, "public/default/t");
}

TEST_F(PulsarSchemaTest, TheVersionOfAMessageIsKeptAsItCame) {
  EXPECT_EQ(produce(schema(SchemaType::string)), kFirst);
  wire::MessageMetadata metadata{.sequence_id = 0};
  metadata.schema_version = std::string_view(kFirst);
  client_->say(wire::CommandSend{.producer_id = next_, .sequence_id = 0},
               testing::entry_of("text", metadata));
  client_->hear<wire::CommandSendReceipt>();
  client_->subscribe();
  client_->flow(1);
  const auto message = client_->hear<wire::CommandMessage>();
  const auto entry = wire::parse_entry(message.entry).value();
  EXPECT_EQ(*wire::decode<wire::MessageMetadata>(entry.metadata).value().schema_version, kFirst);
}

TEST_F(PulsarSchemaTest, ANonPersistentTopicKeepsNone) {
  const std::string_view topic = "non-persistent://public/default/t";
  EXPECT_EQ(produce(schema(SchemaType::string), topic), "");
  EXPECT_EQ(produce(schema(SchemaType::string, "null"), topic), "");
  EXPECT_EQ(*get(std::nullopt, topic)->error_code, ServerError::topic_not_found);
  client_->say(wire::CommandProducer{
      .topic = topic, .producer_id = 7, .request_id = 7, .schema = schema(SchemaType::avro, kOrder)});
  const auto error = client_->hear<wire::CommandError>();
  EXPECT_EQ(error->error, ServerError::not_allowed);
  EXPECT_THAT(std::string(error->message), HasSubstr("keeps no schema"));
}

TEST(PulsarSchemaVersion, EightBytes) {
  EXPECT_EQ(version_bytes(std::nullopt), "");
  EXPECT_EQ(version_bytes(0x0102), std::string("\0\0\0\0\0\0\1\2", 8));
  for (const std::uint64_t version : {0ULL, 1ULL, 255ULL, 256ULL, ~0ULL})
    EXPECT_EQ(parse_version(version_bytes(version)).value(), version);
  EXPECT_FALSE(parse_version("1234567"));
  EXPECT_FALSE(parse_version("123456789"));
}

}  // namespace
}  // namespace geminga::doors::pulsar

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

template <class T>
void expect_error(const Result<T>& result, ErrorCode code, std::string_view text = "") {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_FALSE(result.error().message.empty());
  EXPECT_TRUE(result.error().message.contains(text)) << result.error().message;
}

TEST_F(Conformance, EmptyArgumentsAreErrorsAtOnce) {
  expect_error(Bus::open(""), ErrorCode::invalid_argument, "empty");
  expect_error(Bus::open("embedded:"), ErrorCode::invalid_argument);
  expect_error(bus().create_producer({.topic = ""}), ErrorCode::invalid_argument, "topic");
  expect_error(bus().subscribe(options("")), ErrorCode::invalid_argument, "topic");
  expect_error(bus().subscribe(options("t", SubscriptionType::shared, "")), ErrorCode::invalid_argument,
               "subscription");
  expect_error(bus().subscribe(options("t"), Handler{}), ErrorCode::invalid_argument, "handler");
  expect_error(bus().create_reader({.topic = ""}), ErrorCode::invalid_argument, "topic");
  expect_error(bus().admin().create_tenant(""), ErrorCode::invalid_argument, "tenant");
  expect_error(bus().admin().stats(""), ErrorCode::invalid_argument, "topic");
}

TEST_F(Conformance, IllegalNamesAreErrors) {
  for (const char* name : {"a b", "a/b", "a/b/c/d", "http://a/b/c", "persistent://a/b", "tab\t"})
    expect_error(bus().create_producer({.topic = name}), ErrorCode::invalid_argument);
}

TEST_F(Conformance, OneTopicHasOneName) {
  EXPECT_EQ(bus().full_topic_name("t").value(), "persistent://public/default/t");
  publish("persistent://public/default/t", 1);
  auto receiver = consumer("public/default/t");
  EXPECT_EQ(next(receiver)->body, "0");
}

TEST_F(Conformance, AnUnknownSchemeListsTheKnown) {
  expect_error(Bus::open("zeromq://host"), ErrorCode::unknown_scheme, "embedded");
  expect_error(Bus::open("no-scheme"), ErrorCode::invalid_argument, "embedded");
}

TEST_F(Conformance, OptionsThatCannotWorkAreErrors) {
  ProducerOptions sending;
  sending.topic = "t";
  sending.send_timeout = 0ms;
  expect_error(bus().create_producer(sending), ErrorCode::invalid_argument, "send_timeout");
  auto receiving = options("t");
  receiving.receiver_queue_size = 0;
  expect_error(bus().subscribe(receiving), ErrorCode::invalid_argument, "receiver_queue_size");
  auto orderly = options("t");
  orderly.orderly = true;
  expect_error(bus().subscribe(orderly), ErrorCode::invalid_argument, "orderly");
  OutgoingMessage both = body("x");
  both.deliver_after = 1ms;
  both.deliver_at = Timestamp{};
  expect_error(producer("t").send(both), ErrorCode::invalid_argument, "deliver_at");
}

TEST_F(Conformance, EveryCapabilityHasItsReason) {
  for (std::size_t i = 0; i < kFeatureCount; ++i)
    EXPECT_FALSE(bus().capabilities().of(static_cast<Feature>(i)).reason.empty())
        << to_string(static_cast<Feature>(i));
}

/// Present: it works (the other scenarios say how). Impossible: the call fails with the table's own reason.
template <class T>
void expect_as_stated(const Capability& capability, const Result<T>& call) {
  if (capability.support != Support::impossible) {
    EXPECT_TRUE(call) << call.error().message;
  } else {
    expect_error(call, ErrorCode::unsupported_by_engine, capability.reason);
  }
}

TEST_F(Conformance, DeduplicationByIdIsThereOrRefusedWithItsReason) {
  OutgoingMessage message = body("x");
  message.sequence_id = 7;
  expect_as_stated(bus().capabilities().of(Feature::deduplicate_by_application_id),
                   producer("t").send(message));
}

TEST_F(Conformance, AHandlersConsumerCannotBePulled) {
  auto running = bus().subscribe(options("t"), [](Delivery&) -> Result<> { return {}; }).value();
  expect_error(running.receive(1ms), ErrorCode::conflict);
}

}  // namespace
}  // namespace geminga::conformance

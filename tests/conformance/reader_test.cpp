#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

std::string read(Reader& reader) {
  const auto message = reader.read(kDeadline);
  EXPECT_TRUE(message) << message.error().message;
  return message ? message->body : "";
}

void expect_end(Reader& reader) {
  const auto message = reader.read(kQuiet);
  ASSERT_FALSE(message) << message->body;
  EXPECT_EQ(message.error().code, ErrorCode::timeout);
}

TEST_F(Conformance, AReaderFromTheEarliestHoldsNothingBack) {
  publish("t", 3);
  auto reader = bus().create_reader({.topic = "t", .start = InitialPosition::earliest}).value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(reader.has_next().value());
    EXPECT_EQ(read(reader), std::to_string(i));
  }
  EXPECT_FALSE(reader.has_next().value());
  expect_end(reader);
  EXPECT_TRUE(bus().admin().stats("t").value().subscriptions.empty());
}

TEST_F(Conformance, AReaderFromTheLatestSeesAllThatComesAfterItsCreation) {
  publish("t", 3);
  auto reader = bus().create_reader({.topic = "t"}).value();
  EXPECT_FALSE(reader.has_next().value());
  producer("t").send(body("new")).value();
  EXPECT_TRUE(reader.has_next().value());
  EXPECT_EQ(read(reader), "new");
}

TEST_F(Conformance, AReaderFromAnId) {
  const auto ids = publish("t", 5);
  auto behind = bus().create_reader({.topic = "t", .start = ids[2]}).value();
  EXPECT_EQ(read(behind), "3");
  auto at = bus().create_reader({.topic = "t", .start = ids[2], .inclusive = true}).value();
  EXPECT_EQ(read(at), "2");
  auto last = bus().create_reader({.topic = "t", .start = ids[4]}).value();
  EXPECT_FALSE(last.has_next().value());
}

TEST_F(Conformance, AReaderWithASmallQueueReadsAll) {
  publish("t", 200);
  auto reader =
      bus()
          .create_reader({.topic = "t", .start = InitialPosition::earliest, .receiver_queue_size = 1})
          .value();
  for (int i = 0; i < 200; ++i) ASSERT_EQ(read(reader), std::to_string(i));
}

TEST_F(Conformance, AClosedReaderSaysSo) {
  auto reader = bus().create_reader({.topic = "t"}).value();
  EXPECT_TRUE(reader.close());
  EXPECT_TRUE(reader.close());
  EXPECT_EQ(reader.read(kDeadline).error().code, ErrorCode::closed);
}

}  // namespace
}  // namespace geminga::conformance

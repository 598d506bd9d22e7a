#include <future>

#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {
namespace {

/// Deduplication and exclusive producers: proven where the engine has them, refused with its reason else.
class ProducerConformance : public Conformance {
 protected:
  Result<Producer> named(const std::string& name, ProducerAccess access = ProducerAccess::shared) {
    ProducerOptions options;
    options.topic = "t";
    options.name = name;
    options.access = access;
    return bus().create_producer(std::move(options));
  }
  static OutgoingMessage numbered(std::uint64_t id) {
    OutgoingMessage message = body(std::to_string(id));
    message.sequence_id = id;
    return message;
  }
  /// True when the engine refuses as its table says.
  template <class Call>
  bool refused(Feature feature, Call call) {
    const Capability& capability = bus().capabilities().of(feature);
    if (capability.support != Support::impossible) return false;
    const auto result = call();
    EXPECT_FALSE(result);
    if (!result) {
      EXPECT_EQ(result.error().code, ErrorCode::unsupported_by_engine);
      EXPECT_NE(result.error().message.find(capability.reason), std::string::npos);
    }
    return true;
  }
  bool no_deduplication() {
    return refused(Feature::deduplicate_by_application_id,
                   [&] { return named("n").value().send(numbered(1)); });
  }
  bool no_exclusive() {
    return refused(Feature::exclusive_producer, [&] { return named("n", ProducerAccess::exclusive); });
  }
};

TEST_F(ProducerConformance, AnIdIsStoredOnce) {
  if (no_deduplication()) return;
  auto sender = named("n").value();
  const MessageId first = sender.send(numbered(10)).value();
  EXPECT_EQ(sender.send(numbered(10)).value(), first);
  EXPECT_TRUE(sender.send(numbered(4)));
  EXPECT_TRUE(sender.send(numbered(11)));
  EXPECT_EQ(sender.last_sequence_id(), 11U);
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "10");
  EXPECT_EQ(next(receiver)->body, "11");
  expect_quiet(receiver);
}

TEST_F(ProducerConformance, ResentInOneBatchItIsStoredOnce) {
  if (no_deduplication()) return;
  std::vector<OutgoingMessage> messages;
  for (std::uint64_t i = 0; i < 300; ++i) messages.push_back(numbered(i / 3));
  ASSERT_TRUE(named("n").value().send_batch(std::move(messages)));
  auto receiver = consumer("t");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(next(receiver)->body, std::to_string(i));
  expect_quiet(receiver);
}

TEST_F(ProducerConformance, AnIdIsKnownOverARestartAndItsNameGoesOnBehindIt) {
  if (no_deduplication()) return;
  {
    auto sender = named("n").value();
    for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(sender.send(numbered(i)));
  }
  restart();
  auto sender = named("n").value();
  EXPECT_EQ(sender.last_sequence_id(), 19U);
  for (std::uint64_t i = 10; i < 30; ++i) ASSERT_TRUE(sender.send(numbered(i)));
  auto receiver = consumer("t");
  for (int i = 0; i < 30; ++i) ASSERT_EQ(next(receiver)->body, std::to_string(i));
  expect_quiet(receiver);
}

TEST_F(ProducerConformance, NamesCountForThemselves) {
  if (no_deduplication()) return;
  auto one = named("one").value();
  auto two = named("two").value();
  ASSERT_TRUE(one.send(numbered(5)));
  ASSERT_TRUE(two.send(numbered(5)));
  auto receiver = consumer("t");
  next(receiver);
  next(receiver);
  expect_quiet(receiver);
}

TEST_F(ProducerConformance, AnExclusiveProducerIsAlone) {
  if (no_exclusive()) return;
  auto alone = named("a", ProducerAccess::exclusive).value();
  EXPECT_EQ(named("b").error().code, ErrorCode::producer_busy);
  EXPECT_EQ(named("b", ProducerAccess::exclusive).error().code, ErrorCode::producer_fenced);
  ASSERT_TRUE(alone.close());
  EXPECT_TRUE(named("b"));
}

TEST_F(ProducerConformance, AFencedProducerPublishesNothingMore) {
  if (no_exclusive()) return;
  auto old = named("a", ProducerAccess::exclusive).value();
  ASSERT_TRUE(old.send(body("0")));
  auto taker = named("b", ProducerAccess::exclusive_with_fencing).value();
  EXPECT_EQ(old.send(body("lost")).error().code, ErrorCode::producer_fenced);
  ASSERT_TRUE(taker.send(body("1")));
  auto receiver = consumer("t");
  EXPECT_EQ(next(receiver)->body, "0");
  EXPECT_EQ(next(receiver)->body, "1");
  expect_quiet(receiver);
}

TEST_F(ProducerConformance, AWaitingProducerGetsItsTurnOrATimeout) {
  if (no_exclusive()) return;
  auto first = named("a").value();
  ProducerOptions options;
  options.topic = "t";
  options.name = "b";
  options.access = ProducerAccess::wait_for_exclusive;
  options.access_timeout = 50ms;
  EXPECT_EQ(bus().create_producer(options).error().code, ErrorCode::timeout);
  options.access_timeout = kDeadline;
  options.name = "c";
  auto later = std::async(std::launch::async, [&] { return bus().create_producer(options); });
  ASSERT_TRUE(first.close());
  auto turn = later.get();
  ASSERT_TRUE(turn) << turn.error().message;
  EXPECT_TRUE(turn->send(body("x")));
}

}  // namespace
}  // namespace geminga::conformance

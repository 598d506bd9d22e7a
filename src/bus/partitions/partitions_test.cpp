#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/partitions/consumer.hpp"
#include "bus/partitions/fake_partitions.hpp"
#include "bus/partitions/producer.hpp"
#include "bus/partitions/reader.hpp"

namespace geminga::bus {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Part = testing::FakePartitions::Part;

constexpr char kTopic[] = "persistent://public/default/t";

/// What the application's side of a consumer got.
class Got final : public EngineSink {
 public:
  void on_messages(std::vector<EngineMessage> messages) override {
    for (EngineMessage& each : messages) tags.push_back(each.tag);
  }
  void on_withdrawn(std::uint16_t partition) override { withdrawn.push_back(partition); }
  void on_closed(Error reason) override { closed.push_back(reason.message); }
  std::vector<std::uint64_t> tags;
  std::vector<std::uint16_t> withdrawn;
  std::vector<std::string> closed;
};

/// What became of the sends.
class Answers final : public EngineSendSink {
 public:
  void on_answers(std::vector<SendAnswer> answers) override {
    for (SendAnswer& each : answers) last = std::move(each);
  }
  SendAnswer last;
};

class PartitionsTest : public ::testing::Test {
 protected:
  ~PartitionsTest() override { opener_->growth().stop(); }
  Result<std::shared_ptr<EngineConsumer>> consumer() {
    return PartitionedConsumer::create(
        opener_, {.topic = kTopic, .subscription = "s", .queue = {.messages = 40}}, got_);
  }
  void deliver(std::uint32_t partition, std::uint64_t tag) {
    EngineMessage message{.message = {}, .tag = tag, .bytes = 1};
    message.message.id = {.entry = EntryId{tag}, .partition = static_cast<std::int32_t>(partition)};
    std::vector<EngineMessage> one;
    one.push_back(std::move(message));
    opener_->look(partition, [](Part& part) { return part.sink; })->on_messages(std::move(one));
  }
  bool opened(std::uint32_t partition) {
    return opener_->wait_until(partition, [](const Part& part) { return part.room > 0; });
  }
  std::string name(std::uint32_t partition) {
    return opener_->look(partition, [](Part& part) { return part.name; });
  }

  const std::shared_ptr<testing::FakePartitions> opener_ = std::make_shared<testing::FakePartitions>(2);
  const std::shared_ptr<Got> got_ = std::make_shared<Got>();
  const std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
};

TEST_F(PartitionsTest, ADeliveryIsSettledWhereItCameFrom) {
  const auto consumer = this->consumer().value();
  deliver(0, 7);
  deliver(1, 7);
  ASSERT_THAT(got_->tags, ElementsAre(7U, (std::uint64_t{1} << 48) | 7U));
  consumer->acknowledge(got_->tags[1], [](const Result<>& done) { EXPECT_TRUE(done); });
  consumer->acknowledge_up_to(got_->tags[1], [](const Result<>& done) { EXPECT_TRUE(done); });
  consumer->negative_acknowledge(got_->tags[0], std::chrono::milliseconds{1});
  consumer->give_back(got_->tags);
  EXPECT_THAT(opener_->calls(0), ElementsAre("nack 7", "back 7"));
  EXPECT_THAT(opener_->calls(1), ElementsAre("ack 7", "ack up to 7", "back 7"));
}

TEST_F(PartitionsTest, AllAreOpenedOrNone) {
  opener_->refuse(1, 1);
  EXPECT_EQ(consumer().error().code, ErrorCode::consumer_busy);
  EXPECT_THAT(opener_->calls(0), ElementsAre("close"));
  EXPECT_EQ(opener_->look(0, [](Part& part) { return part.room; }), 0U) << "nothing was delivered";
  opener_->grow(0);
  EXPECT_EQ(consumer().error().code, ErrorCode::topic_not_found);
}

TEST_F(PartitionsTest, AWithdrawalAndAnEndSayWhichPartition) {
  const auto consumer = this->consumer().value();
  const auto sink = opener_->look(1, [](Part& part) { return part.sink; });
  sink->on_withdrawn(0);
  EXPECT_THAT(got_->withdrawn, ElementsAre(1));
  sink->on_closed({ErrorCode::topic_offline, "damage"});
  opener_->look(0, [](Part& part) { return part.sink; })->on_closed({ErrorCode::topic_offline, "more"});
  ASSERT_EQ(got_->closed.size(), 1U) << "once";
  EXPECT_THAT(got_->closed[0], ::testing::HasSubstr("partition 1"));
}

TEST_F(PartitionsTest, NewPartitionsJoinFromTheirBeginning) {
  const auto consumer = this->consumer().value();
  EXPECT_EQ(opener_->look(1, [](Part& part) { return part.start; }), InitialPosition::latest);
  opener_->grow(4);
  ASSERT_TRUE(opened(2) && opened(3));
  EXPECT_EQ(opener_->look(3, [](Part& part) { return part.start; }), InitialPosition::earliest);
  EXPECT_FALSE(name(0).empty());
  EXPECT_EQ(name(3), name(0)) << "one name spreads the active ones evenly";
  deliver(3, 1);
  consumer->acknowledge(got_->tags.at(0), [](const Result<>&) {});
  EXPECT_THAT(opener_->calls(3), ElementsAre("ack 1"));
}

TEST_F(PartitionsTest, AGrowthThatCannotBeJoinedIsTriedAgain) {
  const auto consumer = this->consumer().value();
  opener_->refuse(3, 1);
  opener_->grow(4);
  EXPECT_TRUE(opened(2) && opened(3));
  EXPECT_THAT(opener_->calls(2), ElementsAre("close")) << "all or none, the first time";
}

TEST_F(PartitionsTest, NothingJoinsAHandleThatIsStopped) {
  const auto consumer = this->consumer().value();
  ASSERT_TRUE(consumer->stop());
  opener_->grow(3);
  ASSERT_TRUE(consumer->close());
  opener_->growth().stop();  // after whatever it had to do
  EXPECT_EQ(opener_->look(2, [](Part& part) { return part.sink; }), nullptr);
  EXPECT_THAT(opener_->calls(1), ElementsAre("stop", "close"));
}

TEST_F(PartitionsTest, ASeekToAMessageMovesItsPartitionAndOneToAnEndAll) {
  const auto consumer = this->consumer().value();
  ASSERT_TRUE(consumer->seek(MessageId{.partition = 1}));
  EXPECT_THAT(opener_->calls(0), IsEmpty());
  ASSERT_TRUE(consumer->seek(InitialPosition::earliest));
  EXPECT_THAT(opener_->calls(0), ElementsAre("seek"));
  EXPECT_THAT(opener_->calls(1), ElementsAre("seek", "seek"));
  for (const std::int32_t nowhere : {-1, 2})
    EXPECT_EQ(consumer->seek(MessageId{.partition = nowhere}).error().code, ErrorCode::invalid_argument);
}

TEST_F(PartitionsTest, AnUnsubscriptionThatIsRefusedChangesNothing) {
  const auto consumer = this->consumer().value();
  opener_->note(0, [](Part& part) { part.more = true; });
  EXPECT_EQ(consumer->unsubscribe().error().code, ErrorCode::conflict);
  EXPECT_THAT(opener_->calls(1), IsEmpty());
  opener_->note(0, [](Part& part) { part.more = false; });
  opener_->grow(3);
  ASSERT_TRUE(consumer->unsubscribe());
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_THAT(opener_->calls(i), Contains("unsubscribe")) << i;
}

TEST_F(PartitionsTest, AProducerHasOneNameAndTheHighestSequence) {
  const auto producer = PartitionedProducer::create(opener_, {.topic = kTopic}, answers_).value();
  EXPECT_EQ(producer->name(), "made up");
  EXPECT_EQ(name(1), "made up");
  EXPECT_FALSE(producer->last_sequence_id());
  opener_->note(1, [](Part& part) { part.sequence = 4; });
  EXPECT_EQ(producer->last_sequence_id(), 4U);
  opener_->note(0, [](Part& part) { part.sequence = 9; });
  EXPECT_EQ(producer->last_sequence_id(), 9U);
}

TEST_F(PartitionsTest, AProducerSendsByKeyAndTakesInNewPartitions) {
  const auto producer = PartitionedProducer::create(opener_, {.topic = kTopic}, answers_).value();
  std::uint64_t tag = 0;
  const auto send = [&](const std::string& body, const std::string& key) {
    OutgoingMessage message;
    message.body = body;
    message.key = key;
    producer->send(++tag, std::move(message));
    EXPECT_EQ(answers_->last.tag, tag) << "the bus's own";
    return answers_->last.id.value().partition;
  };
  const std::int32_t first = send("a", "k2");  // 1479966664
  EXPECT_EQ(first, 0);
  EXPECT_EQ(send("b", "k2"), first);
  EXPECT_THAT(opener_->calls(0), ElementsAre("send a", "send b"));
  opener_->grow(5);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (opener_->calls(4).empty() && std::chrono::steady_clock::now() < deadline) producer->flush();
  EXPECT_EQ(send("c", "k2"), 1479966664 % 5);
  ASSERT_TRUE(producer->close());
  EXPECT_THAT(opener_->calls(1), Contains("close"));
}

TEST_F(PartitionsTest, AReaderAsksEachPartitionForWhatIsBehindTheLastThatCame) {
  const auto reader =
      PartitionedReader::create(opener_, {.topic = kTopic, .start = InitialPosition::earliest}, got_).value();
  EXPECT_FALSE(reader->has_more(std::nullopt).value());
  deliver(1, 5);
  opener_->note(0, [](Part& part) { part.more = true; });
  EXPECT_TRUE(reader->has_more(std::nullopt).value());
  EXPECT_EQ(opener_->look(0, [](Part& part) { return part.asked_behind; }), std::nullopt);
  opener_->note(0, [](Part& part) { part.more = false; });
  EXPECT_FALSE(reader->has_more(std::nullopt).value());
  EXPECT_EQ(opener_->look(1, [](Part& part) { return part.asked_behind; })->entry, EntryId{5});
  opener_->grow(3);
  opener_->note(2, [](Part& part) { part.more = true; });
  EXPECT_TRUE(reader->has_more(std::nullopt).value()) << "also of partitions that are new";
}

TEST_F(PartitionsTest, AReaderCannotStartAtOneMessage) {
  const auto refused =
      PartitionedReader::create(opener_, {.topic = kTopic, .start = MessageId{.partition = 1}}, got_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("t-partition-1"));
}

}  // namespace
}  // namespace geminga::bus

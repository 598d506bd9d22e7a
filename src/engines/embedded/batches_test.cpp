#include <algorithm>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/embedded/ack_batches.hpp"
#include "engines/embedded/send_batches.hpp"

namespace geminga::engines::embedded {
namespace {

using ::testing::ElementsAre;
using Numbers = std::vector<std::uint64_t>;

/// Keeps what it is asked to acknowledge until the test answers.
class HeldConsumer final : public broker::Consumer {
 public:
  struct Call {
    Numbers entries;
    broker::Done<std::vector<EntryId>> done;
  };
  void acknowledge(broker::Acknowledgement /*what*/, broker::Done<void> /*done*/) override {}
  void acknowledge_each(std::vector<EntryId> ids, broker::Done<std::vector<EntryId>> done) override {
    Numbers entries;
    for (const EntryId entry : ids) entries.push_back(entry.value);
    calls.push_back({std::move(entries), std::move(done)});
  }
  /// With those that are refused.
  void answer(Result<std::vector<EntryId>> result = {}) {
    Call call = std::move(calls.front());
    calls.erase(calls.begin());
    call.done(std::move(result));
  }
  void acknowledge_ids(broker::IdAcknowledgement /*what*/, broker::Done<void> /*done*/) override {}
  void redeliver_ids(std::vector<MessageId> /*ids*/) override {}
  void flow(broker::Permits /*more*/) override {}
  void redeliver(std::vector<EntryId> /*entries*/, std::chrono::milliseconds /*delay*/,
                 bool /*counts*/) override {}
  void redeliver_all() override {}
  void seek(SeekTarget /*target*/, broker::Done<void> /*done*/) override {}
  void forward(broker::Acknowledgement /*what*/, std::vector<broker::Publication> /*publications*/,
               broker::Done<std::vector<MessageId>> /*done*/) override {}
  void stop(broker::Done<void> /*done*/) override {}
  void close(broker::Done<void> /*done*/) override {}
  void unsubscribe(broker::Done<void> /*done*/) override {}

  std::vector<Call> calls;
};

class AckBatchesTest : public ::testing::Test {
 protected:
  void add(std::uint64_t entry) {
    batches_->add(EntryId{entry},
                  [this, entry](const Result<>& result) { (result ? good_ : refused_).push_back(entry); });
  }
  const std::shared_ptr<HeldConsumer> consumer_ = std::make_shared<HeldConsumer>();
  const std::shared_ptr<AckBatches> batches_ = std::make_shared<AckBatches>(consumer_);
  Numbers good_;
  Numbers refused_;
};

TEST_F(AckBatchesTest, WhatComesWhileTwoAreUnderWaySharesARecord) {
  for (std::uint64_t entry = 1; entry <= 5; ++entry) add(entry);
  ASSERT_EQ(consumer_->calls.size(), 2U);
  consumer_->answer();
  ASSERT_EQ(consumer_->calls.size(), 2U);
  EXPECT_THAT(consumer_->calls[1].entries, ElementsAre(3, 4, 5));
  EXPECT_THAT(good_, ElementsAre(1));
  consumer_->answer();
  consumer_->answer();
  EXPECT_THAT(good_, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(AckBatchesTest, ThoseThatAreNotOursAnyMoreSpoilNoOther) {
  for (std::uint64_t entry = 1; entry <= 6; ++entry) add(entry);
  consumer_->answer();
  consumer_->answer();
  consumer_->answer(std::vector{EntryId{4}, EntryId{6}});
  EXPECT_TRUE(consumer_->calls.empty());
  EXPECT_THAT(good_, ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(refused_, ElementsAre(4, 6));
}

TEST_F(AckBatchesTest, AnyOtherErrorIsThatOfAll) {
  for (std::uint64_t entry = 1; entry <= 4; ++entry) add(entry);
  consumer_->answer();
  consumer_->answer();
  consumer_->answer(fail(ErrorCode::disk_error, "gone"));
  EXPECT_TRUE(consumer_->calls.empty());
  EXPECT_THAT(refused_, ElementsAre(3, 4));
}

/// Gives each message the next id when the test says so.
class HeldProducer final : public broker::Producer {
 public:
  struct Call {
    Numbers sequences;
    broker::Done<std::vector<MessageId>> done;
  };
  void publish(std::vector<storage::Append> entries, broker::Done<std::vector<MessageId>> done) override {
    Numbers sequences;
    for (const storage::Append& entry : entries) sequences.push_back(entry.sequence);
    calls.push_back({std::move(sequences), std::move(done)});
  }
  void answer() {
    Call call = std::move(calls.front());
    calls.erase(calls.begin());
    std::vector<MessageId> ids;
    for (const std::uint64_t sequence : call.sequences)
      ids.push_back({.ledger = {}, .entry = EntryId{sequence}});
    call.done(std::move(ids));
  }
  void refuse() {
    Call call = std::move(calls.front());
    calls.erase(calls.begin());
    call.done(fail(ErrorCode::overloaded, "later"));
  }
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::optional<std::uint64_t> epoch() const override { return std::nullopt; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override { return std::nullopt; }
  [[nodiscard]] bool paced() const override { return is_paced; }
  [[nodiscard]] bool deduplicates() const override { return false; }
  void close(broker::Done<void> /*done*/) override {}

  std::vector<Call> calls;
  bool is_paced = false;

 private:
  const std::string name_ = "held";
};

class SentTo final : public bus::EngineSendSink {
 public:
  void on_answers(std::vector<bus::SendAnswer> answers) override {
    turns.emplace_back();
    for (const bus::SendAnswer& answer : answers) {
      turns.back().push_back(answer.tag);
      EXPECT_EQ(answer.id ? answer.id->entry.value : answer.tag * 10, answer.tag * 10);
      good += answer.id ? 1 : 0;
    }
  }
  std::vector<Numbers> turns;
  int good = 0;
};

class SendBatchesTest : public ::testing::Test {
 protected:
  // What was never answered owns the batches, and these the producer.
  void TearDown() override { producer_->calls.clear(); }
  void add(std::uint64_t tag, std::size_t bytes = 1) {
    batches_->add(tag, {.deliver_at = {}, .sequence = tag * 10, .body = std::string(bytes, 'x')});
  }
  const std::shared_ptr<HeldProducer> producer_ = std::make_shared<HeldProducer>();
  const std::shared_ptr<SentTo> sink_ = std::make_shared<SentTo>();
  const std::shared_ptr<SendBatches> batches_ = std::make_shared<SendBatches>(producer_, sink_);
};

TEST_F(SendBatchesTest, ALoneOneGoesAtOnceAndTheRestShares) {
  for (std::uint64_t tag = 1; tag <= 4; ++tag) add(tag);
  ASSERT_EQ(producer_->calls.size(), 1U);
  producer_->answer();
  ASSERT_EQ(producer_->calls.size(), 1U);
  EXPECT_THAT(producer_->calls[0].sequences, ElementsAre(20, 30, 40));
  producer_->answer();
  EXPECT_THAT(sink_->turns, ElementsAre(Numbers{1}, Numbers{2, 3, 4}));
  EXPECT_EQ(sink_->good, 4);
}

TEST_F(SendBatchesTest, LargeOnesDoNotWaitForTheOnesBeforeThem) {
  for (std::uint64_t tag = 1; tag <= 3; ++tag) add(tag, 1 << 20);
  EXPECT_EQ(producer_->calls.size(), 3U);
}

TEST_F(SendBatchesTest, WhatAPolicyPacesGoesOneByOne) {
  producer_->is_paced = true;
  for (std::uint64_t tag = 1; tag <= 3; ++tag) add(tag);
  ASSERT_EQ(producer_->calls.size(), 3U);
  EXPECT_THAT(producer_->calls[2].sequences, ElementsAre(30));
}

TEST_F(SendBatchesTest, ARefusalIsToldToEachAndTheNextGoOn) {
  for (std::uint64_t tag = 1; tag <= 3; ++tag) add(tag);
  producer_->refuse();
  EXPECT_EQ(sink_->good, 0);
  producer_->answer();
  EXPECT_THAT(sink_->turns, ElementsAre(Numbers{1}, Numbers{2, 3}));
  EXPECT_EQ(sink_->good, 2);
}

}  // namespace
}  // namespace geminga::engines::embedded

#include "doors/pulsar/outbox.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace geminga::doors::pulsar {
namespace {

class Counting final : public Sent {
 public:
  void on_sent(std::uint64_t credit) override { got += credit; }
  std::uint64_t got = 0;
};

class OutboxTest : public ::testing::Test {
 protected:
  /// Takes up to `bytes` of what next() gives, as a socket does.
  void take(std::size_t bytes) {
    std::string pieces;
    for (const std::string_view piece : outbox_.next(64)) pieces += piece;
    pieces.resize(std::min(bytes, pieces.size()));
    taken_ += pieces;
    outbox_.sent(pieces.size());
  }
  void message(std::uint64_t consumer, std::string_view payload, std::uint64_t credit) {
    outbox_.message(wire::CommandMessage{.consumer_id = consumer}, "head",
                    {.bytes = payload, .owner = owner_, .to = sent_, .credit = credit});
    wire::append_frame(expected_, wire::CommandMessage{.consumer_id = consumer}, 4 + payload.size());
    expected_ += "head";
    expected_ += payload;
  }
  void ping() {
    outbox_.command(wire::CommandPing{});
    wire::append_frame(expected_, wire::CommandPing{});
  }

  int woken_ = 0;
  Outbox outbox_{[this] { ++woken_; }};
  std::shared_ptr<Counting> sent_ = std::make_shared<Counting>();
  std::shared_ptr<const int> owner_ = std::make_shared<int>(1);
  std::string taken_;
  std::string expected_;
};

TEST_F(OutboxTest, TheBytesAreTheSameHoweverTheyGoOut) {
  const std::string large(Outbox::kInPlaceBytes, 'l');
  const std::string small(100, 's');
  for (const std::size_t at_once : {1UL, 7UL, 1'000UL, 100'000UL}) {
    taken_.clear();
    expected_.clear();
    for (std::uint64_t i = 0; i < 30; ++i) {
      message(i, i % 3 == 0 ? large : small, 1);
      ping();
      take(at_once);  // what is added then stands behind what is under way
    }
    EXPECT_EQ(outbox_.unsent_bytes(), expected_.size() - taken_.size());
    while (!outbox_.empty()) take(at_once);
    EXPECT_TRUE(taken_ == expected_) << at_once;
  }
  EXPECT_EQ(sent_->got, 4U * 30U);
}

TEST_F(OutboxTest, WhatIsUnderWayStaysWhereItIs) {
  ping();
  const auto under_way = outbox_.next(64);
  const std::string before(under_way.at(0));
  for (int i = 0; i < 10'000; ++i) ping();
  EXPECT_EQ(under_way.at(0), before);
  outbox_.sent(before.size());
}

TEST_F(OutboxTest, CreditComesWhenAllOfAPayloadIsOut) {
  const std::string large(Outbox::kInPlaceBytes, 'l');
  message(1, large, 5);
  take(large.size());
  EXPECT_EQ(sent_->got, 0U);
  take(1'000);
  EXPECT_EQ(sent_->got, 5U);
  EXPECT_EQ(owner_.use_count(), 1);
}

TEST_F(OutboxTest, WhoDropsHearsNothing) {
  message(1, "payload", 5);
  outbox_.clear();
  EXPECT_TRUE(outbox_.empty());
  EXPECT_TRUE(outbox_.next(64).empty());
  EXPECT_EQ(sent_->got, 0U);
}

TEST_F(OutboxTest, EverythingThatIsAddedWakes) {
  ping();
  message(1, "payload", 5);
  EXPECT_EQ(woken_, 2);
}

}  // namespace
}  // namespace geminga::doors::pulsar

// What one client can hold, of memory and of others.
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.hpp"
#include "doors/pulsar/consuming_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using testing::entry_of;
using ::testing::HasSubstr;
using testing::payload_of;

class PulsarBoundsTest : public testing::ConsumingTest {};

TEST_F(PulsarBoundsTest, AClientThatReadsNothingIsClosedAndOthersGetItsMessages) {
  options_.write_timeout = 200ms;
  listen();
  const auto publisher = client();
  publisher->producer();
  const std::string body(1 << 20, 'x');
  for (std::uint64_t i = 0; i < 16; ++i) publisher->publish(i, body);  // more than sockets keep
  const wire::CommandSubscribe failover{.sub_type = wire::SubscriptionType::failover};
  const auto reads_nothing = client();
  reads_nothing->subscribe(failover);
  reads_nothing->hear<wire::CommandActiveConsumerChange>();
  reads_nothing->flow(1'000);
  const auto reads = client();
  reads->subscribe(failover);
  EXPECT_FALSE(*reads->hear<wire::CommandActiveConsumerChange>()->is_active);
  EXPECT_TRUE(*reads->hear<wire::CommandActiveConsumerChange>()->is_active);
  reads->flow(1'000);
  for (int i = 0; i < 16; ++i) reads->hear<wire::CommandMessage>();
}

TEST_F(PulsarBoundsTest, NobodyReadsAheadOfAClientThatReadsNoAnswers) {
  options_.unsent_bytes_max = 1 << 20;
  options_.write_timeout = 60s;
  listen();
  const auto other = client();
  std::string pings;
  while (pings.size() < (64 << 10)) wire::append_frame(pings, wire::CommandPing{});
  // The answers fill both sockets and the outbox; then nothing more is read, and so taken, from here.
  EXPECT_THROW(
      {
        for (int i = 0; i < 4'000; ++i) other->bytes(pings);
      },
      std::runtime_error);
  expect_serves();
}

/// A SEND whose entry has that many bytes.
std::string large_send(std::uint64_t sequence, std::size_t bytes) {
  const std::string entry = entry_of(std::string(bytes, 'x'), {.sequence_id = sequence});
  std::string frame;
  wire::append_frame(frame, wire::CommandSend{.producer_id = 1, .sequence_id = sequence}, entry.size());
  return frame.append(entry);
}

TEST_F(PulsarBoundsTest, HalfFramesOverTheBudgetAllBecomeWhole) {
  options_.received_bytes_max = 1 << 20;
  listen();
  std::vector<std::unique_ptr<testing::RawPulsar>> clients;
  const std::string frame = large_send(0, 3 << 20);
  constexpr std::size_t kBegun = 400 << 10;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(client());
    clients.back()->producer();
  }
  for (const auto& each : clients) each->bytes(std::string_view(frame).substr(0, kBegun));
  std::vector<std::jthread> senders;  // none of them can end before another one has ended
  for (const auto& each : clients)
    senders.emplace_back([&] {
      each->bytes(std::string_view(frame).substr(kBegun));
      each->hear<wire::CommandSendReceipt>();
    });
}

TEST_F(PulsarBoundsTest, WhoHoldsHalvesAndGoesSilentMakesRoom) {
  options_.received_bytes_max = 1 << 20;
  options_.frame_timeout = 200ms;
  listen();
  const std::string frame = large_send(0, 3 << 20);
  std::vector<std::unique_ptr<testing::RawPulsar>> silent;
  for (int i = 0; i < 6; ++i) {
    silent.push_back(client());
    silent.back()->producer();
    silent.back()->bytes(std::string_view(frame).substr(0, 400 << 10));
  }
  for (const auto& each : silent) EXPECT_TRUE(each->closed());
  const auto other = client();
  other->producer();
  other->bytes(frame);
  other->hear<wire::CommandSendReceipt>();
}

TEST_F(PulsarBoundsTest, WhoDripsIntoAFrameDoesNotHoldUpOthers) {
  options_.received_bytes_max = 1 << 20;
  options_.frame_timeout = 300ms;
  listen();
  const std::string frame = large_send(0, 3 << 20);
  std::vector<std::unique_ptr<testing::RawPulsar>> dripping;
  for (int i = 0; i < 4; ++i) {
    dripping.push_back(client());
    dripping.back()->producer();
    dripping.back()->bytes(std::string_view(frame).substr(0, 400 << 10));
  }
  std::jthread drops([&](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    const auto pause = [&] { never.wait_for(lock, stop, 20ms, [] { return false; }); };
    for (std::size_t at = 400 << 10; !stop.stop_requested(); ++at) {
      for (const auto& each : dripping) each->try_bytes(std::string_view(frame).substr(at, 1));
      pause();
    }
  });
  expect_serves();
  const auto other = client();
  other->producer();
  other->bytes(frame);
  other->hear<wire::CommandSendReceipt>();
}

TEST_F(PulsarBoundsTest, ATopicThatTakesNothingHoldsUpItsProducersOnly) {
  base::Metrics metrics;
  options_.metrics = &metrics;
  options_.received_bytes_max = 256 << 10;
  listen();
  const auto held = client();
  held->producer();
  ASSERT_TRUE(base::await<void>(
      [&](auto done) { broker_->set_policies(topic(), {.publish_messages_per_second = 1}, std::move(done)); },
      10s, "policies"));
  std::jthread sender([&] {
    for (std::uint64_t i = 0; i < 20; ++i) held->try_bytes(large_send(i, 100 << 10));
  });
  const auto used = [&] {
    const std::string text = metrics.exposition();
    const auto at = text.find("\ngeminga_pulsar_received_bytes ");
    return at == std::string::npos ? 0.0 : std::stod(text.substr(text.find(' ', at + 1)));
  };
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (used() < 200'000 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_GE(used(), 200'000);
  const auto other = client();
  other->subscribe();
  other->flow(1);
  const auto first = other->hear<wire::CommandMessage>();
  other->ack(first->message_id);
  other->say(wire::CommandPing{});
  other->hear<wire::CommandPong>();
  door_.reset();  // before the metrics
}

TEST_F(PulsarBoundsTest, ManySmallMessagesOverTheBudgetAreAllTaken) {
  options_.received_bytes_max = 64 << 10;
  listen();
  const auto other = client();
  other->producer();
  std::string bytes;
  constexpr std::uint64_t kMessages = 5'000;
  for (std::uint64_t i = 0; i < kMessages; ++i) bytes += large_send(i, 100);
  std::jthread sender([&] { other->bytes(bytes); });
  for (std::uint64_t i = 0; i < kMessages; ++i)
    EXPECT_EQ(other->hear<wire::CommandSendReceipt>()->sequence_id, i);
}

// --- requests ---------------------------------------------------------------------------------------------

/// The broker's core stands still until it goes.
class StandStill {
 public:
  StandStill(broker::Broker& broker, broker::TopicPtr topic) {
    broker.stats(std::move(topic), [go_on = go_on_.get_future().share()](const auto&) { go_on.wait(); });
  }
  ~StandStill() { go_on_.set_value(); }
  StandStill(const StandStill&) = delete;
  StandStill& operator=(const StandStill&) = delete;

 private:
  std::promise<void> go_on_;
};

TEST_F(PulsarBoundsTest, WhoAsksWithoutWaitingIsNotReadUntilThereAreAnswers) {
  const auto asks = client();
  asks->subscribe();
  std::string requests;
  for (std::uint64_t id = 0; requests.size() < (64 << 10); ++id)
    wire::append_frame(requests, wire::CommandConsumerStats{.request_id = id, .consumer_id = 1});
  {
    const StandStill still(*broker_, topic());
    EXPECT_THROW(
        {
          for (int i = 0; i < 1'000; ++i) asks->bytes(requests);
        },
        std::runtime_error);
    const auto other = client();
    other->say(wire::CommandPing{});
    other->hear<wire::CommandPong>();
  }
  expect_serves();
}

TEST_F(PulsarBoundsTest, RequestsBeyondTheBoundAreAllAnswered) {
  options_.requests_max = 10;
  listen();
  const auto asks = client();
  asks->subscribe();
  constexpr std::uint64_t kRequests = 1'000;
  std::string requests;
  for (std::uint64_t id = 0; id < kRequests; ++id)
    wire::append_frame(requests, wire::CommandConsumerStats{.request_id = id, .consumer_id = 1});
  // Nobody answers these; they count too.
  const std::vector ids{wire::MessageIdData{.ledger_id = 1, .entry_id = 17}};
  for (std::uint64_t i = 0; i < kRequests; ++i)
    wire::append_frame(requests, wire::CommandAck{.consumer_id = 1, .message_id = ids});
  {
    const StandStill still(*broker_, topic());
    asks->bytes(requests);
  }
  for (std::uint64_t id = 0; id < kRequests; ++id)
    EXPECT_EQ(asks->hear<wire::CommandConsumerStatsResponse>()->request_id, id);
  expect_quiet(*asks);
}

TEST_F(PulsarBoundsTest, AnAckSetHasNoMoreWordsThanABatchNeeds) {
  publish(1);
  const auto client = this->client();
  client->subscribe();
  client->flow(1);
  auto id = client->hear<wire::CommandMessage>()->message_id;
  const std::vector<std::int64_t> words(20'000, 0);
  id.ack_set = words;
  const std::vector ids{id};
  client->say(wire::CommandAck{.consumer_id = 1, .message_id = ids, .request_id = 7U});
  const auto response = client->hear<wire::CommandAckResponse>();
  EXPECT_EQ(*response->error, wire::ServerError::not_allowed);
  EXPECT_THAT(std::string(*response->message), HasSubstr("20000 words"));
}

TEST_F(PulsarBoundsTest, OfProducersThatTheBrokerClosedTheLatestAreRemembered) {
  options_.handles_max = 2;
  listen();
  const auto client = this->client();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    client->producer(id);
    ASSERT_TRUE(base::await<void>(
        [&](auto done) { broker_->delete_topic(std::string(testing::kTopic), true, std::move(done)); }, 10s,
        "delete"));
    EXPECT_EQ(client->hear<wire::CommandCloseProducer>()->producer_id, id);
  }
  client->send(0, "on its way when it was closed", 4);
  expect_quiet(*client);
  client->send(0, "of one that was closed long ago", 1);
  EXPECT_TRUE(client->closed());
}

// --- frames -----------------------------------------------------------------------------------------------

/// A SEND that is as large as it says.
std::string send_of(std::uint64_t sequence, std::size_t frame_bytes) {
  std::string frame = large_send(sequence, frame_bytes);
  for (std::size_t body = frame_bytes; frame.size() != frame_bytes;) {
    body -= frame.size() - frame_bytes;
    frame = large_send(sequence, body);
  }
  return frame;
}

TEST_F(PulsarBoundsTest, WhatConsumersCouldNotTakeIsRefusedWhenItIsSent) {
  const auto client = this->client({.supports_broker_entry_metadata = true});
  client->producer();
  client->subscribe();
  client->flow(10);
  client->bytes(send_of(0, wire::kFrameBytesMax));
  const auto refused = client->hear<wire::CommandSendError>();
  EXPECT_EQ(refused->error, wire::ServerError::not_allowed);
  EXPECT_THAT(std::string(refused->message), HasSubstr("consumers take"));
  client->bytes(send_of(1, wire::kFrameBytesMax - 200));
  client->hear<wire::CommandSendReceipt>();
  EXPECT_GT(payload_of(client->hear<wire::CommandMessage>()).size(), wire::kMessageBytesMax);
}

TEST_F(PulsarBoundsTest, WhatABatchSaysOfItsMessagesIsWhatAFrameHolds) {
  const auto client = this->client();
  client->producer();
  wire::MessageMetadata metadata;
  metadata.num_messages_in_batch = 1'000'000;
  metadata.uncompressed_size = 1U << 31;
  metadata.compression = wire::CompressionType::lz4;
  client->say(wire::CommandSend{.producer_id = 1, .num_messages = 1'000'000}, entry_of("small", metadata));
  EXPECT_EQ(client->hear<wire::CommandSendError>()->error, wire::ServerError::not_allowed);
}

}  // namespace
}  // namespace geminga::doors::pulsar

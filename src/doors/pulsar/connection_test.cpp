// Who comes in, who is turned away, and what a peer cannot do.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.hpp"
#include "doors/pulsar/commands/table.hpp"
#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::entry_of;
using ::testing::HasSubstr;

class PulsarConnectionTest : public testing::PulsarDoorTest {};

std::string words(std::uint32_t total, std::uint32_t command) {
  std::string bytes(8, '\0');
  wire::write_big_endian(wire::write_big_endian(bytes.data(), total), command);
  return bytes;
}

std::string framed(std::string_view command) {
  return words(static_cast<std::uint32_t>(command.size() + 4), static_cast<std::uint32_t>(command.size()))
      .append(command);
}

TEST_F(PulsarConnectionTest, AClientIsToldWhatItMayUse) {
  const auto client = stranger();
  const auto connected = client->connect();
  EXPECT_EQ(*connected->protocol_version, wire::kProtocolVersion);
  EXPECT_EQ(*connected->max_message_size, 5 << 20);
  EXPECT_FALSE(*connected->feature_flags->supports_topic_watchers);
  EXPECT_FALSE(*connected->feature_flags->supports_scalable_topics);
  client->say(wire::CommandPing{});
  client->hear<wire::CommandPong>();
}

TEST_F(PulsarConnectionTest, AnOlderClientSpeaksItsVersion) {
  const auto client = stranger();
  client->say(wire::CommandConnect{.client_version = "old", .protocol_version = 12});
  EXPECT_EQ(*client->hear<wire::CommandConnected>()->protocol_version, 12);
}

TEST_F(PulsarConnectionTest, BytesMayComeOneByOne) {
  const auto client = stranger();
  std::string bytes;
  wire::append_frame(bytes, wire::CommandConnect{.client_version = "slow", .protocol_version = 20});
  wire::append_frame(bytes, wire::CommandPing{});
  for (const char byte : bytes) client->bytes({&byte, 1});
  client->hear<wire::CommandConnected>();
  client->hear<wire::CommandPong>();
}

TEST_F(PulsarConnectionTest, AConnectionMayEndAtEveryByte) {
  std::string bytes;
  wire::append_frame(bytes, wire::CommandConnect{.client_version = "cut", .protocol_version = 20});
  wire::append_frame(bytes,
                     wire::CommandProducer{.topic = testing::kTopic, .producer_id = 1, .request_id = 1});
  wire::append_frame(bytes, wire::CommandSubscribe{.topic = testing::kTopic,
                                                   .subscription = "s",
                                                   .sub_type = wire::SubscriptionType::shared,
                                                   .consumer_id = 1,
                                                   .request_id = 2});
  wire::append_frame(bytes, wire::CommandFlow{.consumer_id = 1, .message_permits = 10});
  const std::string entry = entry_of("message");
  wire::append_frame(bytes, wire::CommandSend{.producer_id = 1}, entry.size());
  bytes += entry;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    stranger()->bytes(std::string_view(bytes).substr(0, cut));
  expect_serves();
}

/// Each on a connection of its own, before and after CONNECT; whoever behaves is still served.
TEST_F(PulsarConnectionTest, WhatIsNoFrameEndsItsConnectionAndNoOther) {
  const std::vector<std::pair<const char*, std::string>> hostile = {
      {"length 0", words(0, 0)},
      {"length 1", words(1, 0)},
      {"length 3", words(3, 0)},
      {"length 2^31-1", words(0x7fffffff, 5)},
      {"length 2^32-1", words(0xffffffff, 5)},
      {"100 MB declared", words(100'000'000, 5)},
      {"command larger than its frame", words(8, 5)},
      {"command size negative", words(8, 0xffffffff)},
      {"no command", framed("")},
      {"command number 0", framed("\x08\x00"s)},
      {"command number 41", framed("\x08\x29")},
      {"command number negative", framed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"varint without an end", framed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
      {"a group", framed("\x0b\x08\x12\x0c")},
      {"a field over the end", framed("\x08\x12\x92\x01\x7f")},
      {"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s},
      {"what a broker sends",
       [] {
         std::string frame;
         wire::append_frame(frame, wire::CommandSendReceipt{});
         return frame;
       }()},
  };
  for (const auto& [what, bytes] : hostile) {
    SCOPED_TRACE(what);
    const auto before = stranger();
    before->bytes(bytes);
    EXPECT_TRUE(before->closed());
    const auto after = client();
    after->bytes(bytes);
    EXPECT_TRUE(after->closed());
  }
  expect_serves();
}

TEST_F(PulsarConnectionTest, WhatACommandLacksEndsItsConnection) {
  for (const auto type : {wire::CommandType::producer, wire::CommandType::subscribe, wire::CommandType::ack,
                          wire::CommandType::flow, wire::CommandType::lookup, wire::CommandType::new_txn}) {
    SCOPED_TRACE(wire::command_name(type));
    const auto other = client();
    std::string command = "\x08";  // its type, and none of its fields
    command += static_cast<char>(type);
    other->bytes(framed(command));
    EXPECT_TRUE(other->closed());
  }
  expect_serves();
}

TEST_F(PulsarConnectionTest, ACommandBeforeConnectAndASecondConnectEndIt) {
  const auto early = stranger();
  early->say(wire::CommandLookupTopic{.topic = testing::kTopic});
  EXPECT_TRUE(early->closed());
  const auto twice = client();
  twice->say(wire::CommandConnect{.client_version = "again"});
  EXPECT_TRUE(twice->closed());
}

TEST_F(PulsarConnectionTest, AFrameIsSmallBeforeConnectAndAtMostAMessageAfter) {
  const auto before = stranger();
  before->bytes(words(options_.first_frame_bytes_max, 4));
  EXPECT_TRUE(before->closed());
  const auto after = client();
  after->producer();
  after->send(0, std::string((5 << 20) - 100, 'x'));
  after->hear<wire::CommandSendReceipt>();
  after->bytes(words((5 << 20) + (10 << 10), 4));
  EXPECT_TRUE(after->closed());
}

TEST_F(PulsarConnectionTest, WhatIsNotServedIsRefusedWithTheReason) {
  const auto other = client();
  // Field 1 of a transaction's request is its id.
  other->bytes(framed("\x08\x32\x92\x03\x02\x08\x2a"));
  const auto refused = other->hear<wire::CommandError>();
  EXPECT_EQ(refused->request_id, 42U);
  EXPECT_EQ(refused->error, wire::ServerError::not_allowed);
  EXPECT_EQ(refused->message, "transactions are not supported");
  other->say(wire::CommandWatchTopicList{.request_id = 43, .namespace_name = "public/default"});
  EXPECT_EQ(other->hear<wire::CommandError>()->request_id, 43U);
  other->say(wire::CommandPing{});
  other->hear<wire::CommandPong>();
}

TEST_F(PulsarConnectionTest, EveryCommandSaysWhatBecomesOfIt) {
  int served = 0;
  int refused = 0;
  for (int number = 0; number < 256; ++number) {
    if (!wire::known_command(static_cast<std::uint64_t>(number))) continue;
    const auto type = static_cast<wire::CommandType>(number);
    served += support(type) == Support::served ? 1 : 0;
    refused += support(type) == Support::refused ? 1 : 0;
    EXPECT_EQ(refusal(type).empty(), support(type) != Support::refused) << wire::command_name(type);
  }
  EXPECT_EQ(served, 21);
  EXPECT_EQ(refused, 9);
}

// --- time -------------------------------------------------------------------------------------------------

TEST_F(PulsarConnectionTest, WhoDoesNotSayWhoItIsIsTurnedAway) {
  options_.connect_timeout = 50ms;
  listen();
  const auto silent = stranger();
  const auto slow = stranger();
  slow->bytes("\0"s);
  EXPECT_TRUE(silent->closed());
  EXPECT_TRUE(slow->closed());
}

TEST_F(PulsarConnectionTest, AFrameThatDoesNotGoOnEndsItsConnection) {
  options_.frame_timeout = 50ms;
  listen();
  const auto other = client();
  other->bytes(words(1'000, 5) + "\x08");
  EXPECT_TRUE(other->closed());
}

TEST_F(PulsarConnectionTest, SilenceIsAskedForASignOfLifeAndThenEnded) {
  options_.keep_alive = 100ms;
  listen();
  const auto other = client();
  other->hear<wire::CommandPing>();
  other->say(wire::CommandPong{});
  other->hear<wire::CommandPing>();  // it counted
  EXPECT_TRUE(other->closed());
}

TEST_F(PulsarConnectionTest, WhoIsInTheWayAndSilentIsAskedForASignOfLife) {
  options_.doubt_timeout = 100ms;
  listen();
  const auto gone = client();  // its client has another connection meanwhile
  gone->producer(1, testing::kTopic, "me");
  gone->subscribe();
  const auto lives = client();
  lives->producer(1, testing::kTopic, "other");
  const auto again = client();
  const wire::CommandProducer me{
      .topic = testing::kTopic, .producer_id = 1, .request_id = 1, .producer_name = "me"};
  // Not at once: who has just spoken is believed.
  for (auto type = wire::CommandType::error; type != wire::CommandType::producer_success;) {
    again->say(me);
    const std::string bytes = again->frame();
    type = wire::parse_frame(bytes).value().type;
    lives->say(wire::CommandPing{});
  }
  EXPECT_TRUE(gone->closed());
  again->subscribe();
  lives->say(wire::CommandCloseProducer{.producer_id = 1, .request_id = 3});
  while (wire::parse_frame(lives->frame()).value().type != wire::CommandType::success) {
  }
}

TEST_F(PulsarConnectionTest, AClientThatReadsNothingIsClosedAndOthersGetItsMessages) {
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

TEST_F(PulsarConnectionTest, NobodyReadsAheadOfAClientThatReadsNoAnswers) {
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

TEST_F(PulsarConnectionTest, HalfFramesOverTheBudgetAllBecomeWhole) {
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

TEST_F(PulsarConnectionTest, WhoHoldsHalvesAndGoesSilentMakesRoom) {
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

TEST_F(PulsarConnectionTest, WhoDripsIntoAFrameDoesNotHoldUpOthers) {
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

TEST_F(PulsarConnectionTest, ATopicThatTakesNothingHoldsUpItsProducersOnly) {
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

TEST_F(PulsarConnectionTest, ManySmallMessagesOverTheBudgetAreAllTaken) {
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

// --- who it is --------------------------------------------------------------------------------------------

TEST_F(PulsarConnectionTest, AnOpenAddressNeedsAuthenticationOrBothFlags) {
  PulsarDoorOptions open;
  open.address = "0.0.0.0";
  const auto refused = PulsarDoor::listen(broker_, open);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--listen-all --insecure"));
  open.listen_all_insecure = true;
  EXPECT_TRUE(PulsarDoor::listen(broker_, open));
}

TEST_F(PulsarConnectionTest, LookUpsKeepAClientAtTheAddressThatItReached) {
  const auto other = client();
  other->say(wire::CommandPartitionedTopicMetadata{.topic = testing::kTopic, .request_id = 1});
  const auto metadata = other->hear<wire::CommandPartitionedTopicMetadataResponse>();
  EXPECT_EQ(*metadata->partitions, 0U);
  EXPECT_EQ(*metadata->response, wire::PartitionedMetadataResult::success);
  other->say(wire::CommandLookupTopic{.topic = testing::kTopic, .request_id = 2});
  const auto found = other->hear<wire::CommandLookupTopicResponse>();
  EXPECT_EQ(*found->broker_service_url, "pulsar://" + door_->endpoint());
  EXPECT_TRUE(*found->proxy_through_service_url);
  EXPECT_EQ(*found->response, wire::LookupResult::connect);
  other->say(wire::CommandLookupTopic{.topic = "persistent://public/default/a b", .request_id = 3});
  EXPECT_EQ(*other->hear<wire::CommandLookupTopicResponse>()->response, wire::LookupResult::failed);
}

TEST_F(PulsarConnectionTest, AnAdvertisedAddressIsWhatLookUpsAnswer) {
  options_.advertise = "broker.example";
  listen();
  const auto other = client();
  other->say(wire::CommandLookupTopic{.topic = testing::kTopic, .request_id = 2});
  const auto found = other->hear<wire::CommandLookupTopicResponse>();
  EXPECT_EQ(*found->broker_service_url, "pulsar://broker.example:" + std::to_string(door_->port()));
  EXPECT_FALSE(*found->proxy_through_service_url);
}

TEST_F(PulsarConnectionTest, ATopicThatShallNotBeMadeIsNotThere) {
  const auto other = client();
  wire::CommandPartitionedTopicMetadata request{.topic = testing::kTopic, .request_id = 1};
  request.metadata_auto_creation_enabled = false;
  other->say(request);
  EXPECT_EQ(*other->hear<wire::CommandPartitionedTopicMetadataResponse>()->error,
            wire::ServerError::topic_not_found);
  topic();
  other->say(request);
  EXPECT_FALSE(other->hear<wire::CommandPartitionedTopicMetadataResponse>()->error.present());
}

TEST_F(PulsarConnectionTest, TheTopicsOfANamespaceAreListedOnceForAHash) {
  topic("persistent://public/default/b");
  topic("persistent://public/default/a");
  const auto other = client();
  other->say(wire::CommandGetTopicsOfNamespace{.request_id = 1, .namespace_name = "public/default"});
  const auto first = other->hear<wire::CommandGetTopicsOfNamespaceResponse>();
  std::vector<std::string> names;
  for (const std::string_view name : first->topics) names.emplace_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"persistent://public/default/a", "persistent://public/default/b"}));
  other->say(wire::CommandGetTopicsOfNamespace{
      .request_id = 2, .namespace_name = "public/default", .topics_hash = *first->topics_hash});
  const auto second = other->hear<wire::CommandGetTopicsOfNamespaceResponse>();
  EXPECT_FALSE(*second->changed);
  EXPECT_TRUE(second->topics.empty());
}

}  // namespace
}  // namespace geminga::doors::pulsar

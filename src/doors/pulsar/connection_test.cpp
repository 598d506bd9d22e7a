// Who comes in, who is turned away, and what a peer cannot do.
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "doors/pulsar/commands/table.hpp"
#include "doors/pulsar/door_fixture.hpp"

namespace geminga::doors::pulsar {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::entry_of;
using ::testing::HasSubstr;

class PulsarConnectionTest : public testing::PulsarDoorTest {
 protected:
  base::ManualClock clock_;
};

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

TEST_F(PulsarConnectionTest, WhomAProxySpeaksForMeansNothingWithoutAuthentication) {
  const auto proxied = stranger();
  wire::CommandConnect connect{.client_version = "proxied", .protocol_version = 20};
  connect.original_principal = "somebody";
  proxied->say(connect);
  proxied->hear<wire::CommandConnected>();
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
  options_.clock = &clock_;
  options_.write_timeout = 24h;
  options_.doubt_timeout = 20ms;  // and so it looks often
  listen();
  const auto other = client();
  clock_.advance(31s);
  other->hear<wire::CommandPing>();
  other->say(wire::CommandPong{});
  other->say(wire::CommandPing{});
  other->hear<wire::CommandPong>();  // both were read
  clock_.advance(31s);
  other->hear<wire::CommandPing>();  // it counted
  clock_.advance(31s);
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

}  // namespace
}  // namespace geminga::doors::pulsar

#pragma once

#include <arpa/inet.h>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/await.hpp"
#include "broker/broker.hpp"
#include "broker/raw_message.hpp"
#include "doors/pulsar/pulsar_door.hpp"
#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/frame_buffer.hpp"
#include "wire/pulsar/protocol.hpp"

namespace geminga::doors::pulsar {
namespace wire = ::geminga::wire::pulsar;
}

namespace geminga::doors::pulsar::testing {

using namespace std::chrono_literals;

inline constexpr std::string_view kTopic = "persistent://public/default/t";

/// A command that came, with the bytes that it stands in.
template <class Command>
struct Got {
  std::unique_ptr<std::string> frame;
  Command command;
  std::string_view entry;
  const Command* operator->() const { return &command; }
};

/// A client that says what it is told to, byte by byte if need be. Waits ten seconds for an answer and two
/// until something is taken; throws then.
class RawPulsar {
 public:
  explicit RawPulsar(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const timeval impatience{.tv_sec = 2, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &impatience, sizeof impatience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~RawPulsar() { ::close(socket_); }
  RawPulsar(const RawPulsar&) = delete;
  RawPulsar& operator=(const RawPulsar&) = delete;

  void bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("the server does not take it");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// The same; the server may have ended it.
  void try_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  template <class Command>
  void say(const Command& command, std::string_view entry = {}) {
    std::string frame;
    wire::append_frame(frame, command, entry.size());
    bytes(frame.append(entry));
  }

  /// The next frame; empty: the server closed the connection.
  std::string frame() {
    while (frames_.empty()) {
      const auto room = buffer_.room();
      const ssize_t got = ::recv(socket_, room.data(), room.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) throw std::runtime_error("nothing came");
      if (got <= 0) return {};
      buffer_.filled(static_cast<std::size_t>(got));
      const auto taken = buffer_.take([&](std::string_view frame) {
        frames_.emplace_back(frame);
        return true;
      });
      if (!taken) throw std::runtime_error(taken.error().text());
    }
    std::string first = std::move(frames_.front());
    frames_.erase(frames_.begin());
    return first;
  }
  /// The next command, which must be of that kind.
  template <class Command>
  Got<Command> hear() {
    auto bytes = std::make_unique<std::string>(frame());
    if (bytes->empty()) throw std::runtime_error("closed in place of " + std::string(Command::kName));
    const auto frame = wire::parse_frame(*bytes).value();
    if (frame.type != wire::kCommandType<Command>)
      throw std::runtime_error("heard " + std::string(wire::command_name(frame.type)) + " in place of " +
                               std::string(Command::kName) + said(frame));
    return {.frame = std::move(bytes),
            .command = wire::decode<Command>(frame.command).value(),
            .entry = frame.entry};
  }
  /// The server ends the connection, whatever it says before.
  bool closed() {
    while (!frame().empty()) {
    }
    return true;
  }
  /// Nothing more comes from here; what was said is read.
  void shut() { ::shutdown(socket_, SHUT_WR); }

  Got<wire::CommandConnected> connect(std::string_view token = {}, wire::FeatureFlags flags = {}) {
    wire::CommandConnect connect{.client_version = "raw", .protocol_version = wire::kProtocolVersion};
    connect.feature_flags = flags;
    if (!token.empty()) {
      connect.auth_method_name = "token";
      connect.auth_data = token;
    }
    say(connect);
    return hear<wire::CommandConnected>();
  }
  std::string producer(std::uint64_t id = 1, std::string_view topic = kTopic, std::string_view name = {}) {
    wire::CommandProducer producer{.topic = topic, .producer_id = id, .request_id = 100 + id};
    if (!name.empty()) producer.producer_name = name;
    say(producer);
    return std::string(hear<wire::CommandProducerSuccess>()->producer_name);
  }
  void subscribe(wire::CommandSubscribe command = {}) {
    if (command.topic.empty()) command.topic = kTopic;
    if (command.subscription.empty()) command.subscription = "s";
    if (command.consumer_id == 0) command.consumer_id = 1;
    command.request_id = 200 + command.consumer_id;
    if (!command.initial_position.present()) command.initial_position = wire::InitialPosition::earliest;
    say(command);
    hear<wire::CommandSuccess>();
  }
  void flow(std::uint32_t permits, std::uint64_t consumer = 1) {
    say(wire::CommandFlow{.consumer_id = consumer, .message_permits = permits});
  }
  void send(std::uint64_t sequence, std::string_view body, std::uint64_t producer = 1);
  wire::MessageIdData publish(std::uint64_t sequence, std::string_view body, std::uint64_t producer = 1) {
    send(sequence, body, producer);
    const auto receipt = hear<wire::CommandSendReceipt>();
    EXPECT_EQ(receipt->sequence_id, sequence);
    return *receipt->message_id;
  }
  /// Gets that it was settled on the disk.
  void ack(const wire::MessageIdData& id, wire::AckType type = wire::AckType::individual) {
    const std::vector ids{id};
    say(wire::CommandAck{.consumer_id = 1, .ack_type = type, .message_id = ids, .request_id = 7U});
    const auto response = hear<wire::CommandAckResponse>();
    EXPECT_FALSE(response->error.present()) << *response->message;
  }

 private:
  static std::string said(const wire::Frame& frame) {
    if (frame.type != wire::CommandType::error) return {};
    return ": " + std::string(wire::decode<wire::CommandError>(frame.command).value().message);
  }

  const int socket_;
  wire::FrameBuffer buffer_;
  std::vector<std::string> frames_;
};

/// What stands behind a SEND.
inline std::string entry_of(std::string_view payload, wire::MessageMetadata metadata = {}) {
  if (metadata.producer_name.empty()) metadata.producer_name = "p";
  std::string entry;
  wire::append_entry_head(entry, metadata, {payload});
  return entry.append(payload);
}

inline void RawPulsar::send(std::uint64_t sequence, std::string_view body, std::uint64_t producer) {
  say(wire::CommandSend{.producer_id = producer, .sequence_id = sequence},
      entry_of(body, {.sequence_id = sequence}));
}

/// What stands behind a MESSAGE.
inline std::string payload_of(const Got<wire::CommandMessage>& message) {
  return std::string(wire::parse_entry(message.entry).value().payload);
}

class PulsarDoorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "geminga-pulsar-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    auto opened = broker::Broker::open({.directory = directory_ / "data", .journal_file_bytes = 1 << 20});
    ASSERT_TRUE(opened) << opened.error().message;
    broker_ = *std::move(opened);
    listen();
  }
  void TearDown() override {
    door_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  void listen() {
    door_.reset();
    auto door = PulsarDoor::listen(broker_, options_);
    ASSERT_TRUE(door) << door.error().message;
    door_ = *std::move(door);
  }

  /// A client that has said who it is.
  std::unique_ptr<RawPulsar> client(wire::FeatureFlags flags = {}) {
    auto client = stranger();
    client->connect({}, flags);
    return client;
  }
  std::unique_ptr<RawPulsar> stranger() { return std::make_unique<RawPulsar>(door_->port()); }
  /// The door still serves whoever behaves.
  void expect_serves() {
    const auto other = client();
    other->say(wire::CommandPing{});
    other->hear<wire::CommandPong>();
  }
  broker::TopicPtr topic(std::string_view name = kTopic) {
    return base::await<broker::TopicPtr>(
               [&](auto done) { broker_->open_topic(std::string(name), true, std::move(done)); }, 10s, "open")
        .value();
  }

  std::filesystem::path directory_;
  PulsarDoorOptions options_;
  std::shared_ptr<broker::Broker> broker_;
  std::unique_ptr<PulsarDoor> door_;
};

}  // namespace geminga::doors::pulsar::testing

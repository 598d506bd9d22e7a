// A connection of a stranger who knows the protocol: a script of commands, right, wrong and cut, in any
// order, against a door on a broker. Whatever it says, all that the door answers are frames, and somebody
// else is served as before: what he publishes gets its receipt and comes out again, once and in order.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <vector>

#include "base/assert.hpp"
#include "broker/broker.hpp"
#include "doors/pulsar/pulsar_door.hpp"
#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/frame_buffer.hpp"
#include "wire/pulsar/protocol.hpp"

namespace {

using namespace geminga;
namespace wire = geminga::wire::pulsar;
using std::string;
using std::string_view;

constexpr std::array<string_view, 6> kTopics = {
    "persistent://public/default/a",     "persistent://public/default/b-partition-0",
    "non-persistent://public/default/v", "c",
    "persistent://public/default",       "persistent://no/where/t"};
constexpr std::array<string_view, 4> kNames = {"one", "two", "", "a name/with: all %2F sorts"};

/// The bytes of an input, read as small choices.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool done() const { return at_ == end_; }
  std::uint8_t byte() { return done() ? std::uint8_t{0} : *at_++; }
  bool chance() { return (byte() & 1) != 0; }
  std::uint32_t below(std::uint32_t bound) { return byte() % bound; }
  /// Mostly small, now and then anything.
  std::uint64_t number() {
    const std::uint8_t first = byte();
    if (first < 240) return first % 8;
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  std::int32_t signed_number() { return static_cast<std::int32_t>(number()); }
  string_view text() {
    const std::size_t wanted = byte();
    const std::size_t size = std::min(wanted, static_cast<std::size_t>(end_ - at_));
    const string_view taken(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return taken;
  }
  string_view topic() { return kTopics.at(below(kTopics.size())); }
  string_view name() { return kNames.at(below(kNames.size())); }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

class Socket {
 public:
  explicit Socket(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 4, .tv_usec = 0};  // libFuzzer's own time-out is 5 s
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    GEMINGA_ASSERT(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Socket() { ::close(socket_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// What fits now; the rest is left out, as by a peer that was cut.
  void write(string_view bytes) const {
    ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  template <class Command>
  void say(const Command& command, string_view entry = {}) const {
    string frame;
    wire::append_frame(frame, command, entry.size());
    write(frame.append(entry));
  }
  /// Calls `on_frame(frame)` for what has come. False: the connection has ended or, with `wait`, nothing
  /// comes.
  template <class OnFrame>
  bool read(bool wait, OnFrame&& on_frame) {
    const auto room = buffer_.room();
    const ssize_t got = ::recv(socket_, room.data(), room.size(), wait ? 0 : MSG_DONTWAIT);
    if (got < 0) return !wait && errno == EAGAIN;
    if (got == 0) return false;
    buffer_.filled(static_cast<std::size_t>(got));
    const auto taken = buffer_.take([&](string_view bytes) {
      const auto frame = wire::parse_frame(bytes);
      GEMINGA_ASSERT(frame.has_value());
      on_frame(*frame);
      return true;
    });
    GEMINGA_ASSERT(taken.has_value());
    return true;
  }
  /// Waits for a command of that kind; `look(command, entry)`. Signs of life are answered on the way.
  template <class Command, class Look>
  void hear(Look&& look) {
    for (bool heard = false; !heard;) {
      const bool alive = read(true, [&](const wire::Frame& frame) {
        if (frame.type == wire::CommandType::ping) say(wire::CommandPong{});
        if (frame.type != wire::kCommandType<Command>) return;
        look(wire::decode<Command>(frame.command).value(), frame.entry);
        heard = true;
      });
      GEMINGA_ASSERT(alive);
    }
  }

 private:
  const int socket_;
  wire::FrameBuffer buffer_;
};

string entry_of(string_view payload, wire::MessageMetadata metadata) {
  string entry;
  wire::append_entry_head(entry, metadata, {payload});
  return entry.append(payload);
}

class Stranger {
 public:
  Stranger(std::uint16_t port, Script& script) : script_(script), socket_(port) {
    if (!script_.chance()) return;
    wire::FeatureFlags flags;
    flags.supports_broker_entry_metadata = true;
    wire::CommandConnect connect{.client_version = "stranger", .protocol_version = wire::kProtocolVersion};
    connect.feature_flags = flags;
    socket_.say(connect);
  }

  void step() {
    switch (script_.below(22)) {
      case 0:
        return produce();
      case 1:
      case 2:
        return send();
      case 3:
        return socket_.say(
            wire::CommandCloseProducer{.producer_id = script_.number(), .request_id = ++request_});
      case 4:
      case 5:
        return subscribe();
      case 6:
        return socket_.say(
            wire::CommandFlow{.consumer_id = script_.number(),
                              .message_permits = static_cast<std::uint32_t>(script_.number())});
      case 7:
      case 8:
        return ack();
      case 9:
        return redeliver();
      case 10:
        return seek();
      case 11:
        return socket_.say(wire::CommandUnsubscribe{
            .consumer_id = script_.number(), .request_id = ++request_, .force = script_.chance()});
      case 12:
        return socket_.say(
            wire::CommandCloseConsumer{.consumer_id = script_.number(), .request_id = ++request_});
      case 13:
        return socket_.say(
            wire::CommandGetLastMessageId{.consumer_id = script_.number(), .request_id = ++request_});
      case 14:
        return socket_.say(
            wire::CommandConsumerStats{.request_id = ++request_, .consumer_id = script_.number()});
      case 15:
        return socket_.say(wire::CommandLookupTopic{.topic = script_.topic(), .request_id = ++request_});
      case 16:
        return socket_.say(
            wire::CommandPartitionedTopicMetadata{.topic = script_.topic(), .request_id = ++request_});
      case 17:
        return topics();
      case 18:
        return watch();
      case 19:
        return schema();
      case 20:
        return any_command();
      default:
        listen();
    }
  }
  void listen() {
    socket_.read(false, [&](const wire::Frame& frame) {
      if (frame.type != wire::CommandType::message) return;
      const auto message = wire::decode<wire::CommandMessage>(frame.command);
      GEMINGA_ASSERT(message.has_value());
      GEMINGA_ASSERT(wire::parse_entry(frame.entry).has_value());
      heard_ = wire::MessageIdData{.ledger_id = message->message_id.ledger_id,
                                   .entry_id = message->message_id.entry_id};
    });
  }
  void write(string_view bytes) const { socket_.write(bytes); }

 private:
  void produce() {
    wire::CommandProducer producer{
        .topic = script_.topic(), .producer_id = script_.number(), .request_id = ++request_};
    if (script_.chance()) producer.producer_name = script_.name();
    producer.producer_access_mode = static_cast<wire::ProducerAccessMode>(script_.below(4));
    if (script_.chance()) producer.initial_subscription_name = script_.name();
    if (script_.chance()) producer.schema = a_schema();
    socket_.say(producer);
  }
  wire::Schema a_schema() {
    return {.name = script_.name(),
            .schema_data = script_.text(),
            .type = static_cast<wire::SchemaType>(script_.below(23))};
  }
  void send() {
    wire::CommandSend send{.producer_id = script_.number(), .sequence_id = script_.number()};
    if (script_.chance()) send.num_messages = script_.signed_number();
    if (script_.chance()) send.highest_sequence_id = script_.number();
    wire::MessageMetadata metadata{.producer_name = "stranger", .sequence_id = send.sequence_id};
    const std::uint8_t kind = script_.byte();
    if ((kind & 1) != 0) metadata.num_messages_in_batch = script_.signed_number();
    if ((kind & 2) != 0) metadata.deliver_at_time = script_.signed_number();
    if ((kind & 4) != 0) metadata.partition_key = script_.name();
    if ((kind & 8) != 0) {
      metadata.uuid = script_.name();
      metadata.num_chunks_from_msg = script_.signed_number();
      metadata.chunk_id = script_.signed_number();
      metadata.total_chunk_msg_size = script_.signed_number();
    }
    if ((kind & 16) != 0) metadata.compression = static_cast<wire::CompressionType>(script_.below(5));
    string payload(script_.text());
    if ((kind & 32) != 0) payload = a_batch(metadata);
    string entry = entry_of(payload, metadata);
    if ((kind & 64) != 0 && !entry.empty())
      entry[script_.byte() % entry.size()] ^= static_cast<char>(1 + script_.below(255));
    if ((kind & 128) != 0) entry.resize(script_.byte() % (entry.size() + 1));
    socket_.say(send, entry);
  }
  string a_batch(wire::MessageMetadata& metadata) {
    wire::BatchWriter batch;
    const std::uint32_t count = 1 + script_.below(9);
    for (std::uint32_t i = 0; i < count; ++i) batch.add({}, script_.name());
    metadata.num_messages_in_batch = static_cast<std::int32_t>(count);
    return string(batch.payload());
  }
  void subscribe() {
    const std::vector ranges{
        wire::IntRange{.start = script_.signed_number(), .end = script_.signed_number()}};
    wire::CommandSubscribe subscribe{.topic = script_.topic(),
                                     .subscription = script_.name(),
                                     .sub_type = static_cast<wire::SubscriptionType>(script_.below(4)),
                                     .consumer_id = script_.number(),
                                     .request_id = ++request_};
    const std::uint8_t kind = script_.byte();
    subscribe.durable = (kind & 1) == 0;
    subscribe.initial_position =
        (kind & 2) != 0 ? wire::InitialPosition::earliest : wire::InitialPosition::latest;
    if ((kind & 4) != 0) subscribe.start_message_id = an_id();
    if ((kind & 8) != 0) {
      wire::KeySharedMeta meta;
      meta.key_shared_mode = static_cast<wire::KeySharedMode>(script_.below(2));
      meta.hash_ranges = ranges;
      subscribe.key_shared_meta = meta;
    }
    if ((kind & 16) != 0) subscribe.read_compacted = true;
    if ((kind & 32) != 0) subscribe.priority_level = script_.signed_number();
    if ((kind & 64) != 0) subscribe.start_message_rollback_duration_sec = script_.number();
    if ((kind & 128) != 0) subscribe.consumer_epoch = script_.number();
    socket_.say(subscribe);
  }
  /// The last that came, or any.
  wire::MessageIdData an_id() {
    wire::MessageIdData id = heard_;
    if (script_.chance()) id = {.ledger_id = script_.number(), .entry_id = script_.number()};
    if (script_.chance()) id.batch_index = script_.signed_number();
    return id;
  }
  void ack() {
    std::array<std::int64_t, 2> words{static_cast<std::int64_t>(script_.number()),
                                      static_cast<std::int64_t>(script_.number())};
    std::vector<wire::MessageIdData> ids;
    const std::uint32_t count = script_.below(4);
    for (std::uint32_t i = 0; i < count; ++i) {
      ids.push_back(an_id());
      if (script_.chance()) ids.back().ack_set = words;
    }
    wire::CommandAck ack{.consumer_id = script_.number(),
                         .ack_type = static_cast<wire::AckType>(script_.below(2)),
                         .message_id = ids};
    if (script_.chance()) ack.request_id = ++request_;
    socket_.say(ack);
  }
  void redeliver() {
    std::vector<wire::MessageIdData> ids;
    for (std::uint32_t left = script_.below(3); left > 0; --left) ids.push_back(an_id());
    socket_.say(
        wire::CommandRedeliverUnacknowledgedMessages{.consumer_id = script_.number(), .message_ids = ids});
  }
  void seek() {
    wire::CommandSeek seek{.consumer_id = script_.number(), .request_id = ++request_};
    if (script_.chance()) seek.message_id = an_id();
    if (script_.chance()) seek.message_publish_time = script_.number();
    socket_.say(seek);
  }
  void topics() {
    wire::CommandGetTopicsOfNamespace ask{
        .request_id = ++request_, .namespace_name = script_.chance() ? "public/default" : script_.name()};
    if (script_.chance()) ask.topics_pattern = script_.text();
    socket_.say(ask);
  }
  void watch() {
    if (script_.chance())
      return socket_.say(
          wire::CommandWatchTopicListClose{.request_id = ++request_, .watcher_id = script_.number()});
    socket_.say(wire::CommandWatchTopicList{.request_id = ++request_,
                                            .watcher_id = script_.number(),
                                            .namespace_name = "public/default",
                                            .topics_pattern = script_.text()});
  }
  void schema() {
    if (script_.chance())
      return socket_.say(wire::CommandGetSchema{
          .request_id = ++request_, .topic = script_.topic(), .schema_version = script_.text()});
    socket_.say(wire::CommandGetOrCreateSchema{
        .request_id = ++request_, .topic = script_.topic(), .schema = a_schema()});
  }
  /// A whole frame whose command is what the input says.
  void any_command() {
    const string_view command = script_.text();
    const auto big_endian = [](std::uint32_t value) {
      return string{static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                    static_cast<char>(value >> 8), static_cast<char>(value)};
    };
    const auto size = static_cast<std::uint32_t>(command.size());
    socket_.write(big_endian(size + 4) + big_endian(size) + string(command));
  }

  Script& script_;
  Socket socket_;
  std::uint64_t request_ = 0;
  wire::MessageIdData heard_;
};

/// Somebody who behaves, beside the strangers and on a topic of his own.
class Neighbour {
 public:
  explicit Neighbour(std::uint16_t port) : socket_(port) {
    socket_.say(
        wire::CommandConnect{.client_version = "neighbour", .protocol_version = wire::kProtocolVersion});
    socket_.hear<wire::CommandConnected>([](const auto&, string_view) {});
    socket_.say(wire::CommandProducer{.topic = kTopic, .producer_id = 1, .request_id = 1});
    socket_.hear<wire::CommandProducerSuccess>([](const auto&, string_view) {});
    socket_.say(
        wire::CommandSubscribe{.topic = kTopic, .subscription = "own", .consumer_id = 1, .request_id = 2});
    socket_.hear<wire::CommandSuccess>([](const auto&, string_view) {});
  }

  void expect_is_served() {
    const std::uint64_t number = next_++;
    const string body = std::to_string(number);
    socket_.say(wire::CommandSend{.producer_id = 1, .sequence_id = number},
                entry_of(body, {.producer_name = "neighbour", .sequence_id = number}));
    socket_.hear<wire::CommandSendReceipt>([&](const wire::CommandSendReceipt& receipt, string_view) {
      GEMINGA_ASSERT(receipt.sequence_id == number);
    });
    socket_.say(wire::CommandFlow{.consumer_id = 1, .message_permits = 1});
    socket_.hear<wire::CommandMessage>([&](const wire::CommandMessage& message, string_view entry) {
      GEMINGA_ASSERT(wire::parse_entry(entry).value().payload == body);
      const std::vector ids{wire::MessageIdData{.ledger_id = message.message_id.ledger_id,
                                                .entry_id = message.message_id.entry_id}};
      socket_.say(wire::CommandAck{.consumer_id = 1, .message_id = ids});
    });
  }

 private:
  static constexpr string_view kTopic = "persistent://public/default/neighbour";
  Socket socket_;
  std::uint64_t next_ = 0;
};

/// A door on a new broker, with its neighbour.
class World {
 public:
  World() {
    const std::filesystem::path memory = "/dev/shm";  // what the fuzzer looks for is not in the disk
    string name = ((std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
                   "geminga-fuzz-XXXXXX")
                      .string();
    GEMINGA_ASSERT(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    broker_ = broker::Broker::open({.directory = directory_ / "data", .journal_file_bytes = 1 << 20}).value();
    door_ = doors::PulsarDoor::listen(broker_, {}).value();
    neighbour_ = std::make_unique<Neighbour>(door_->port());
  }
  ~World() {
    neighbour_.reset();
    door_.reset();
    broker_.reset();
    std::filesystem::remove_all(directory_);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void run(Script script) {
    std::array<Stranger, 2> strangers{Stranger(door_->port(), script), Stranger(door_->port(), script)};
    for (int steps = 0; !script.done() && steps < 64; ++steps) strangers.at(script.below(2)).step();
    strangers[0].write(script.text());
    for (Stranger& stranger : strangers) stranger.listen();
    neighbour_->expect_is_served();
  }

 private:
  std::filesystem::path directory_;
  std::shared_ptr<broker::Broker> broker_;
  std::unique_ptr<doors::PulsarDoor> door_;
  std::unique_ptr<Neighbour> neighbour_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kInputsOfOneWorld = 2'000;  // what strangers leave behind does not add up for ever
  static std::unique_ptr<World> world;
  static int inputs = 0;
  if (!world || ++inputs % kInputsOfOneWorld == 0) {
    world.reset();
    world = std::make_unique<World>();
  }
  world->run(Script(data, size));
  return 0;
}

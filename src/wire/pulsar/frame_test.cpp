#include "wire/pulsar/frame.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/pulsar/visit_command.hpp"

namespace geminga::wire::pulsar {
namespace {

using namespace std::string_literals;

std::string words(std::uint32_t total, std::uint32_t command) {
  std::string bytes(8, '\0');
  write_big_endian(write_big_endian(bytes.data(), total), command);
  return bytes;
}

/// A frame around the bytes of a command.
std::string framed(std::string_view command) {
  return words(static_cast<std::uint32_t>(command.size() + 4), static_cast<std::uint32_t>(command.size()))
      .append(command);
}

WireError refused(std::string_view frame) {
  const auto parsed = parse_frame(frame);
  EXPECT_FALSE(parsed.has_value());
  return parsed ? WireError{} : parsed.error();
}

TEST(PulsarFrame, APingIsTheseBytes) {
  std::string frame;
  append_frame(frame, CommandPing{});
  EXPECT_EQ(frame, "\0\0\0\x09\0\0\0\x05\x08\x12\x92\x01\0"s);
  const auto parsed = parse_frame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->type, CommandType::ping);
}

TEST(PulsarFrame, AFrameIsCutWhereItEndsAtEveryByte) {
  std::string bytes;
  append_frame(bytes, CommandFlow{.consumer_id = 1, .message_permits = 1'000});
  const std::size_t first = bytes.size();
  append_frame(bytes, CommandPing{});
  for (std::size_t there = 0; there <= bytes.size(); ++there) {
    const auto cut = cut_frame(std::string_view(bytes).substr(0, there));
    ASSERT_TRUE(cut.has_value()) << there;
    EXPECT_EQ(cut->frame.size(), there < first ? 0 : first) << there;
    EXPECT_EQ(cut->wanted_bytes, there < 4 ? 8 : first) << there;
  }
  EXPECT_EQ(refused(std::string_view(bytes).substr(0, first - 1)).fault, Fault::truncated);
}

TEST(PulsarFrame, SizesThatCannotBeAreRefusedBeforeTheBytesAreThere) {
  for (const std::uint32_t total : {0U, 1U, 2U, 3U})
    EXPECT_EQ(refused(words(total, 0)).fault, Fault::frame_too_small) << total;
  for (const std::uint32_t total : {kFrameBytesMax - 3, 0x7fffffffU, 0xffffffffU})
    EXPECT_EQ(refused(words(total, 4)).fault, Fault::frame_too_large) << total;
  EXPECT_EQ(refused(words(kFrameBytesMax - 4, 4)).fault, Fault::truncated);
  for (const std::uint32_t command : {5U, 0x7fffffffU, 0xffffffffU})
    EXPECT_EQ(refused(words(8, command)).fault, Fault::command_too_large) << command;
  EXPECT_FALSE(cut_frame(words(0xffffffffU, 0).substr(0, 4)).has_value());
}

TEST(PulsarFrame, WhoSpeaksAnotherProtocolIsToldSo) {
  const auto text = [](std::string_view bytes) { return refused(bytes).text(); };
  EXPECT_THAT(text("GET /admin/v2/clusters HTTP/1.1\r\n"), testing::HasSubstr("an HTTP request"));
  EXPECT_THAT(text("POST / HTTP/1.1\r\n"), testing::HasSubstr("use the HTTP port"));
  EXPECT_THAT(text("\x16\x03\x01\x02\x00\x01\x00\x01"s), testing::HasSubstr("a TLS handshake"));
  EXPECT_THAT(text("\x7f\xff\xff\xff\x00\x00\x00\x04"s), testing::HasSubstr("over the limit"));
}

TEST(PulsarFrame, TheLimitIsTheConnections) {
  std::string frame;
  append_frame(frame, CommandLookupTopic{.topic = std::string(100, 't')});
  EXPECT_TRUE(parse_frame(frame, static_cast<std::uint32_t>(frame.size())).has_value());
  const auto over = parse_frame(frame, static_cast<std::uint32_t>(frame.size()) - 1);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().fault, Fault::frame_too_large);
  EXPECT_EQ(over.error().error().code, ErrorCode::too_large);
}

TEST(PulsarFrame, ACommandMustBeKnown) {
  EXPECT_EQ(refused(framed("")).text(), "BaseCommand: the required field 1 is missing");
  EXPECT_EQ(refused(framed("\x08")).fault, Fault::bad_protobuf);
  for (const std::string_view command : {std::string_view("\x08\x00", 2), std::string_view("\x08\x29"),
                                         std::string_view("\x08\x46"), std::string_view("\x08\x92\x02")})
    EXPECT_EQ(refused(framed(command)).fault, Fault::unknown_command) << testing::PrintToString(command);
  const WireError negative = refused(framed("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_EQ(negative.fault, Fault::unknown_command);
  EXPECT_EQ(negative.text(), "no command has the number 18446744073709551615");
}

TEST(PulsarFrame, TheMessageIsTheOneOfItsType) {
  // FLOW behind the message of a PING, and the type last.
  const std::string bytes = framed("\x92\x01\x00\x5a\x04\x08\x01\x10\x02\x08\x0b"s);
  const auto frame = parse_frame(bytes).value();
  EXPECT_EQ(frame.type, CommandType::flow);
  EXPECT_EQ(decode<CommandFlow>(frame.command)->message_permits, 2U);
  // Without its message it is empty, which a PING may be and a FLOW may not.
  EXPECT_TRUE(parse_frame(framed("\x08\x12")).has_value());
  EXPECT_FALSE(decode<CommandFlow>(parse_frame(framed("\x08\x0b"))->command).has_value());
}

TEST(PulsarFrame, TheEntryStandsBehindTheCommandUntouched) {
  std::string frame;
  append_frame(frame, CommandSend{.producer_id = 1, .sequence_id = 2}, 5);
  frame += "entry";
  const auto parsed = parse_frame(frame);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->entry, "entry");
  EXPECT_EQ(parsed->entry.data(), frame.data() + frame.size() - 5);
}

/// What a frame holds, by the name of its struct and written again.
struct Read {
  std::string_view name;
  std::string again;
};

Read read(const Frame& frame) {
  Read read;
  visit_command(frame, [&](const auto& message) {
    using Message = std::remove_cvref_t<decltype(*message)>;
    ASSERT_TRUE(message.has_value()) << message.error().text();
    read.name = Message::kName;
    if constexpr (Command<Message>) append_frame(read.again, *message);
  });
  return read;
}

TEST(PulsarFrame, EveryCommandGoesOutAndComesInAsItself) {
  int commands = 0;
  const auto round_trip = [&]<class Message>() {
    std::string frame;
    append_frame(frame, Message{});
    const auto parsed = parse_frame(frame);
    ASSERT_TRUE(parsed.has_value()) << Message::kName;
    EXPECT_EQ(parsed->type, kCommandType<Message>);
    const Read there = read(*parsed);
    EXPECT_EQ(there.name, Message::kName);
    EXPECT_EQ(there.again, frame) << Message::kName;
    ++commands;
  };
#define GEMINGA_PULSAR_COMMAND(number, name, message) round_trip.operator()<message>();
#include "wire/pulsar/commands.def"
  EXPECT_EQ(commands, 44);
}

TEST(PulsarFrame, TransactionsAreKnownByName) {
  const std::string bytes = framed("\x08\x32\x92\x03\x02\x08\x2a");
  const auto frame = parse_frame(bytes);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(command_name(frame->type), "new_txn");
  EXPECT_TRUE(about_transactions(frame->type));
  EXPECT_FALSE(about_transactions(CommandType::watch_topic_list));
  EXPECT_EQ(read(*frame).name, "TransactionRequest");
  EXPECT_EQ(decode<TransactionRequest>(frame->command)->request_id, 42U);
}

}  // namespace
}  // namespace geminga::wire::pulsar

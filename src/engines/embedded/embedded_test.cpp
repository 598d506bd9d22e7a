#include "engines/embedded/embedded.hpp"

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/uuid.hpp"

namespace geminga {
namespace {

using namespace std::chrono_literals;

class EmbeddedTest : public ::testing::Test {
 protected:
  ~EmbeddedTest() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string url() const { return "embedded:" + directory_.string(); }

  /// Changes one byte of `text` wherever it stands on disk; returns how often it did.
  int damage(const std::string& text) const {
    int found = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory_)) {
      if (!file.is_regular_file()) continue;
      std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(stream), {}};
      for (auto at = content.find(text); at != std::string::npos; at = content.find(text, at + 1)) {
        stream.clear();
        stream.seekp(static_cast<std::streamoff>(at));
        stream.put('#');
        ++found;
      }
    }
    return found;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("geminga-embedded-" + base::random_uuid());
};

TEST_F(EmbeddedTest, ASecondOpenSaysWhoHoldsTheDirectory) {
  auto bus = Bus::open(url()).value();
  const auto second = Bus::open(url());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::directory_locked);
  EXPECT_TRUE(second.error().message.contains(std::to_string(::getpid()))) << second.error().message;
  ASSERT_TRUE(bus.close());
  EXPECT_TRUE(Bus::open(url())) << "closed is free";
}

TEST_F(EmbeddedTest, WhatIsOpenedWhileItsTopicIsDeletedIsOpenedOnANewOne) {
  auto bus = Bus::open(url()).value();
  for (int round = 0; round < 1'000; ++round) {
    ASSERT_TRUE(bus.create_producer({.topic = "orders"})) << "and closed again";
    std::thread deletion([&] { static_cast<void>(bus.admin().delete_topic("orders")); });
    const auto producer = bus.create_producer({.topic = "orders"});
    deletion.join();
    ASSERT_TRUE(producer) << "round " << round << ": " << producer.error().message;
  }
}

TEST_F(EmbeddedTest, ABatchOfVeryManyMessagesNeedsNoStackOfItsLength) {
  auto bus = Bus::open(url()).value();
  constexpr std::size_t kMany = 300'000;
  std::vector<TopicMessage> messages(kMany);
  for (std::size_t i = 0; i < kMany; ++i) messages[i].topic = i % 2 == 0 ? "even" : "odd";
  std::promise<Result<std::vector<MessageId>>> answer;
  bus.publish_async(std::move(messages),
                    [&](Result<std::vector<MessageId>> ids) { answer.set_value(std::move(ids)); });
  const auto ids = answer.get_future().get();
  ASSERT_TRUE(ids) << ids.error().message;
  EXPECT_EQ(ids->size(), kMany);
  EXPECT_EQ(bus.admin().stats("odd").value().stored_messages, kMany / 2);
}

TEST_F(EmbeddedTest, BrowsingEndsAtANumberOfBytesAndGoesOnBehindTheLast) {
  auto bus = Bus::open(url()).value();
  auto producer = bus.create_producer({.topic = "large"}).value();
  constexpr std::size_t kMessages = 40;
  for (std::size_t i = 0; i < kMessages; ++i) ASSERT_TRUE(producer.send({.body = std::string(1 << 20, 'x')}));
  std::size_t seen = 0;
  std::optional<MessageId> after;
  while (true) {
    const auto page = bus.admin().browse("large", after, 1'000).value();
    if (page.empty()) break;
    EXPECT_LT(page.size(), kMessages);
    seen += page.size();
    after = page.back().id;
  }
  EXPECT_EQ(seen, kMessages);
}

TEST_F(EmbeddedTest, TheDirectoryIsFreeWhenTheLastHandleGoes) {
  {
    auto producer = Bus::open(url()).value().create_producer({.topic = "t"}).value();
    EXPECT_TRUE(producer.send({.body = "the bus handle is gone, the producer keeps it open"}));
  }
  EXPECT_TRUE(Bus::open(url()));
}

TEST_F(EmbeddedTest, ANameIsFreeWhenItsProducerGoesThoughSendsAreUnderWay) {
  auto bus = Bus::open(url()).value();
  for (int round = 0; round < 20; ++round) {
    auto producer = bus.create_producer({.topic = "t", .name = "n"});
    ASSERT_TRUE(producer) << producer.error().message;
    for (int i = 0; i < 100; ++i) producer->send_async({.body = "x"}, [](const Result<MessageId>&) {});
  }
}

TEST_F(EmbeddedTest, BusAndBrokerShareOneDirectory) {
  auto opened = engines::embedded::open({.directory = directory_}).value();
  ASSERT_TRUE(opened.bus.create_producer({.topic = "t"}).value().send({.body = "x"}));
  EXPECT_EQ(opened.broker->topics("public/default").value().size(), 1U);
  EXPECT_EQ(opened.bus.url(), url());
}

TEST_F(EmbeddedTest, ADamagedTopicTellsItsConsumersInsteadOfLettingThemWait) {
  const std::string text = "a text that stands nowhere else: 7f3a9c";
  {
    auto bus = Bus::open(url()).value();
    ASSERT_TRUE(bus.admin().create_subscription("hurt", "s", InitialPosition::earliest));
    ASSERT_TRUE(bus.create_producer({.topic = "hurt"}).value().send({.body = text}));
    ASSERT_TRUE(bus.create_producer({.topic = "whole"}).value().send({.body = "fine"}));
    ASSERT_TRUE(bus.close());
  }
  ASSERT_GT(damage(text), 0);
  auto bus = Bus::open(url()).value();
  auto consumer = bus.subscribe({.topic = "hurt", .subscription = "s"}).value();
  const auto refused = consumer.receive(20s);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().code == ErrorCode::topic_offline ||
              refused.error().code == ErrorCode::corrupted)
      << refused.error().message;
  auto other =
      bus.subscribe({.topic = "whole", .subscription = "s", .initial_position = InitialPosition::earliest})
          .value();
  EXPECT_EQ(other.receive(20s).value()->body, "fine");
}

}  // namespace
}  // namespace geminga

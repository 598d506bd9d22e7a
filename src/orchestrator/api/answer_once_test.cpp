#include "orchestrator/api/answer_once.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/http_exchange.hpp"

namespace geminga::orchestrator {
namespace {

/// The connection of one request.
struct Connection final : net::ExchangeOwner {
  void answer(const net::HttpExchange&, net::HttpResponse) override { ++answers; }
  void begin_stream(const net::HttpExchange&, net::HttpResponse) override {}
  void send_chunk(const net::HttpExchange&, std::string) override {}
  void end_stream(const net::HttpExchange&) override {}
  void cut_stream(const net::HttpExchange&) override {}
  int answers = 0;  // the loop
};

TEST(AnswerOnce, TheFirstOfManyThreadsAnswers) {
  const auto loop = std::make_shared<base::EventLoop>("test");
  const auto connection = std::make_shared<Connection>();
  for (int round = 0; round < 100; ++round) {
    AnswerOnce answer(net::Responder(std::make_shared<net::HttpExchange>(loop, connection, 0)));
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&] { answer.respond(net::HttpResponse::text(200, "mine")); });
    for (std::thread& thread : threads) thread.join();
  }
  loop->stop();
  EXPECT_EQ(connection->answers, 100);
}

}  // namespace
}  // namespace geminga::orchestrator

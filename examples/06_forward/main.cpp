// The atomic step: the results of a message are published and the message is acknowledged, both or neither. A
// crash at any moment leaves either the message, or its results.
#include <iostream>

#include <geminga/bus.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./forward-data").value();
  auto consumer = bus.subscribe({.topic = "payments", .subscription = "bookkeeper"}).value();
  bus.create_producer({.topic = "payments"}).value().send({.body = "10 EUR", .key = "ann"}).value();

  auto payment = consumer.receive(5s).value();
  const auto ids =
      bus.forward(payment, {{.topic = "ledger", .message = {.body = "ann paid 10 EUR", .key = "ann"}},
                            {.topic = "mails", .message = {.body = "thank you, ann", .key = "ann"}}})
          .value();
  std::cout << "published " << ids.size() << ", settled: " << std::boolalpha << payment.settled() << '\n';

  const auto twice = bus.forward(payment, {{.topic = "ledger", .message = {.body = "again"}}});
  std::cout << "twice: " << twice.error().name() << '\n';

  for (const char* topic : {"ledger", "mails"}) {
    const auto stored = bus.admin().browse(topic, std::nullopt, 10).value();
    for (const auto& message : stored) std::cout << topic << ": " << message.body << '\n';
  }
}

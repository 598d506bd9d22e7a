// Pulling: receive, acknowledge, hand back; delayed messages; a group of consumers that share the work by
// key.
#include <iostream>

#include <geminga/bus.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./pull-data").value();
  auto consumer =
      bus.subscribe(
             {.topic = "jobs", .subscription = "workers", .type = geminga::SubscriptionType::key_shared})
          .value();
  auto producer = bus.create_producer({.topic = "jobs"}).value();
  producer.send({.body = "later", .key = "a", .deliver_after = 300ms}).value();
  producer.send({.body = "now", .key = "b"}).value();

  auto now = consumer.receive(5s).value();
  std::cout << now->body << ", count " << now->redelivery_count << '\n';
  now.nack(50ms);  // again in 50 ms, with a higher count

  auto again = consumer.receive(5s).value();
  std::cout << again->body << ", count " << again->redelivery_count << '\n';
  again.ack().value();

  auto later = consumer.receive(5s).value();
  std::cout << later->body << ", count " << later->redelivery_count << '\n';
  later.ack().value();

  const auto nothing = consumer.receive(100ms);
  std::cout << nothing.error().name() << '\n';
}

// The smallest program: one message in, one message out. The argument is the address of a bus.
#include <iostream>

#include <geminga/bus.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./hello-data").value();

  auto producer = bus.create_producer({.topic = "greetings"}).value();
  producer.send({.body = "hello"}).value();  // returns when the message is on disk

  auto consumer = bus.subscribe({.topic = "greetings",
                                 .subscription = "me",
                                 .initial_position = geminga::InitialPosition::earliest})
                      .value();
  auto delivery = consumer.receive(5s).value();
  std::cout << delivery->topic << ": " << delivery->body << '\n';
  delivery.ack().value();
}

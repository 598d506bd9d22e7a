// What the first page of the documentation shows, from the outside.
#include <cstdio>

#include <geminga/bus.hpp>

int main() {
  const auto nowhere = geminga::Bus::open("nope:somewhere");
  if (nowhere || nowhere.error().code != geminga::ErrorCode::unknown_scheme) return 1;

  auto bus = geminga::Bus::open("embedded:./data").value();
  auto producer = bus.create_producer({.topic = "greetings"}).value();
  const geminga::MessageId sent = producer.send({.body = "hello"}).value();
  auto consumer = bus.subscribe({.topic = "greetings",
                                 .subscription = "me",
                                 .initial_position = geminga::InitialPosition::earliest})
                      .value();
  auto delivery = consumer.receive(std::chrono::seconds(10)).value();
  if (delivery->id != sent || delivery->body != "hello") return 2;
  delivery.ack().value();
  bus.close().value();
  std::printf("%s received as %s\n", delivery->body.c_str(), delivery->id.to_string().c_str());
  return 0;
}

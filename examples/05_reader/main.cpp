// A reader looks at a topic from any position; it needs no subscription and holds nothing back.
#include <iostream>

#include <geminga/bus.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./reader-data").value();
  auto producer = bus.create_producer({.topic = "events"}).value();
  std::vector<geminga::MessageId> ids;
  for (const char* text : {"one", "two", "three"}) ids.push_back(producer.send({.body = text}).value());

  auto all = bus.create_reader({.topic = "events", .start = geminga::InitialPosition::earliest}).value();
  while (all.has_next().value()) std::cout << "all: " << all.read(5s).value().body << '\n';

  auto behind_first = bus.create_reader({.topic = "events", .start = ids[0]}).value();
  std::cout << "behind the first: " << behind_first.read(5s).value().body << '\n';

  auto live = bus.create_reader({.topic = "events"}).value();  // only what comes from now on
  producer.send({.body = "four"}).value();
  std::cout << "live: " << live.read(5s).value().body << '\n';
}

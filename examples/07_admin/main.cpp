// Names, positions, retention and statistics.
#include <iostream>

#include <geminga/bus.hpp>

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./admin-data").value();
  auto admin = bus.admin();
  admin.create_tenant("acme").value();
  admin.create_namespace("acme/shop").value();
  admin.create_topic("acme/shop/orders").value();
  const auto topics = admin.topics("acme/shop").value();
  for (const auto& topic : topics) std::cout << topic << '\n';

  admin.set_retention("acme/shop/orders", {.time = std::chrono::hours(24), .bytes = std::nullopt}).value();
  admin.create_subscription("acme/shop/orders", "billing", geminga::InitialPosition::earliest).value();
  auto producer = bus.create_producer({.topic = "acme/shop/orders"}).value();
  for (int i = 0; i < 5; ++i) producer.send({.body = std::to_string(i)}).value();

  const auto show = [&] {
    const auto stats = admin.stats("acme/shop/orders").value();
    std::cout << "stored " << stats.stored_messages << ", backlog of " << stats.subscriptions[0].name << ' '
              << stats.subscriptions[0].backlog << '\n';
  };
  show();
  admin.skip_all("acme/shop/orders", "billing").value();
  show();

  const auto unknown = admin.stats("acme/shop/returns");
  std::cout << unknown.error().name() << '\n';
}

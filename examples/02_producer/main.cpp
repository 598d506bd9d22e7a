// A producer: batches, callbacks, keys, properties, and errors as values.
#include <atomic>
#include <iostream>

#include <geminga/bus.hpp>

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./producer-data").value();
  auto producer =
      bus.create_producer({.topic = "orders", .name = "shop-1", .max_pending_messages = 100}).value();

  // All at once; the ids come back in order when every message is on disk.
  std::vector<geminga::OutgoingMessage> batch(3);
  for (std::size_t i = 0; i < batch.size(); ++i)
    batch[i] = {.body = "order " + std::to_string(i), .key = "customer-7", .properties = {{"source", "web"}}};
  const auto ids = producer.send_batch(std::move(batch)).value();
  std::cout << "stored " << ids.size() << " orders, in order: " << std::boolalpha
            << (ids[0] < ids[1] && ids[1] < ids[2]) << '\n';

  // Without waiting; the callback runs on a thread of the bus.
  std::atomic<int> receipts = 0;
  for (int i = 0; i < 10; ++i)
    producer.send_async({.body = "order"},
                        [&](const geminga::Result<geminga::MessageId>& id) { receipts += id ? 1 : 0; });
  producer.close().value();  // everything that was sent has its answer now
  bus.close().value();       // and every callback has run
  std::cout << "receipts: " << receipts << '\n';

  // Errors are values that name the thing, the cause and the remedy.
  const auto late = producer.send({.body = "too late"});
  std::cout << late.error().name() << ", worth a retry: " << late.error().retryable() << '\n';
}

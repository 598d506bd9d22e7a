// A handler: success acknowledges, an error brings the message again, too many errors end in the dead
// letters.
#include <future>
#include <iostream>

#include <geminga/bus.hpp>

using namespace std::chrono_literals;
using geminga::Delivery;
using geminga::Result;

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./handler-data").value();
  auto producer = bus.create_producer({.topic = "mails"}).value();
  for (const char* text : {"to ann", "to nobody", "to bob"}) producer.send({.body = text}).value();

  geminga::ConsumerOptions options;
  options.topic = "mails";
  options.subscription = "mailer";
  options.initial_position = geminga::InitialPosition::earliest;
  options.negative_ack_delay = 50ms;
  options.dead_letter = geminga::DeadLetterPolicy{.max_redeliveries = 2, .topic = "mails-dead"};
  options.orderly = true;  // a failing message holds back what comes after it (of its key)

  std::promise<void> all;
  auto running =
      bus.subscribe(options,
                    [&](Delivery& delivery) -> Result<> {
                      std::cout << delivery->body << ", attempt " << delivery->redelivery_count + 1
                                << std::endl;
                      if (delivery->body == "to nobody")
                        return geminga::fail(geminga::ErrorCode::handler_failed, "no such address");
                      if (delivery->body == "to bob") all.set_value();
                      return {};
                    })
          .value();
  all.get_future().wait();
  running.close().value();

  auto dead = bus.create_reader({.topic = "mails-dead", .start = geminga::InitialPosition::earliest}).value();
  const auto letter = dead.read(5s).value();
  std::cout << "dead: " << letter.body
            << ", because: " << letter.properties.at(std::string(geminga::DeadLetterProperty::kReason))
            << '\n';
}

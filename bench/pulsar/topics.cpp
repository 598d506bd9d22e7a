#include <memory>

#include "link.hpp"
#include "loads.hpp"
#include "wire/pulsar/entry.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::uint64_t kRequestsMax = 100;  // of a connection, without an answer

std::string name_of(const Settings& settings, std::uint64_t topic) {
  return fmt::format("{}-{}", settings.topic, topic);
}

/// A connection with the producers of its part of the topics; the number of a topic is the id of its producer
/// and of its requests.
class Part {
 public:
  Part(Poller& poller, const Settings& settings, std::uint64_t first, std::uint64_t end)
      : settings_(settings), first_(first), end_(end), next_(first), link_(poller, settings.url) {}

  void open_producers() {
    next_ = first_;
    link_.set_on_frame([this](const wire::Frame& frame) { on_opening(frame); });
    fill(&Part::look_up_next);
  }
  void publish() {
    next_ = first_;
    done_ = 0;
    link_.set_on_frame([this](const wire::Frame& frame) {
      if (frame.type != wire::CommandType::send_receipt) return;
      ++done_;
      if (next_ < end_) publish_next();
    });
    fill(&Part::publish_next);
  }
  [[nodiscard]] bool done() const { return done_ == end_ - first_; }

 private:
  void fill(void (Part::*one)()) {
    for (std::uint64_t i = 0; i < kRequestsMax && next_ < end_; ++i) (this->*one)();
    link_.flush();
  }
  void look_up_next() {
    link_.send(wire::CommandLookupTopic{.topic = name_of(settings_, next_), .request_id = next_});
    ++next_;
  }
  void publish_next() {
    const wire::MessageMetadata metadata{.producer_name = "load", .sequence_id = 0, .publish_time = 1};
    link_.send(wire::CommandSend{.producer_id = next_, .sequence_id = 0}, metadata, body_);
    ++next_;
  }
  void on_opening(const wire::Frame& frame) {
    if (frame.type == wire::CommandType::lookup_response) {
      const auto answer = whole(wire::decode<wire::CommandLookupTopicResponse>(frame.command));
      if (*answer.response == wire::LookupResult::failed) give_up(std::string(*answer.message));
      link_.send(wire::CommandProducer{.topic = name_of(settings_, answer.request_id),
                                       .producer_id = answer.request_id,
                                       .request_id = answer.request_id});
    } else if (frame.type == wire::CommandType::producer_success) {
      ++done_;
      if (next_ < end_) look_up_next();
    }
  }

  const Settings& settings_;
  const std::string body_ = std::string(settings_.body_bytes, 'm');
  const std::uint64_t first_;
  const std::uint64_t end_;
  std::uint64_t next_;
  std::uint64_t done_ = 0;
  Link link_;
};

}  // namespace

json many_topics(const Settings& settings) {
  Poller poller;
  std::vector<std::unique_ptr<Part>> parts;
  const double before = resident_mib(settings.server_pid);
  for (std::uint64_t i = 0; i < settings.connections; ++i)
    parts.push_back(std::make_unique<Part>(poller, settings, settings.topics * i / settings.connections,
                                           settings.topics * (i + 1) / settings.connections));
  const auto all_done = [&] {
    return std::ranges::all_of(parts, [](const auto& part) { return part->done(); });
  };
  auto begin = Clock::now();
  for (const auto& part : parts) part->open_producers();
  poller.run("producers", all_done);
  const double opened = since(begin);
  const double resident_opened = resident_mib(settings.server_pid);
  begin = Clock::now();
  for (const auto& part : parts) part->publish();
  poller.run("receipts", all_done);
  return {{"topics", settings.topics},
          {"producers_seconds", opened},
          {"publish_seconds", since(begin)},
          {"resident_before_mib", before},
          {"resident_producers_mib", resident_opened},
          {"resident_mib", resident_mib(settings.server_pid)}};
}

}  // namespace geminga::bench::load

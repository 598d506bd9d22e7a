#include "orchestrator/services/intake.hpp"

#include "base/log.hpp"
#include "orchestrator/services/dead_letters.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::milliseconds kAfterFailure{1'000};
constexpr std::uint32_t kReceiverQueue = 100;

base::Labels labels_of(const std::string& service, TopicRole role) {
  return {{"service", service}, {"topic", std::string(to_string(role))}};
}

base::Counter counter(Core& core, std::string_view name, std::string_view help, const std::string& service,
                      TopicRole role) {
  return core.metrics.counter(name, help, labels_of(service, role));
}

}  // namespace

Item::Item(std::shared_ptr<Intake> intake, Delivery delivery)
    : intake_(std::move(intake)),
      delivery_(std::move(delivery)),
      envelope_(std::make_shared<const Envelope>(envelope_of(delivery_.message(), intake_->name_space()))),
      ticket_(intake_->begin(delivery_.message().body.size())) {}

void Item::forward(std::vector<TopicMessage> messages) const {
  forward(std::move(messages), [](bool) {});
}

void Item::forward(std::vector<TopicMessage> messages, std::move_only_function<void(bool done)> then) const {
  intake_->core().bus.forward_async(
      delivery_, std::move(messages),
      [item = *this, then = std::move(then)](const Result<std::vector<MessageId>>& ids) mutable {
        if (ids)
          item.intake_->done_.add();
        else
          item.hand_back(ids.error());
        then(ids.has_value());
      });
}

void Item::acknowledge() const {
  auto delivery = delivery_;
  delivery.ack_async([item = *this](const Result<>& acknowledged) {
    if (acknowledged)
      item.intake_->done_.add();
    else
      item.hand_back(acknowledged.error());
  });
}

void Item::hand_back(std::chrono::milliseconds delay) const {
  intake_->handed_back_.add();
  auto delivery = delivery_;
  delivery.nack(delay);
}

void Item::hand_back(const Error& reason) const {
  if (reason.code != ErrorCode::closed) {
    const log::RequestScope scope(envelope_->request_id);
    log::warn("orchestrator", "{}: {}; the message comes again", intake_->service(), reason.message);
  }
  hand_back(kAfterFailure);
}

void Item::dead_letter(const std::string& reason) const {
  {
    const log::RequestScope scope(envelope_->request_id);
    log::warn("orchestrator", "{}: dead-lettered: {}", intake_->service(), reason);
  }
  forward({misfit_letter(intake_->core(), *envelope_, message(), reason)}, [item = *this](bool done) {
    if (done) item.intake_->dead_lettered_.add();
  });
}

Intake::Intake(std::shared_ptr<Core> core, std::string service, TopicRole topic,
               std::string_view subscription, std::string name_space, IntakeLimits limits)
    : core_(std::move(core)),
      service_(std::move(service)),
      role_(topic),
      subscription_(subscription),
      name_space_(std::move(name_space)),
      limits_(limits),
      received_(counter(*core_, "geminga_orchestrator_received_total", "Deliveries that a service has taken",
                        service_, role_)),
      done_(counter(*core_, "geminga_orchestrator_done_total", "Deliveries that a service has settled",
                    service_, role_)),
      handed_back_(counter(*core_, "geminga_orchestrator_handed_back_total",
                           "Deliveries that a service has handed back to come again", service_, role_)),
      dead_lettered_(counter(*core_, "geminga_orchestrator_dead_lettered_total",
                             "Deliveries that did not fit their schema or their store", service_, role_)),
      at_work_(core_->metrics.gauge("geminga_orchestrator_in_progress",
                                    "Deliveries that a service has taken and not settled",
                                    labels_of(service_, role_))),
      seconds_(core_->metrics.histogram("geminga_orchestrator_service_seconds",
                                        "From a delivery to its end in the service", base::latency_buckets(),
                                        labels_of(service_, role_))) {}

Intake::~Intake() {
  close();
}

Result<> Intake::open(Work work) {
  ConsumerOptions options;
  options.topic = core_->topic(role_, name_space_);
  options.subscription = subscription_;
  options.type = SubscriptionType::key_shared;
  options.initial_position = InitialPosition::earliest;
  options.name = service_;
  options.receiver_queue_size = kReceiverQueue;
  consuming_ = true;
  auto consumer = core_->bus.subscribe(
      std::move(options), [weak = weak_from_this(), work = std::move(work)](Delivery& delivery) -> Result<> {
        delivery.defer();
        if (const auto self = weak.lock()) self->take(work, delivery);
        return {};
      });
  if (!consumer) {
    consuming_ = false;
    return std::unexpected(consumer.error().with(service_));
  }
  consumer_.emplace(*std::move(consumer));
  return {};
}

void Intake::take(const Work& work, const Delivery& delivery) {
  if (!wait_for_room(delivery.message().body.size())) return;
  received_.add();
  work(Item(shared_from_this(), delivery));
}

bool Intake::wait_for_room(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] {
    if (!consuming_ || in_progress_ == 0) return true;
    return in_progress_ < limits_.deliveries && bytes_ + bytes <= limits_.bytes;
  });
  return consuming_;
}

std::shared_ptr<void> Intake::begin(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    ++in_progress_;
    bytes_ += bytes;
  }
  at_work_.add(1);
  return {static_cast<void*>(this), [self = shared_from_this(), began = core_->clock.monotonic_now(),
                                     bytes](void*) { self->end(began, bytes); }};
}

void Intake::end(base::MonotonicTime began, std::size_t bytes) {
  at_work_.add(-1);
  const std::chrono::duration<double> took = core_->clock.monotonic_now() - began;
  seconds_.observe(took.count());
  const std::lock_guard lock(mutex_);
  --in_progress_;
  bytes_ -= bytes;
  ended_.notify_all();
}

void Intake::pause() {
  const std::lock_guard lock(mutex_);
  consuming_ = false;
  ended_.notify_all();
}

void Intake::drain(base::MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  ended_.wait_until(lock, deadline, [this] { return in_progress_ == 0; });
}

void Intake::close() {
  pause();
  if (!consumer_) return;
  if (auto closed = consumer_->close(); !closed)
    log::warn("orchestrator", "closing {}: {}", service_, closed.error().message);
  consumer_.reset();
}

IntakeCounts Intake::counts() const {
  const std::lock_guard lock(mutex_);
  return {.received = static_cast<std::uint64_t>(received_.value()),
          .done = static_cast<std::uint64_t>(done_.value()),
          .handed_back = static_cast<std::uint64_t>(handed_back_.value()),
          .dead_lettered = static_cast<std::uint64_t>(dead_lettered_.value()),
          .in_progress = in_progress_};
}

}  // namespace geminga::orchestrator

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "breach.hpp"
#include "clients.hpp"
#include "machine.hpp"
#include "mail.hpp"
#include "model.hpp"
#include "random.hpp"

namespace geminga::sim {

/// The run of one seed: a machine, what its clients know, and the clients. Operations act on it.
class World {
 public:
  World(std::uint64_t seed, storage::UnsafeOptions unsafe);
  ~World();

  Random random;
  Machine machine;
  Model model;
  std::map<ConsumerNumber, LiveConsumer> consumers;
  std::map<std::uint64_t, LiveReader> readers;
  std::map<std::uint64_t, LiveProducer> producers;
  std::map<std::string, broker::TopicPtr> topics;  ///< handles of the model's topics

  [[nodiscard]] Now now() const { return machine.now(); }
  [[nodiscard]] broker::Broker& broker() { return machine.broker(); }

  // --- for operations ---
  /// The callback of a call that must be answered; `then` gets the answer on the run's thread, in the order
  /// of answers. When the power went meanwhile and the answer is an error, `then` is not called: the outcome
  /// is in doubt.
  template <class T>
  broker::Done<T> answer(std::function<void(Result<T>)> then, Mail::Lane lane = Mail::Lane::event);
  /// The same for calls that must succeed.
  template <class T>
  broker::Done<T> success(std::string call, std::function<void(T)> then);
  broker::Done<void> success(std::string call, std::function<void()> then = [] {});
  /// For what the broker says by itself.
  [[nodiscard]] std::shared_ptr<Mail> mail() const { return mail_; }

  /// Notes a record as asked for. Publications get their publish time here.
  std::uint64_t ask(Record record);
  /// What to hand to the broker for a message.
  [[nodiscard]] storage::Append append(const Message& message) const;
  [[nodiscard]] std::vector<broker::Publication> publications(const Record& record) const;
  [[nodiscard]] Message draw_message();

  std::shared_ptr<broker::DeliverySink> consumer_sink(ConsumerNumber number);
  std::shared_ptr<broker::DeliverySink> reader_sink(std::uint64_t number);
  std::uint64_t next_number() { return ++last_number_; }
  [[nodiscard]] std::vector<ConsumerNumber> consumers_of(const std::string& topic,
                                                         const std::string& subscription) const;
  /// Who gets everything on an Exclusive or Failover subscription; 0: nobody is connected.
  [[nodiscard]] ConsumerNumber active(const std::string& topic, const std::string& subscription) const;
  [[nodiscard]] std::vector<std::uint64_t> connected_producers(const std::string& topic) const;
  void forget_consumers_of(const std::string& topic, const std::string& subscription);
  void forget_topic(const std::string& topic);
  /// Moves the clock; the broker looks what is due then.
  void move_clock(std::function<void()> move);

  // --- for the run ---
  /// Waits for the answers to what was started.
  void wait_for_answers() { mail_->read_answers(); }
  /// Waits until everything that is due was delivered, and looks at the statistics of one topic.
  std::string what_the_broker_says();
  void settle();
  /// A power cut or a kill, crashes of the start, the comparison of the disk with the model, a start.
  void crash();
  /// Closes, compares the disk with the model, starts again.
  void stop_and_start();

 private:
  // deadlines.cpp: what must come to be, and statistics
  [[nodiscard]] std::string overdue() const;
  [[nodiscard]] std::string overdue(const std::string& topic, const std::string& subscription) const;
  [[nodiscard]] std::string overdue(const LiveProducer& producer) const;
  void check_statistics(const std::string& topic);
  void compare(const std::string& topic, const TopicStats& stats) const;
  void compare(const std::string& topic, const SubscriptionStats& stats) const;

  void on_delivered(ConsumerNumber consumer, const std::vector<broker::Delivered>& entries, Now then);
  void on_active(ConsumerNumber consumer, bool active);
  void on_seek(ConsumerNumber consumer);
  void on_read(std::uint64_t reader, const std::vector<broker::Delivered>& entries);
  void compare_and_start();
  void drop_handles();

  std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
  std::uint64_t last_number_ = 0;
};

/// What a stored entry must be; a breach when it is anything else.
void check_content(const std::string& topic, const storage::Entry& entry, const Message& expected);

template <class T>
broker::Done<T> World::answer(std::function<void(Result<T>)> then, Mail::Lane lane) {
  mail_->expect_answer();
  return [this, mail = mail_, lane, then = std::move(then)](Result<T> result) mutable {
    mail->answered(lane, [this, then = std::move(then), result = std::move(result)]() mutable {
      if (!result && machine.power_is_gone()) return;
      then(std::move(result));
    });
  };
}

template <class T>
broker::Done<T> World::success(std::string call, std::function<void(T)> then) {
  return answer<T>([call = std::move(call), then = std::move(then)](Result<T> result) {
    if (!result) breach("{} failed: {}", call, result.error().message);
    then(std::move(*result));
  });
}

}  // namespace geminga::sim

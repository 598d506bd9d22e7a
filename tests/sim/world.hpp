#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "breach.hpp"
#include "machine.hpp"
#include "model.hpp"
#include "random.hpp"

namespace geminga::sim {

/// What the broker's threads said, for the thread of the run.
class Mail {
 public:
  using Letter = std::move_only_function<void()>;
  /// Receipts first: a delivery may come before the receipt of its message does.
  enum class Lane : std::uint8_t { receipt, event };

  void expect_answer();
  void answered(Lane lane, Letter letter);
  void said(Letter letter);
  /// Waits for every answer, then reads everything. A breach when one does not come.
  void read_answers();
  /// Reads until `enough`, which is asked between letters. A breach with `complaint` when it does not come to
  /// that.
  void read_until(const std::function<bool()>& enough, const std::function<std::string()>& complaint);

 private:
  void read(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t answers_missing_ = 0;
  std::deque<Letter> receipts_;
  std::deque<Letter> events_;
};

/// A consumer that is connected.
struct LiveConsumer {
  std::string topic;
  std::string subscription;
  broker::ConsumerPtr handle;
  std::uint32_t permits = 0;  ///< messages that may still come
  bool stopped = false;
  bool closing = false;
  std::set<std::uint64_t> settling;  ///< entries whose acknowledgement is on the way
};

struct LiveReader {
  std::string topic;
  std::uint64_t next = 0;
  broker::ReaderPtr handle;
};

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

  /// Notes a record as asked for. Publications get their number and publish time here.
  std::uint64_t ask(Record record);
  /// What to hand to the broker for a publication of a record.
  [[nodiscard]] broker::Publication publication(const Record::Publication& of) const;
  [[nodiscard]] Message draw_message();

  std::shared_ptr<broker::DeliverySink> consumer_sink(ConsumerNumber number);
  std::shared_ptr<broker::DeliverySink> reader_sink(std::uint64_t number);
  std::uint64_t next_number() { return ++last_number_; }
  void forget_consumers_of(const std::string& topic, const std::string& subscription);
  void forget_topic(const std::string& topic);
  /// Moves the clock; the broker looks what is due then.
  void move_clock(std::function<void()> move);

  // --- for the run ---
  /// Waits for the answers to what was started.
  void wait_for_answers() { mail_->read_answers(); }
  /// Waits until everything that is due was delivered, and looks at the statistics of one topic.
  void settle();
  /// A power cut or a kill, crashes of the start, the comparison of the disk with the model, a start.
  void crash();
  /// Closes, compares the disk with the model, starts again.
  void stop_and_start();

 private:
  [[nodiscard]] std::string overdue() const;
  [[nodiscard]] std::string overdue(const std::string& topic, const std::string& subscription) const;
  void check_statistics(const std::string& topic);
  void compare_statistics(const std::string& topic, const TopicStats& stats) const;
  void on_delivered(ConsumerNumber consumer, const std::vector<broker::Delivered>& entries, Now then);
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

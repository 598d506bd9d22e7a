#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "orchestrator/services/topic_reader.hpp"

namespace geminga::orchestrator {

/// Result consumer: brings each result to whoever waits for its request in this process. An end that this
/// process wrote itself is known as soon as the claim's row is durable (`ended`); the ends that others wrote
/// come by the bus. A waiter also looks at the row after 1 s and then every 2 s, so that a lost notification
/// costs time, not the answer; while the store is slow, less often.
class WaitingQueries : public std::enable_shared_from_this<WaitingQueries> {
 public:
  /// The result event's JSON text. Errors: timeout, cancelled (the job was), unavailable (stopping).
  using Answered = std::move_only_function<void(Result<std::string>)>;
  explicit WaitingQueries(std::shared_ptr<Core> core);

  /// Fixes the reader's position in the default namespace; results from now on are seen.
  Result<> open();
  /// The same in one more namespace. Blocks; again it goes on where it failed.
  Result<> add(const std::string& name_space);
  /// The right to wait; given back by its end.
  class Place {
   public:
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (of_) of_->give_back();
    }

   private:
    friend class WaitingQueries;
    explicit Place(std::shared_ptr<WaitingQueries> of) : of_(std::move(of)) {}
    std::shared_ptr<WaitingQueries> of_;
  };
  /// Before anything is done for a query, so that one whose answer nobody could wait for is not executed.
  /// Errors: unavailable (too many wait, stopping).
  Result<Place> take_place();
  /// `answered` runs once, on any thread; at once with unavailable where it is stopping.
  void wait(const std::string& request_id, Place place, Answered answered);
  /// The request was not accepted after all.
  void refused(const std::string& request_id, const Error& why);
  /// The claim's row holds this result. Any thread; does not block.
  void ended(const std::string& request_id, const std::string& result_json);
  /// The job of this request was cancelled.
  void cancelled(const std::string& request_id);
  /// Everybody who waits gets `unavailable`. Blocks for the reader.
  void stop();

  [[nodiscard]] std::size_t size() const;
  /// Every reader stands.
  [[nodiscard]] bool reading() const;
  [[nodiscard]] std::uint64_t results_seen() const;

 private:
  struct Waiter {
    Answered answered;
    base::MonotonicTime deadline;
    base::MonotonicTime look_at;
  };
  using Waiters = std::unordered_map<std::string, std::vector<Waiter>>;

  void seen(const Message& message);
  void answer(const std::string& request_id, const Result<std::string>& result);
  /// Every 100 ms on the loop: time-outs, and looks that are due.
  void tick();
  void looked(const Result<std::vector<FinishedRequest>>& finished);
  std::vector<Waiter> take(const std::string& request_id);
  void give_back();

  const std::shared_ptr<Core> core_;
  const base::Gauge waiting_;
  const base::Counter found_by_look_;
  std::mutex opening_mutex_;  // one reader at a time; the bus may take long
  mutable std::mutex readers_mutex_;
  std::vector<std::unique_ptr<TopicReader>> readers_;  // under readers_mutex_
  bool no_more_readers_ = false;                       // under readers_mutex_
  mutable std::mutex mutex_;
  Waiters waiters_;                  // under mutex_
  std::size_t count_ = 0;            // under mutex_; of waiters and of places that nobody uses yet
  bool stopped_ = false;             // under mutex_
  bool looking_ = false;             // under mutex_; the store has not answered yet
  std::unique_ptr<Repeat> ticking_;  // the core's loop
};

}  // namespace geminga::orchestrator

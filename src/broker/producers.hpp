#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/answer.hpp"
#include "broker/broker.hpp"
#include "broker/context.hpp"
#include "broker/publish_gate.hpp"

namespace geminga::broker {

/// One connected producer. It holds its topic, and what it published holds it: so a topic is loaded until all
/// of it is answered. The topic lets go of it when it ends.
class ConnectedProducer : public std::enable_shared_from_this<ConnectedProducer> {
 public:
  struct Identity {
    std::string name;
    std::optional<std::uint64_t> epoch;
  };
  ConnectedProducer(TopicPtr topic, std::shared_ptr<PublishGate> gate, Identity identity,
                    std::function<void(const Error&)> on_closed);

  // --- any thread ---
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::optional<std::uint64_t> epoch() const { return epoch_; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const;
  void publish(std::vector<storage::Append> entries, Done<std::vector<MessageId>> done);
  [[nodiscard]] bool paced() const { return gate_->paces(); }
  [[nodiscard]] bool deduplicates() const { return gate_->deduplicates(); }
  /// From the return on nothing of it reaches the log any more; what is held is answered with `reason`. False
  /// when it had ended before.
  bool end(const Error& reason);

  // --- core ---
  /// Submits what is held and may pass the gate now. False: something is still held.
  bool release_held();
  void tell_closed(const Error& reason) {
    if (on_closed_) on_closed_(reason);
  }

 private:
  /// By the policies of the topic, until they let it pass.
  struct Held {
    storage::Transaction transaction;
    PublishSize size;
    /// What it takes of the memory for what is held: small messages are not free.
    [[nodiscard]] std::uint64_t bytes() const {
      return size.bytes + storage::kAppendOverheadBytes * transaction.operations.size();
    }
  };
  storage::Transaction transaction_of(std::vector<storage::Append> entries,
                                      Done<std::vector<MessageId>> done);
  /// Under mutex_. Errors: overloaded, backlog_quota_exceeded, and what ended it.
  Result<PublishGate::Verdict> admit(const Held& send);
  /// Under mutex_. Refused by the gate: what is numbered goes to the log, which refuses it in its place among
  /// the numbers; else the caller has to answer it, without the mutex.
  [[nodiscard]] bool refuse_in_place(storage::Transaction& transaction, const Error& error);
  [[nodiscard]] Held take_first_held();

  const TopicPtr topic_;
  const ContextPtr context_;
  const std::shared_ptr<PublishGate> gate_;
  const std::string name_;
  const std::uint64_t hash_;
  const std::optional<std::uint64_t> epoch_;
  const std::function<void(const Error&)> on_closed_;
  /// Held over the submit, so that end() has a before and an after. Recursive: a log that is closed answers
  /// at once, and the answer may publish again.
  std::recursive_mutex mutex_;
  std::optional<Error> ended_;
  std::shared_ptr<base::NumberedSends> numbered_;  ///< from the first number on
  std::list<Held> held_;                           ///< in order; nothing passes what came before it
};
using ConnectedProducerPtr = std::shared_ptr<ConnectedProducer>;

/// Who may publish to a topic. Requests are decided one after the other; each exclusive grant is a durable
/// epoch first. Every member on the topic's core.
class Producers {
 public:
  explicit Producers(Topic& topic) : topic_(topic) {}

  /// Errors: producer_busy (the name or an exclusive producer is there, or there are as many as may be),
  /// producer_fenced, backlog_quota_exceeded, topic_terminated.
  void add(RegisterOptions options, Answer<ProducerPtr> answer);
  void remove(const ConnectedProducerPtr& producer);
  /// Ends all of them and refuses who waits.
  void shut_down(const Error& reason);
  [[nodiscard]] std::size_t count() const { return connected_.size(); }
  /// Nobody is connected, waits or is about to be.
  [[nodiscard]] bool idle() const {
    return connected_.empty() && waiting_.empty() && requests_.empty() && !granting_;
  }
  /// Each in turn submits what is held and may pass. False: something is still held.
  bool release_held();

 private:
  struct Request {
    RegisterOptions options;
    Answer<ProducerPtr> answer;
    /// Who asked does not look at the answer any more.
    [[nodiscard]] bool given_up() const { return options.wanted && options.wanted->expired(); }
  };
  void process();
  void take_over(const Request& request);
  void decide(Request request);
  void decide_exclusive(Request request);
  [[nodiscard]] Result<> check(const Request& request) const;
  void grant(Request request);
  void granted(Request request, std::uint64_t epoch, const Result<>& stored);
  void connect(Request request, std::optional<std::uint64_t> epoch);
  void end(const ConnectedProducerPtr& producer, const Error& reason);

  Topic& topic_;
  std::vector<ConnectedProducerPtr> connected_;
  bool exclusive_ = false;  ///< the one that is connected has the topic for itself
  bool granting_ = false;   ///< an epoch is on its way to the disk
  // Lists: a topic without requests must cost nothing here, and there may be 100,000 of them.
  std::list<Request> requests_;
  std::list<Request> waiting_;  ///< wait_for_exclusive, in the order in which they came
};

/// Never 0; names of producers that differ have hashes that differ, but for a chance of 2^-64.
std::uint64_t producer_hash(std::string_view name);

}  // namespace geminga::broker

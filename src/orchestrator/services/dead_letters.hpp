#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/blocking_pool.hpp"
#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// The dead letter of an event that nobody can work on.
TopicMessage misfit_letter(const Core& core, const Envelope& envelope, const Message& original,
                           const std::string& reason);

/// The body of the dead letter of a signal, or of a plan's step: the original bytes, the reason, every failed
/// attempt. An event that would not fit into a message is cut, and says so.
std::string dead_letter_body(const Core& core, const ToolSignal& signal, const Message& original,
                             const std::string& reason, const std::vector<AttemptFailure>& failures);
/// The message around such a body.
TopicMessage dead_letter_message(const Core& core, const Envelope& envelope, std::string body);

/// Which letter of which namespace. "12:3:-1" in the default one, "acme~orchestrator~12:3:-1" in another: no
/// name has a tilde, and the text is one segment of a path.
struct LetterId {
  std::string name_space;  ///< empty: the default one
  MessageId message;
  [[nodiscard]] std::string to_string() const;
  /// Errors: not_found.
  static Result<LetterId> parse(std::string_view text);
};

std::unexpected<Error> no_such_letter(std::string_view id);

/// A dead letter as it lies in its topic.
struct StoredDeadLetter {
  LetterId id;
  DeadLetter letter;
  Envelope envelope;
};

struct Replayed {
  std::string request_id;
  std::string job_id;  ///< empty: the request has no job
  std::uint32_t generation = 0;
};

/// Looks at the dead-letter topic and replays from it; the topic keeps its messages. Callbacks come on the
/// pool, the bus or the store and must not block.
class DeadLetters : public std::enable_shared_from_this<DeadLetters> {
 public:
  /// `pool` runs what waits for the bus.
  DeadLetters(std::shared_ptr<Core> core, std::shared_ptr<net::BlockingPool> pool);

  struct Page {
    std::vector<std::string> name_spaces{std::string()};  ///< in the order of the list
    std::optional<LetterId> after;                        ///< in one of these
    std::uint32_t limit = 100;
    // Empty: any.
    std::string request_id;
    std::string server;
    std::string tool;
    std::string reason;  ///< stands somewhere in the reason
  };
  /// Namespace by namespace, oldest first, without those that were discarded.
  void list(Page page, std::function<void(Result<std::vector<StoredDeadLetter>>)> done);
  /// Errors: not_found.
  void show(LetterId id, std::function<void(Result<StoredDeadLetter>)> done);
  /// Opens the request's claim and job with the next generation and publishes its signal or plan; a webhook
  /// is only sent again, from its first attempt. Errors: not_found, conflict (none of these; under way;
  /// discarded), job_terminal (completed or cancelled since).
  void replay(LetterId id, std::function<void(Result<Replayed>)> done);
  /// Nobody wants it: it is listed no more and cannot be replayed. Errors: not_found.
  void discard(LetterId id, std::function<void(Result<StoredDeadLetter>)> done);

 private:
  using Replied = std::function<void(Result<Replayed>)>;
  [[nodiscard]] Result<StoredDeadLetter> find(const LetterId& id);
  [[nodiscard]] Result<std::vector<StoredDeadLetter>> browse(Page page);
  /// Adds those of one namespace until the page is full.
  [[nodiscard]] Result<> browse_in(const std::string& name_space, std::optional<MessageId> after,
                                   const Page& page, std::vector<StoredDeadLetter>& letters);
  /// Blocks.
  [[nodiscard]] Result<std::vector<std::string>> discarded_among(std::vector<std::string> ids);
  /// Takes away what was discarded. Blocks.
  [[nodiscard]] Result<> without_discarded(std::vector<StoredDeadLetter>& letters);
  /// The letter, unless it was discarded. Blocks. Errors: not_found, conflict.
  [[nodiscard]] Result<StoredDeadLetter> find_replayable(const LetterId& id);
  void reopen(const StoredDeadLetter& stored, Replied done);
  void tell_again(TopicMessage webhook, std::string job_id, std::uint32_t generation, Replied done);
  void publish(Reopened reopened, std::string request_id, Replied done);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<net::BlockingPool> pool_;
};

}  // namespace geminga::orchestrator

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.hpp"
#include "doors/pulsar/session.hpp"
#include "wire/pulsar/producing.hpp"

namespace geminga::doors::pulsar {

/// A producer of a connection: from SEND to receipt, in order. What comes in one turn of the loop is one
/// record of the log. The door's loop only; it lives as long as something of it has no answer.
class Sender : public std::enable_shared_from_this<Sender> {
 public:
  Sender(Session& session, std::uint64_t id, std::string topic)
      : session_(session), id_(id), topic_(std::move(topic)) {}

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& topic() const { return topic_; }
  /// The broker has it; before that nothing may be sent.
  void open(broker::ProducerPtr producer) { producer_ = std::move(producer); }
  [[nodiscard]] const broker::ProducerPtr& producer() const { return producer_; }
  /// Of the schema that it writes with; none: it has none.
  void set_schema_version(std::optional<std::uint64_t> version) { schema_version_ = version; }
  [[nodiscard]] std::optional<std::uint64_t> schema_version() const { return schema_version_; }

  /// `entry` stands behind the command.
  void send(const wire::CommandSend& send, std::string_view entry);
  /// To the broker with what came in this turn.
  void submit();
  /// `closed` when all that was sent has its answer and the broker has let go of it.
  void close(std::function<void(Session&)> closed);
  /// The broker ended it: its client hears so when all that was sent has its answer.
  void end(const Error& reason);
  /// Without a word: its connection has gone.
  void drop();

 private:
  struct Refusal {
    wire::ServerError error{};
    std::string text;
  };
  using Answer = std::expected<MessageId, Refusal>;
  /// A SEND whose turn to be answered has not come.
  struct Outstanding {
    std::uint64_t sequence_id = 0;
    std::optional<std::uint64_t> highest_sequence_id;
    std::uint64_t bytes = 0;
    std::optional<Answer> answer;
  };

  void form(storage::Append append);
  void settle_where_bytes_lie();
  void refuse(const wire::CommandSend& send, Refusal why);
  Outstanding& expect(const wire::CommandSend& send);
  void answered(std::uint64_t first, std::size_t count, const Result<std::vector<MessageId>>& ids);
  void reply_in_order();
  void reply(const Outstanding& one);

  Session& session_;  ///< whoever calls holds it
  const std::uint64_t id_;
  const std::string topic_;
  broker::ProducerPtr producer_;
  std::optional<std::uint64_t> schema_version_;
  std::vector<storage::Append> forming_;
  std::uint64_t forming_bytes_ = 0;
  /// What of forming_ lies in one piece of memory, one behind the other.
  struct Piece {
    std::size_t first = 0;       ///< in forming_
    std::uint64_t bytes = 0;     ///< of its entries
    std::size_t held_bytes = 0;  ///< that live as long as they do
  };
  std::vector<Piece> pieces_;
  std::deque<Outstanding> outstanding_;
  std::uint64_t first_ = 0;  ///< number of the first of these
  std::function<void(Session&)> when_empty_;
  bool released_ = false;  ///< the broker has let go of it, as close() asked
};

}  // namespace geminga::doors::pulsar

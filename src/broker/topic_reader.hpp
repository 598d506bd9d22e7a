#pragma once

#include <memory>

#include "broker/answer.hpp"
#include "broker/compaction/compacted_reads.hpp"
#include "broker/context.hpp"

namespace geminga::broker {

/// Sends a topic's durable entries in order from a position. Every member on the topic's core.
class TopicReader : public std::enable_shared_from_this<TopicReader> {
 public:
  TopicReader(Topic& topic, EntryId position, bool read_compacted, Permits permits,
              std::shared_ptr<DeliverySink> sink);
  void flow(Permits more);
  void pump();
  void close();
  void shut_down(const Error& reason);
  [[nodiscard]] EntryId start() const { return start_; }
  /// Is there a durable entry at or behind `from`?
  void has_more(EntryId from, Answer<bool> answer);

 private:
  using Came = Result<CompactedEntries>;
  void ask();
  bool wait_for_rate();
  void come(Came entries);
  void come_whole(Result<std::vector<storage::Entry>> entries);
  std::vector<Delivered> accept(Came given);

  Topic& topic_;  ///< owns this
  const EntryId start_;
  EntryId position_;
  std::int64_t messages_;
  std::int64_t bytes_;
  const std::shared_ptr<CompactedReads> compacted_;  ///< nullptr: it reads the topic as it is
  std::shared_ptr<DeliverySink> sink_;               ///< nullptr once closed
  bool reading_ = false;
  bool pumping_ = false;
  std::optional<Came> came_;  ///< read, and not handed over yet
  bool told_end_ = false;
};

}  // namespace geminga::broker

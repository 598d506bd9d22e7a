#pragma once

#include <memory>

#include "broker/context.hpp"

namespace geminga::broker {

/// Sends a topic's durable entries in order from a position. Every member on the topic's core.
class TopicReader : public std::enable_shared_from_this<TopicReader> {
 public:
  TopicReader(Topic& topic, EntryId position, Permits permits, std::shared_ptr<DeliverySink> sink);
  void flow(Permits more);
  void pump();
  void close();
  void shut_down(const Error& reason);
  [[nodiscard]] EntryId start() const { return start_; }

 private:
  using Answer = Result<std::vector<storage::Entry>>;
  void ask();
  bool wait_for_rate();
  void come(Answer entries);
  std::vector<Delivered> accept(Answer given);

  Topic& topic_;  ///< owns this
  const EntryId start_;
  EntryId position_;
  std::int64_t messages_;
  std::int64_t bytes_;
  std::shared_ptr<DeliverySink> sink_;  ///< nullptr once closed
  bool reading_ = false;
  bool pumping_ = false;
  std::optional<Answer> came_;  ///< read, and not handed over yet
  bool told_end_ = false;
};

}  // namespace geminga::broker

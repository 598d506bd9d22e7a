#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <geminga/admin.hpp>

#include "broker/answer.hpp"
#include "broker/compaction/compaction.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {

/// A topic's part in compaction: its view, whether it is being compacted and what became of the last time. A
/// topic that never was has next to nothing of it. On the topic's core.
class TopicCompaction {
 public:
  TopicCompaction(Topic& topic, const std::optional<storage::ViewRow>& view);
  ~TopicCompaction();

  /// nullptr: it was never compacted.
  [[nodiscard]] const View* view() const;
  [[nodiscard]] std::optional<storage::ViewRow> row() const;
  /// From here on nothing may be trimmed: what is not in the view yet will be asked for.
  [[nodiscard]] EntryId needed_from() const;
  /// Starts; where one runs, another one follows it, so that all of now is covered.
  void request();
  /// When none runs or waits: what became of the last one. At once where there is none.
  void await(Answer<void> answer);
  /// More than `threshold` bytes behind the view: starts. 0: never. From time to time.
  void look_at_size(std::uint64_t threshold);
  /// Nothing runs, is wanted or is to be tried again by itself.
  [[nodiscard]] bool quiet() const;
  /// Of the last one; null: none failed, or one succeeded since.
  [[nodiscard]] const Error* failure() const;
  /// As it was when the topic was unloaded.
  void set_failure(Error failure);
  [[nodiscard]] CompactionStats stats() const;
  void shut_down(const Error& reason);
  /// The topic is a tombstone and is being dropped: so is its view.
  void remove();

  // The compactor's calls. Nothing: there is nothing to compact any more, and end() is not called.
  std::optional<CompactionPlan> begin();
  void end(Result<View> view);

 private:
  struct State;
  State& made();
  [[nodiscard]] bool over() const;
  void use(const View& view);
  void answer_all(const Result<>& result);

  Topic& topic_;  ///< owns this
  std::unique_ptr<State> state_;
};

}  // namespace geminga::broker

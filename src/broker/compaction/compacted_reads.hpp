#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/compaction/view_search.hpp"
#include "storage/log.hpp"

namespace geminga::broker {

struct CompactedEntries {
  std::vector<storage::Entry> entries;
  /// What lies between where the read began and here, and is not among the entries, was compacted away.
  EntryId behind;
};

/// Reads of one who wants a topic as it was compacted: up to the horizon from the view, by the ids that the
/// topic knows. The view may change between two reads. On the topic's core.
class CompactedReads : public std::enable_shared_from_this<CompactedReads> {
 public:
  using Done = std::move_only_function<void(Result<CompactedEntries>)>;
  explicit CompactedReads(Topic& topic) : topic_(topic) {}

  /// What is to be read from there stands in the view; else in the topic.
  [[nodiscard]] bool covers(EntryId from) const;
  /// `request.from` is covered; its topic does not matter. `done` comes on the core, after this call.
  void read(const storage::ReadRequest& request, Done done);
  /// Is there an entry at or behind `from`, in the view or in the topic?
  void has_more(EntryId from, std::move_only_function<void(Result<bool>)> done);

 private:
  void read_at(std::uint64_t index, storage::TopicId view, const storage::ReadRequest& request, Done done);
  Result<CompactedEntries> take(Result<std::vector<storage::Entry>> given, std::uint64_t index);
  [[nodiscard]] bool in_use(storage::TopicId view) const;

  Topic& topic_;  ///< holds who reads
  /// Where the last read ended: the next one mostly begins there.
  struct Next {
    storage::TopicId view;
    EntryId from;
    std::uint64_t index = 0;
  };
  std::optional<Next> next_;
};

}  // namespace geminga::broker

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/compaction/latest_keys.hpp"
#include "broker/compaction/view.hpp"
#include "broker/context.hpp"

namespace geminga::broker {

/// Looked at by others while it runs.
struct CompactionProgress {
  std::atomic<std::uint64_t> done{0};  ///< entries read, in both passes
  std::uint64_t all = 0;
  std::atomic<bool> topic_gone{false};  ///< set by the others: there is nothing to compact any more
};

/// What is to be compacted. Until it ends nothing from `begin` on is trimmed.
struct CompactionPlan {
  storage::TopicId topic;
  std::string name;
  std::optional<View> former;
  EntryId begin;          ///< behind the former view, or the first entry that is kept
  bool all_kept = false;  ///< the topic still has all of its entries: it can do without the former view
  EntryId end;
  std::shared_ptr<CompactionProgress> progress;
};

/// One compaction of one topic, in two passes as Pulsar's. The first reads the former view and what came
/// since, and notes the last entry of every key. The second writes what is left to a new view: of a key its
/// last message, unless its body is empty, and everything that has no key or cannot be looked into. The new
/// view is then put in the place of the former one by a single commit; before that nobody sees anything of
/// it. A stop in between leaves a view without use, which the next start removes.
///
/// It waits for the disk: it runs on a thread for that.
class Compaction {
 public:
  /// `go_on` waits as long as it is told and says whether to go on.
  using GoOn = std::function<bool(std::chrono::milliseconds)>;
  Compaction(const Context& context, CompactionPlan plan, GoOn go_on);

  /// The view in use from now on; the former one is a tombstone then, where it is another one. Errors:
  /// too_large (more keys than memory), closed (the topic is gone, or it was told to stop), what reading and
  /// writing fail with.
  Result<View> run();

 private:
  [[nodiscard]] bool former_is_whole() const;
  using Visit = std::function<Result<>(const storage::Entry&)>;
  Result<> each_entry(const Visit& visit);
  Result<> each_of_view(const Visit& visit);
  Result<> each_of_topic(const Visit& visit);
  Result<std::vector<storage::Entry>> read(storage::TopicId topic, EntryId from);
  Result<> note_keys();
  Result<> note_key(const storage::Entry& entry);
  Result<View> write_view(storage::TopicId view);
  Result<> keep(const storage::Entry& entry, storage::TopicId view);
  Result<> write_batch();
  void discard(storage::TopicId view);
  Result<> next_step(CompactionStep step);
  Result<> check_going_on(std::chrono::milliseconds wait = std::chrono::milliseconds{0});

  const Context& context_;
  CompactionPlan plan_;
  const GoOn go_on_;
  LatestKeys latest_;
  std::vector<storage::Append> batch_;
  std::uint64_t batch_bytes_ = 0;
  std::uint64_t kept_ = 0;
};

/// The last step of a view that is a tombstone already. Any thread.
void drop_view(const Context& context, const std::string& topic, storage::TopicId view);

}  // namespace geminga::broker

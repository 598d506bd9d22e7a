#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/blocks.hpp"
#include "storage/segment_store.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// Read what is not in memory any more. Several, so that a slow read of one topic holds up no other; a thread
/// starts when a read finds none that is free. What waits is bounded by who reads: a subscription, a reader
/// and a search have one read under way each.
class ReadThreads {
 public:
  using Done = std::move_only_function<void(Result<std::vector<Entry>>)>;
  static constexpr std::size_t kMax = 4;

  ReadThreads(TopicTable& topics, SegmentStore& segments) : topics_(topics), segments_(segments) {}
  ~ReadThreads() { stop(); }
  /// Any thread; `done` comes on a read thread, or on the caller's where no thread can be had.
  void read(ReadRequest request, Done done);
  /// Answers what waits with `closed`.
  void stop();

 private:
  /// What idle readers keep of memory.
  static constexpr std::size_t kRetainedBlockBytes = 8 << 20;

  struct Job {
    ReadRequest request;
    Done done;
  };
  /// Starts one where all have work already. False: there is none at all. Under the lock.
  bool have_thread();
  void run();
  Result<std::vector<Entry>> execute(const ReadRequest& request);
  Result<std::vector<Entry>> read_extents(const ReadRequest& request, const TopicTable::ReadPlan& plan);

  TopicTable& topics_;
  SegmentStore& segments_;
  BlockPool blocks_{kRetainedBlockBytes};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;   ///< threads with a job; each that is not takes one that waits
  bool hindered_ = false;  ///< a thread could not be started, which was told
  bool stopping_ = false;
};

}  // namespace geminga::storage

#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/blocks.hpp"
#include "storage/segment_store.hpp"
#include "storage/topic_table.hpp"

namespace geminga::storage {

/// Reads what is not in memory any more. The thread starts with the first such read.
class ReadThread {
 public:
  using Done = std::move_only_function<void(Result<std::vector<Entry>>)>;

  ReadThread(TopicTable& topics, SegmentStore& segments) : topics_(topics), segments_(segments) {}
  ~ReadThread() { stop(); }
  /// Any thread; `done` comes on the read thread.
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
  void run();
  Result<std::vector<Entry>> execute(const ReadRequest& request);
  Result<std::vector<Entry>> read_extents(const ReadRequest& request, const TopicTable::ReadPlan& plan);

  TopicTable& topics_;
  SegmentStore& segments_;
  BlockPool blocks_{kRetainedBlockBytes};
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Job> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace geminga::storage

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/http_server.hpp"
#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// {"jobId", "requestId", "event", "generation", "at", "detail"?}
std::string job_event_json(const JobEvent& event);

/// The running event streams of jobs: what is in the store first, then what comes, each event once and in
/// order, until the job has ended.
class EventStreams : public std::enable_shared_from_this<EventStreams> {
 public:
  explicit EventStreams(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  /// Begins to listen to the store and to keep idle streams open.
  void start();
  /// `after` is the last event that the client has seen; 0: none.
  void open(const Job& job, std::int64_t after, net::Responder responder);
  /// Ends every stream.
  void stop();

 private:
  struct Stream {
    std::string job_id;
    net::EventStream out;
    std::int64_t last = 0;
    bool primed = false;  ///< what the store had was sent; until then new ones wait
    std::vector<JobEvent> waiting;
  };
  using StreamPtr = std::shared_ptr<Stream>;

  void seen(const JobEvent& event);
  void prime(const StreamPtr& stream, const Result<std::vector<JobEvent>>& events, JobStatus status);
  /// Under mutex_. False: the client is gone.
  static bool write(Stream& stream, const JobEvent& event);
  /// Under mutex_. Also false when the event ends the job.
  static bool send(Stream& stream, const JobEvent& event);
  void keep_alive();

  const std::shared_ptr<Core> core_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<StreamPtr>> streams_;  // under mutex_
  std::unique_ptr<Repeat> keep_alive_;                               // the core's loop
};

}  // namespace geminga::orchestrator

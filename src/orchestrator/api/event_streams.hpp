#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/http_server.hpp"
#include "orchestrator/services/core.hpp"

namespace geminga::orchestrator {

/// {"jobId", "requestId", "event", "generation", "at", "detail"?}
std::string job_event_json(const JobEvent& event);

/// The running event streams of jobs: what is in the store first, then what comes, each event once and in
/// order, until the job has ended. Who comes back for a job that has ended, and has seen it all, is answered
/// 204: that ends the reconnecting of an EventSource (WHATWG HTML section 9.2.3).
class EventStreams : public std::enable_shared_from_this<EventStreams> {
 public:
  explicit EventStreams(std::shared_ptr<Core> core);

  /// Begins to keep idle streams open, and to look for what other processes write to a store that they share.
  void start();
  /// `after` is the last event that the client has seen; 0: none.
  void open(const Job& job, std::int64_t after, net::Responder responder);
  /// What this process has committed, in order. On a thread of the store; never waits.
  void seen(const JobEvent& event);
  /// Ends every stream.
  void stop();

 private:
  struct Stream {
    std::string job_id;
    std::optional<net::Responder> responder;  ///< until what the store had is known
    std::optional<net::EventStream> out;      ///< from then on
    std::int64_t last = 0;
    bool ended = false;             ///< the last transition that was sent, or the job's status, is an end
    std::vector<JobEvent> waiting;  ///< what came before `out`
  };
  using StreamPtr = std::shared_ptr<Stream>;

  void prime(const StreamPtr& stream, const Result<std::vector<JobEvent>>& events);
  // Under mutex_:
  /// Nothing where the stream has sent it before. False: the client is gone.
  static bool write(Stream& stream, const JobEvent& event);
  void deliver(const JobEvent& event);
  void forget(const StreamPtr& stream);
  // The core's loop:
  void keep_alive();
  void look();

  const std::shared_ptr<Core> core_;
  /// Others write to the store too. Their events come by looking, and so do ours: what is sent must be in the
  /// order of the store.
  const bool shared_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<StreamPtr>> streams_;  // under mutex_
  std::unique_ptr<Repeat> keep_alive_;                               // the core's loop
  std::unique_ptr<Repeat> look_;                                     // the core's loop
};

}  // namespace geminga::orchestrator

#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/testing/store.hpp"

namespace geminga::orchestrator::testing {

/// Stands between a store and its PostgreSQL and breaks a connection at a COMMIT.
class CuttingProxy {
 public:
  /// `socket`: the file of the server's socket.
  explicit CuttingProxy(std::string socket);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  /// To give to a store in place of the server's.
  [[nodiscard]] std::string url() const;

  enum class Cut : int {
    none,
    before_commit,  ///< the server never sees it
    after_commit,   ///< the server has answered, the client never hears it
  };
  /// Of the next COMMIT only.
  void cut(Cut when) { cut_ = when; }
  /// How often it has cut.
  [[nodiscard]] int cuts() const { return cuts_; }

 private:
  void accept_all();
  void pass(int client, int server);
  const std::string socket_;
  TemporaryFolder folder_;
  std::atomic<Cut> cut_ = Cut::none;
  std::atomic<int> cuts_ = 0;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  std::mutex mutex_;
  std::vector<std::thread> passing_;  // under mutex_
  std::thread accepting_;
};

}  // namespace geminga::orchestrator::testing

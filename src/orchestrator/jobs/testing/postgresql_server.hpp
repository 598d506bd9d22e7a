#pragma once

#include <cstdio>
#include <string>
#include <sys/types.h>

#include <nlohmann/json_fwd.hpp>

namespace geminga::orchestrator::testing {

/// A real PostgreSQL, run by tests/brokers/postgresql.py; ends with this process, however that ends. One
/// thread. What fails throws std::runtime_error, with the reason.
class PostgresqlServer {
 public:
  PostgresqlServer();
  ~PostgresqlServer();
  PostgresqlServer(const PostgresqlServer&) = delete;
  PostgresqlServer& operator=(const PostgresqlServer&) = delete;
  /// The one of this process, started when it is asked for first.
  static PostgresqlServer& shared();

  [[nodiscard]] const std::string& url() const { return url_; }
  /// The folder of its socket.
  [[nodiscard]] std::string socket() const;
  void start();
  /// Orderly; cuts all connections.
  void stop();
  /// SIGKILL to all of its processes.
  void kill();
  /// The first column of the first row, or nothing.
  std::string sql(const std::string& text);

 private:
  nlohmann::json ask(const nlohmann::json& command);
  nlohmann::json answer();
  pid_t process_ = -1;
  std::FILE* commands_ = nullptr;
  std::FILE* answers_ = nullptr;
  std::string url_;
};

}  // namespace geminga::orchestrator::testing

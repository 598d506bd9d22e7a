#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/uuid.hpp"
#include "orchestrator/jobs/job_store.hpp"

/// For tests: a folder of its own, and the store's calls as if they waited.
namespace geminga::orchestrator::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() { std::filesystem::create_directories(path_); }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("geminga-orchestrator-" + base::random_uuid());
};

/// await<Job>([&](auto done) { store.find_job(id, std::move(done)); })
template <class T>
Result<T> await(std::move_only_function<void(StoreCallback<T>)> call) {
  std::promise<Result<T>> promise;
  auto future = promise.get_future();
  call([&promise](Result<T> result) { promise.set_value(std::move(result)); });
  return future.get();
}

inline NewJob new_job(std::string request_id, std::optional<std::string> key = std::nullopt) {
  NewJob job;
  job.id = "job-" + request_id;
  job.request_id = std::move(request_id);
  job.query = "a sentence";
  job.idempotency_key = std::move(key);
  job.outbox.topic = "user-requests";
  job.outbox.body = "{}";
  job.outbox.properties = {{"requestId", job.request_id}};
  return job;
}

}  // namespace geminga::orchestrator::testing

#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "base/uuid.hpp"
#include "storage/log.hpp"

/// What the tests of the storage share.
namespace geminga::storage::testing {

inline constexpr std::chrono::seconds kDeadline{20};

/// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(std::filesystem::temp_directory_path() / ("geminga-" + base::random_uuid())) {
    std::filesystem::create_directory(path_);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// No thread can be started while it lives: each would get a stack that no machine has.
class WithoutThreads {
 public:
  WithoutThreads() {
    pthread_attr_t none;
    EXPECT_EQ(pthread_getattr_default_np(&before_), 0);
    EXPECT_EQ(pthread_getattr_default_np(&none), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&none, std::size_t{1} << 48), 0);
    EXPECT_EQ(pthread_setattr_default_np(&none), 0);
    pthread_attr_destroy(&none);
  }
  ~WithoutThreads() {
    EXPECT_EQ(pthread_setattr_default_np(&before_), 0);
    pthread_attr_destroy(&before_);
  }
  WithoutThreads(const WithoutThreads&) = delete;
  WithoutThreads& operator=(const WithoutThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

/// Keeps everything that became durable.
class RecordingListener final : public LogListener {
 public:
  void on_durable(std::span<const Entry> entries) override {
    const std::lock_guard lock(mutex_);
    for (const Entry& entry : entries) bodies_.emplace_back(entry.body);
  }
  void on_disk_error(const Error& error) override {
    const std::lock_guard lock(mutex_);
    errors_.push_back(error);
  }
  [[nodiscard]] std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  [[nodiscard]] std::vector<Error> errors() const {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::vector<Error> errors_;
};

inline constexpr char kUuid[] = "0d3c8f3e-6f5b-4c5e-9a59-0b6c36d1a001";

inline Append append_of(TopicId topic, std::string body) {
  Append append{.topic = topic, .deliver_at = {}, .body = std::move(body)};
  append.body_crc = base::crc32c(append.body);
  return append;
}

/// Submits and waits for the answer.
inline Result<Receipt> commit(Log& log, std::vector<Operation> operations) {
  auto promise = std::make_shared<std::promise<Result<Receipt>>>();
  auto future = promise->get_future();
  log.submit({.operations = std::move(operations),
              .done = [promise](Result<Receipt> result) { promise->set_value(std::move(result)); }});
  if (future.wait_for(kDeadline) != std::future_status::ready)
    return fail(ErrorCode::timeout, "the log did not answer");
  return future.get();
}

inline Result<Receipt> publish(Log& log, TopicId topic, std::string body) {
  std::vector<Operation> operations;
  operations.emplace_back(append_of(topic, std::move(body)));
  return commit(log, std::move(operations));
}

inline Result<std::vector<Entry>> read(Log& log, ReadRequest request) {
  auto promise = std::make_shared<std::promise<Result<std::vector<Entry>>>>();
  auto future = promise->get_future();
  log.read(request, [promise](Result<std::vector<Entry>> result) { promise->set_value(std::move(result)); });
  if (future.wait_for(kDeadline) != std::future_status::ready)
    return fail(ErrorCode::timeout, "the log did not answer");
  return future.get();
}

/// All bodies of a topic from `from` on.
inline Result<std::vector<std::string>> read_all(Log& log, TopicId topic, EntryId from = {}) {
  std::vector<std::string> bodies;
  for (;;) {
    auto entries = read(log, {.topic = topic, .from = from});
    if (!entries) return std::unexpected(std::move(entries).error());
    if (entries->empty()) return bodies;
    for (const Entry& entry : *entries) bodies.emplace_back(entry.body);
    from = EntryId{entries->back().header.entry.value + 1};
  }
}

}  // namespace geminga::storage::testing

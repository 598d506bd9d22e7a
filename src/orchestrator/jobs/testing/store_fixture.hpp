#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/jobs/testing/postgresql_server.hpp"
#include "orchestrator/testing/store.hpp"

namespace geminga::orchestrator::testing {

/// Where the store of a test lies; it outlives the store.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<std::unique_ptr<JobStore>> open(base::Clock& clock,
                                                 std::function<void(const Error&)> on_disk_error) = 0;
};

class SqlitePlace final : public Place {
 public:
  Result<std::unique_ptr<JobStore>> open(base::Clock& clock,
                                         std::function<void(const Error&)> on_disk_error) override {
    return open_sqlite_job_store(
        {.file = folder_.path() / "jobs.db", .clock = &clock, .on_disk_error = std::move(on_disk_error)});
  }

  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
};

/// In the one server of this process, from which the store of the test before is taken away.
class PostgresqlPlace final : public Place {
 public:
  PostgresqlPlace() {
    server_.start();
    server_.sql("DROP SCHEMA IF EXISTS geminga CASCADE");
  }
  Result<std::unique_ptr<JobStore>> open(base::Clock& clock,
                                         std::function<void(const Error&)> on_disk_error) override {
    return open_postgresql_job_store(
        {.url = server_.url(), .clock = &clock, .on_disk_error = std::move(on_disk_error)});
  }

 private:
  PostgresqlServer& server_ = PostgresqlServer::shared();
};

/// A store on a clock that the test moves. Fault model: on_disk_error is noted; what fails is up to the test.
class StoreTest : public ::testing::Test {
 protected:
  explicit StoreTest(std::unique_ptr<Place> place) : place_(std::move(place)) {}
  void SetUp() override { open(); }
  /// Opens it anew, as another start of the process would.
  void open() {
    store_.reset();
    auto opened = place_->open(clock_, [this](const Error& error) { disk_errors_.push_back(error); });
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  InsertedJob insert(const std::string& request, std::optional<std::string> key = std::nullopt) {
    return await<InsertedJob>([&](auto done) { store_->insert_job(new_job(request, key), std::move(done)); })
        .value();
  }
  TakenClaim take(TakeClaim claim) {
    return await<TakenClaim>([&](auto done) { store_->take_claim(claim, std::move(done)); }).value();
  }
  static TakeClaim signal(std::string request, std::uint32_t attempt = 0, std::uint32_t generation = 0) {
    TakeClaim claim;
    claim.request_id = std::move(request);
    claim.attempt = attempt;
    claim.generation = generation;
    claim.owner = "me";
    return claim;
  }
  Result<> finish(const std::string& request, const std::string& token, const std::string& result,
                  const std::string& dead_letter = {}) {
    return await<void>([&](auto done) {
      store_->finish_claim({.request_id = request,
                            .token = token,
                            .result_json = result,
                            .dead_letter_json = dead_letter,
                            .failure = std::nullopt},
                           std::move(done));
    });
  }
  void decide(const std::string& request) {
    StoredDecision decision;
    decision.request_id = request;
    decision.detail_json = "{}";
    EXPECT_TRUE(
        await<StoredDecision>([&](auto done) { store_->record_decision(decision, std::move(done)); }));
  }
  bool decided(const std::string& request) {
    return !await<std::vector<StoredDecision>>(
                [&](auto done) { store_->find_decisions({request}, std::move(done)); })
                .value()
                .empty();
  }
  Result<> retry(const std::string& request, const std::string& token, std::uint32_t attempt, Timestamp at) {
    return await<void>([&](auto done) {
      store_->retry_claim({.request_id = request,
                           .token = token,
                           .retry_at = at,
                           .failure = {.attempt = attempt, .at = at, .outcome = "unknown", .error = "broke"}},
                          std::move(done));
    });
  }
  ResultApplied apply(const std::string& request, JobStatus status, std::uint32_t generation = 0) {
    ResultUpdate update;
    update.request_id = request;
    update.generation = generation;
    update.status = status;
    update.result_json = "{\"of\":\"" + request + "\"}";
    return await<ResultApplied>([&](auto done) { store_->apply_result(update, std::move(done)); }).value();
  }
  Job job(const std::string& request) {
    return await<Job>([&](auto done) { store_->find_job_of_request(request, std::move(done)); }).value();
  }
  std::vector<std::string> history(const std::string& request) {
    std::vector<std::string> names;
    auto events = await<std::vector<JobEvent>>(
        [&](auto done) { store_->job_events("job-" + request, 0, std::move(done)); });
    for (const auto& event : events.value()) names.push_back(event.event);
    return names;
  }
  Result<Reopened> reopen(const std::string& request) {
    return await<Reopened>([&](auto done) {
      store_->reopen({.request_id = request,
                      .outbox =
                          [](std::uint32_t generation) {
                            return OutboxMessage{.topic = "tool-signals",
                                                 .body = std::to_string(generation),
                                                 .properties = {}};
                          }},
                     std::move(done));
    });
  }

  std::unique_ptr<Place> place_;
  std::vector<Error> disk_errors_;  // the store's thread, until it has stopped
  base::ManualClock clock_;
  std::unique_ptr<JobStore> store_;
};

/// What every store does alike; the tests stand in job_store_test.cpp and claims_test.cpp.
class JobStoreTest : public StoreTest, public ::testing::WithParamInterface<std::unique_ptr<Place> (*)()> {
 protected:
  JobStoreTest() : StoreTest(GetParam()()) {}
};

}  // namespace geminga::orchestrator::testing

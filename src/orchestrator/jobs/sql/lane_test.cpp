#include "orchestrator/jobs/sql/lane.hpp"

#include <future>

#include <gtest/gtest.h>

namespace geminga::orchestrator::sql {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class Nothing final : public Operation {
 public:
  Result<> apply(Context&) override { return {}; }
  void finish(Result<>) override {}
};

/// A lane, and the sizes of the batches that it has run.
class LaneTest : public ::testing::Test {
 protected:
  void begin(milliseconds wait_for_company) {
    lane_ = std::make_unique<Lane>(
        "test-lane",
        [this](const Lane::Batch& batch) {
          const std::lock_guard lock(mutex_);
          sizes_.push_back(batch.size());
          ran_.notify_all();
        },
        wait_for_company);
  }
  void submit(Haste haste) { lane_->submit(std::make_unique<Nothing>(), haste); }
  std::vector<std::size_t> after_batches(std::size_t count) {
    std::unique_lock lock(mutex_);
    ran_.wait_for(lock, std::chrono::seconds{10}, [&] { return sizes_.size() >= count; });
    return sizes_;
  }

  std::mutex mutex_;
  std::condition_variable ran_;
  std::vector<std::size_t> sizes_;  // under mutex_
  std::unique_ptr<Lane> lane_;
};

using Sizes = std::vector<std::size_t>;

TEST_F(LaneTest, WhatHasNoHasteGoesAlongWithWhatHas) {
  begin(hours{1});
  submit(Haste::none);
  submit(Haste::none);
  submit(Haste::some);
  EXPECT_EQ(after_batches(1), Sizes{3});
  submit(Haste::some);
  EXPECT_EQ(after_batches(2), (Sizes{3, 1})) << "haste does not wait";
}

TEST_F(LaneTest, WithoutCompanyItGoesAlone) {
  begin(milliseconds{1});
  submit(Haste::none);
  EXPECT_EQ(after_batches(1), Sizes{1});
}

TEST_F(LaneTest, AStopWaitsForNoCompany) {
  begin(hours{1});
  submit(Haste::none);
  lane_->stop();
  EXPECT_EQ(after_batches(1), Sizes{1});
}

}  // namespace
}  // namespace geminga::orchestrator::sql

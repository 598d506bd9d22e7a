#include "orchestrator/jobs/postgresql/connector.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace geminga::orchestrator::postgresql {
namespace {

constexpr std::chrono::milliseconds kFirstPause{50};
constexpr std::chrono::milliseconds kLastPause{1'000};

}  // namespace

Connector::Connector(std::string url, base::Clock* clock, std::string store_id)
    : url_(std::move(url)), clock_(clock), store_id_(std::move(store_id)) {}

void Connector::adopt(std::unique_ptr<Database> database) {
  database->expect_store(store_id_);
  database_ = std::move(database);
}

Result<Database*> Connector::connection(Deadline deadline) {
  auto pause = kFirstPause;
  while (database_ == nullptr) {
    auto made = Database::connect(url_, clock_);
    if (made) {
      log::info("jobs", "connected to {} again", (*made)->name());
      adopt(*std::move(made));
      break;
    }
    if (pause == kFirstPause) log::warn("jobs", "{}; trying again", made.error().message);
    if (!wait(pause, deadline)) return std::unexpected(std::move(made).error());
    pause = std::min(pause * 2, kLastPause);
  }
  return database_.get();
}

bool Connector::wait(std::chrono::milliseconds pause, Deadline deadline) {
  const auto until = std::min(std::chrono::steady_clock::now() + pause, deadline);
  std::unique_lock lock(mutex_);
  if (wake_.wait_until(lock, until, [this] { return stopping_; })) return false;
  return until < deadline;
}

void Connector::stop_waiting() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

}  // namespace geminga::orchestrator::postgresql

#include "storage/recovery_spill.hpp"

#include <utility>

#include "base/log.hpp"
#include "base/thread.hpp"
#include "base/try.hpp"

namespace geminga::storage {

RecoverySpill::~RecoverySpill() {
  if (thread_.joinable()) thread_.join();
}

Result<> RecoverySpill::begin() {
  GEMINGA_TRY_VOID(finish());
  if (full_) return {};
  numbers_.push_back(segments_.next_number());
  topics_.freeze([](const auto&) {});
  const auto write = [this] { written_ = background_.spill(); };
  auto thread = base::start_thread(write);
  if (thread) {
    thread_ = *std::move(thread);
    return {};
  }
  write();
  return finish();
}

Result<> RecoverySpill::finish() {
  if (thread_.joinable()) thread_.join();
  const Result<> written = std::exchange(written_, Result<>{});
  if (written || written.error().code != ErrorCode::disk_full) return written;
  log::warn("storage", "what the journal holds stays in memory: {}", written.error().message);
  topics_.thaw();
  full_ = true;
  return {};
}

}  // namespace geminga::storage

#include "storage/background.hpp"

#include <algorithm>
#include <pthread.h>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/thread.hpp"
#include "base/try.hpp"
#include "storage/directory.hpp"
#include "storage/disk_bounds.hpp"

namespace geminga::storage {
namespace {

constexpr std::chrono::milliseconds kSpaceInterval{500};
constexpr std::chrono::seconds kReclaimInterval{5};
constexpr std::chrono::seconds kRewriteIntervalFull{1};
constexpr std::uint64_t kRewriteBytesMax = 32ULL << 20;  // of one new segment
constexpr std::uint64_t kHysteresisShare = 4;            // publishing resumes a quarter above the limit

}  // namespace

Background::Background(Parts parts, std::function<void()> wake_journal)
    : parts_(parts), wake_journal_(std::move(wake_journal)) {}

Result<> Background::start() {
  GEMINGA_TRY(thread_, base::start_thread([this] { run(); }));
  return {};
}

void Background::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Background::needs_metadata(std::uint64_t sequence) {
  std::uint64_t have = metadata_sequence_.load();
  while (have < sequence && !metadata_sequence_.compare_exchange_weak(have, sequence)) {
  }
}

Result<> Background::flush_now(CheckpointStates states) {
  pending_ = Pending{.states = std::move(states), .in_segment = false};
  return finish_pending();
}

Result<> Background::finish_pending() {
  if (!pending_) return {};
  GEMINGA_TRY_VOID(advance(*pending_));
  pending_.reset();
  return {};
}

Result<> Background::not_needed(std::vector<std::uint64_t> segments, std::uint64_t covered) {
  unneeded_ = std::move(segments);
  covered_ = covered;
  return let_go();
}

Result<> Background::spill() {
  GEMINGA_TRY(const auto extents, parts_.segments.write(parts_.topics.frozen_runs()));
  parts_.topics.install(extents);
  return {};
}

void Background::flush(CheckpointStates states) {
  const std::lock_guard lock(mutex_);
  GEMINGA_ASSERT(!pending_);
  pending_ = Pending{.states = std::move(states), .in_segment = false};
  work_ = true;
  changed_.notify_all();
}

bool Background::idle() const {
  const std::lock_guard lock(mutex_);
  return !pending_;
}

void Background::wait_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !pending_ || failure_ || disk_full_ || stopping_; });
}

void Background::wake() {
  const std::lock_guard lock(mutex_);
  work_ = true;
  changed_.notify_all();
}

void Background::wait_step() {
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = steps_begun_ + 1;
  work_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return steps_ended_ >= wanted || failure_ || stopping_; });
}

std::optional<Error> Background::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Background::run() {
  pthread_setname_np(pthread_self(), "gem-background");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    work_ = false;
    ++steps_begun_;
    lock.unlock();
    step();
    lock.lock();
    ++steps_ended_;
    changed_.notify_all();
    changed_.wait_for(lock, kSpaceInterval, [this] { return work_ || stopping_; });
  }
}

bool Background::went_on(const Result<>& result) {
  if (result) return true;
  if (result.error().code == ErrorCode::disk_full) {
    // Waited out: the entries stay in memory and in the journal.
    if (!refused_) log::warn("storage", "{}; publishing is refused", result.error().message);
    set_disk_full(low_, true);
  } else if (result.error().code == ErrorCode::unavailable) {
    // No descriptor for a file, say: it is not known to be worse than late.
    if (!std::exchange(hindered_, true))
      log::warn("storage", "{}; what is written behind the journal waits", result.error().message);
  } else if (result.error().code != ErrorCode::cancelled) {
    fail_with(result.error());
  }
  return false;
}

void Background::step() {
  if (failure()) return;
  watch_space();
  const bool prepared = went_on(parts_.journal.prepare(stopping_));
  Pending* pending = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (pending_) pending = &*pending_;  // only this thread takes it away
  }
  if (failure()) return;
  const bool flushed = went_on(pending == nullptr ? let_go() : advance(*pending));
  const bool reclaimed = failure() || went_on(reclaim());
  if (pending == nullptr && reclaimed) look_for_sparse();
  if (prepared && flushed && reclaimed) {
    set_disk_full(low_, false);
    hindered_ = false;
  }
  const std::lock_guard lock(mutex_);
  if (pending != nullptr && flushed) pending_.reset();
}

void Background::set_disk_full(bool low, bool refused) {
  low_ = low;
  refused_ = refused;
  if (disk_full_.exchange(low || refused) == (low || refused)) return;
  if (!disk_full_) log::info("storage", "there is space again: publishing goes on");
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

Result<> Background::advance(Pending& pending) {
  if (!pending.in_segment) {
    GEMINGA_TRY_VOID(spill());
    pending.in_segment = true;
  }
  find_empty_segments();
  GEMINGA_TRY_VOID(rewrite_sparse());
  GEMINGA_TRY_VOID(write_checkpoint(pending.states));
  // From here on nothing refers to these files, not even after a crash.
  for (auto* numbers : {&removable_, &rewritten_}) {
    unneeded_.insert(unneeded_.end(), numbers->begin(), numbers->end());
    numbers->clear();
  }
  covered_ = pending.states.covered();
  forgotten_.insert(forgotten_.end(), pending.states.drops().begin(), pending.states.drops().end());
  return let_go();
}

Result<> Background::let_go() {
  if (unneeded_.empty() && !covered_ && forgotten_.empty()) return {};
  const auto copied = being_copied(parts_.files, parts_.options.directory);
  tell_of_copy(copied);
  if (!copied || *copied) return {};
  GEMINGA_TRY_VOID(parts_.segments.remove(unneeded_));
  unneeded_.clear();
  if (covered_) GEMINGA_TRY_VOID(parts_.journal.release(*covered_));
  covered_.reset();
  if (!forgotten_.empty()) parts_.listener.on_forgotten(std::exchange(forgotten_, {}));
  return {};
}

void Background::tell_of_copy(const Result<bool>& copied) {
  const bool held = !copied || *copied;
  if (copied_.exchange(held) == held) return;
  if (!copied)
    log::warn("storage",
              "{}: whether a backup is under way cannot be found out, so nothing that it may need is removed "
              "and the journal only grows; let this user open the file, or remove it when no backup runs",
              copied.error().message);
  else if (held)
    log::info("storage",
              "a backup is under way: until it is done the journal only grows ({} bytes now); from {} bytes "
              "on publishing is refused",
              parts_.journal.held_bytes(), parts_.options.journal_bytes_max);
  else
    log::info("storage", "the backup is done: {} bytes of the journal can be used again",
              parts_.journal.held_bytes());
}

void Background::find_empty_segments() {
  parts_.segments.bury(parts_.topics.take_dead());
  const auto empty = parts_.segments.take_empty();
  removable_.insert(removable_.end(), empty.begin(), empty.end());
}

Result<> Background::rewrite_sparse() {
  wants_flush_ = false;
  const std::vector<std::uint64_t> sparse = find_sparse();
  std::vector<SegmentStore::Move> moves;
  for (const std::uint64_t number : sparse) {
    const auto footer = parts_.segments.read_footer(number);
    if (!footer) {
      // Whoever reads of it is told.
      if (footer.error().code != ErrorCode::unavailable) parts_.segments.keep(number);
      return {};
    }
    for (const FooterLine& line : *footer) {
      if (const auto first = parts_.topics.live_from(line.topic, line.extent))
        moves.push_back({.topic = line.topic, .from = line.extent, .first = *first});
    }
  }
  std::ranges::sort(moves, {}, [](const auto& move) { return std::pair(move.topic, move.first); });
  const auto moved = parts_.segments.rewrite(moves);
  if (!moved) {
    if (moved.error().code == ErrorCode::disk_error) return std::unexpected(moved.error());
    log::warn("storage", "segments are not rewritten: {}", moved.error().message);
    return {};
  }
  for (std::size_t i = 0; i < moves.size(); ++i)
    parts_.topics.move(moves[i].topic, moves[i].from, (*moved)[i].extent);
  parts_.segments.retire(sparse);
  rewritten_.insert(rewritten_.end(), sparse.begin(), sparse.end());
  segments_rewritten_ += sparse.size();
  return {};
}

std::vector<std::uint64_t> Background::find_sparse() const {
  std::uint64_t room = kRewriteBytesMax;
  if (const auto space = parts_.files.space(parts_.options.directory))
    room = std::min(room, space->free_bytes / 2);
  return parts_.segments.sparse(room);
}

void Background::look_for_sparse() {
  // A flush finds them by itself. Without one, space would be given back only when somebody publishes.
  const auto interval = disk_full_ ? kRewriteIntervalFull : kReclaimInterval;
  if (std::chrono::steady_clock::now() - last_checkpoint_ < interval || find_sparse().empty()) return;
  want_flush();
}

void Background::want_flush() {
  wants_flush_ = true;
  wake_journal_();
}

Result<> Background::reclaim() {
  find_empty_segments();
  if (removable_.empty()) return {};
  if (!disk_full_ && std::chrono::steady_clock::now() - last_checkpoint_ < kReclaimInterval) return {};
  // The trims and drops that killed them are durable in the journal, behind what the checkpoint covers: the
  // same checkpoint without them says the same.
  GEMINGA_TRY(const bool there, parts_.files.exists(checkpoint_path()));
  if (there) {
    auto checkpoint = read_checkpoint();
    if (!checkpoint) {
      if (checkpoint.error().code == ErrorCode::unavailable) return std::unexpected(checkpoint.error());
      // All that it says is in memory, too: the one of the next flush is whole.
      log::warn("storage", "{}; it is made anew", checkpoint.error().message);
      last_checkpoint_ = std::chrono::steady_clock::now();
      want_flush();
      return {};
    }
    GEMINGA_TRY_VOID(replace_checkpoint(without_removable(*std::move(checkpoint))));
  }
  unneeded_.insert(unneeded_.end(), removable_.begin(), removable_.end());
  removable_.clear();
  return let_go();
}

Result<Checkpoint> Background::read_checkpoint() const {
  GEMINGA_TRY(const std::string bytes, base::read_file(parts_.files, checkpoint_path()));
  return decode_checkpoint(parts_.uuid, std::as_bytes(std::span(bytes)));
}

std::string Background::without_removable(Checkpoint checkpoint) const {
  const auto removable = [this](std::uint64_t number) {
    return std::ranges::find(removable_, number) != removable_.end();
  };
  std::erase_if(checkpoint.segments,
                [&](const Checkpoint::Segment& segment) { return removable(segment.number); });
  std::erase_if(checkpoint.extents,
                [&](const Checkpoint::ExtentPart& part) { return removable(part.extent.segment); });
  CheckpointStates states(checkpoint.covered, checkpoint.next_ledger);
  for (const Checkpoint::TopicPart& topic : checkpoint.topics)
    states.add(topic.id, topic.state, topic.sequences);
  return encode_checkpoint(parts_.uuid, states, checkpoint);
}

Result<> Background::write_checkpoint(const CheckpointStates& states) {
  Checkpoint rest;
  rest.next_segment = parts_.segments.next_number();
  rest.metadata_sequence = metadata_sequence_;
  rest.segments = parts_.segments.list();
  parts_.topics.visit([&](TopicId id, const Topic& topic) {
    for (const Extent& extent : topic.extents) rest.extents.push_back({id, extent});
  });
  return replace_checkpoint(encode_checkpoint(parts_.uuid, states, rest));
}

Result<> Background::replace_checkpoint(const std::string& bytes) {
  GEMINGA_TRY_VOID(
      base::replace_file(parts_.files, checkpoint_path(), bytes, !parts_.options.unsafe.no_dirsync));
  last_checkpoint_ = std::chrono::steady_clock::now();
  return {};
}

void Background::watch_space() {
  const auto space = parts_.files.space(parts_.options.directory);
  if (!space) return;  // the writes themselves will tell
  const std::uint64_t limit = space_limit(space->total_bytes);
  if (!low_ && space->free_bytes < limit) {
    log::warn("storage", "{} bytes free, {} is the least: publishing is refused until space is free again",
              space->free_bytes, limit);
    set_disk_full(true, refused_);
  } else if (low_ && space->free_bytes >= limit + limit / kHysteresisShare) {
    set_disk_full(false, refused_);
  }
}

void Background::fail_with(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = error;
    changed_.notify_all();
  }
  wake_journal_();
}

}  // namespace geminga::storage

#include <algorithm>
#include <iterator>
#include <pthread.h>
#include <thread>

#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "storage/log_impl.hpp"

namespace geminga::storage {
namespace {

// Larger groups gain no bandwidth and make everybody in them wait longer. With its headers a group fits into
// one slab.
constexpr std::uint64_t kGroupBytesMax = (4ULL << 20) - (16 << 10);

bool publishes(const Transaction& transaction) {
  for (const Operation& operation : transaction.operations) {
    if (std::holds_alternative<Append>(operation)) return true;
  }
  return false;
}

}  // namespace

void Log::Impl::run_journal() {
  pthread_setname_np(pthread_self(), "gem-journal");
  std::vector<Submitted> backlog;
  while (queue_.take(backlog, waits_until_)) {
    if (const auto failed = background_.failure()) fail_for_good(*failed);
    for (std::size_t at = 0; at < backlog.size();) {
      Batch batch = choose(backlog, at);
      throttle(batch);
      if (auto room = make_room(batch); !room) fail_for_good(room.error());
      if (!batch.chosen.empty()) take_in(std::move(batch));
      flush_when_due();
    }
    backlog.clear();
    if (waits_until_ && std::chrono::steady_clock::now() >= *waits_until_) write_waiting();
    flush_when_due();
  }
  write_waiting();
}

Result<> Log::Impl::admit(Submitted& submitted) {
  if (failure_) return std::unexpected(*failure_);
  if (const auto& numbers = submitted.transaction.numbers)
    GEMINGA_TRY_VOID(numbers->sends->admit(numbers->range));
  if (submitted.transaction.refused) return std::unexpected(*submitted.transaction.refused);
  if (options_.unsafe.dedup_before_persist) builder_.mark_duplicates(submitted.transaction);
  if (submitted.overloaded)
    return fail(
        ErrorCode::overloaded,
        fmt::format("{} bytes wait for the disk already, the publish budget; send slower or try again",
                    options_.publish_budget_bytes));
  if (background_.disk_full() && publishes(submitted.transaction))
    return fail(
        ErrorCode::disk_full,
        fmt::format("the disk of '{}' is full (less than the smaller of 5 % and 256 MiB is free); reads and "
                    "acknowledgements go on, and publishing resumes by itself when there is space",
                    options_.directory.string()));
  return builder_.check(submitted.transaction);
}

bool Log::Impl::over_limits() const {
  return topics_.memory_bytes() >= options_.memory_table_bytes ||
         (journal_over_limit() && !background_.copied());
}

bool Log::Impl::journal_over_limit() const {
  return journal_.held_bytes() >= options_.journal_bytes_max;
}

void Log::Impl::throttle(Batch& batch) {
  if (batch.chosen.empty() || failure_) return;
  // The writer of segments is behind: what is published waits here, fills the publish budget and is then
  // refused, but for what is answered already. Two rounds free everything that can be freed.
  if (over_limits()) write_waiting();
  for (int round = 0; round < 2 && over_limits(); ++round) {
    background_.wait_idle();
    if (!background_.idle()) return;  // failed, or the disk is full: then nothing is published anyway
    if (over_limits()) flush();
  }
  if (batch.publishes && journal_over_limit() && background_.copied())
    refuse_from(
        batch,
        {ErrorCode::overloaded,
         fmt::format("the journal has reached its limit of {} bytes, and a backup of '{}' keeps all of "
                     "it; publishing resumes by itself when the backup is done",
                     options_.journal_bytes_max, options_.directory.string())},
        false);
}

/// The checkpoint covers all groups that were answered so far, so the one that waits goes first.
void Log::Impl::flush() {
  write_waiting();
  if (!failure_) background_.flush(freeze());
}

void Log::Impl::flush_when_due() {
  if (failure_) return;
  const bool due = topics_.active_bytes() >= options_.memory_table_bytes / 2 ||
                   bytes_since_freeze_ >= options_.journal_bytes_max / 4 || journal_.wants_checkpoint() ||
                   background_.wants_flush();
  if (due && background_.idle()) flush();
}

Log::Impl::Batch Log::Impl::choose(std::vector<Submitted>& backlog, std::size_t& at) {
  Batch batch;
  for (; at < backlog.size(); ++at) {
    Submitted& next = backlog[at];
    const std::uint64_t bytes = GroupBuilder::record_bytes_of(next.transaction);
    if (waiting_.record_bytes + batch.record_bytes + bytes > group_bytes_max()) {
      if (!batch.chosen.empty()) break;
      write_waiting();
    }
    if (auto admitted = admit(next); !admitted) {
      refuse(next, admitted.error());
      continue;
    }
    if (options_.unsafe.dedup_before_persist && builder_.answer_duplicates(next.transaction)) {
      queue_.give_back(next.budget);
      continue;
    }
    if (const auto& numbers = next.transaction.numbers) numbers->sends->accepted(numbers->range);
    batch.record_bytes += bytes;
    batch.budget += next.budget;
    batch.publishes |= publishes(next.transaction);
    batch.chosen.push_back(std::move(next));
  }
  return batch;
}

std::uint64_t Log::Impl::group_bytes_max() const {
  // A group of acknowledgements must fit into what is kept for them.
  return std::min(kGroupBytesMax, journal_.reserve_bytes() / 2);
}

Result<> Log::Impl::make_room(Batch& batch) {
  // What waits has its room. Where there is none for both it goes first, by itself.
  if (!batch.chosen.empty() && !waiting_.chosen.empty()) {
    const std::uint64_t bytes = group_bytes({.bytes = waiting_.record_bytes + batch.record_bytes});
    if (ask_room(bytes, RoomFor::publishing)) return {};
    write_waiting();
  }
  // No id was given yet, so nothing has to be taken back. What publishes is refused first: the rest is small
  // and goes on.
  for (const RoomFor who : {RoomFor::publishing, RoomFor::upkeep}) {
    if (batch.chosen.empty()) return {};
    if (who == RoomFor::publishing && !batch.publishes) continue;
    const std::uint64_t bytes = group_bytes({.bytes = batch.record_bytes});
    auto room = ask_room(bytes, who);
    if (room) return {};
    const bool passes = room.error().retryable();
    refuse_from(batch, room.error(), who == RoomFor::upkeep || !passes);
    if (!passes) return room;
  }
  return {};
}

Result<> Log::Impl::ask_room(std::uint64_t bytes, RoomFor who) {
  const std::uint64_t generation = journal_.generation();
  auto room = who == RoomFor::publishing ? journal_.make_room(bytes, who) : make_room_for_upkeep(bytes);
  if (journal_.generation() != generation) background_.wake();
  return room;
}

Result<> Log::Impl::make_room_for_upkeep(std::uint64_t bytes) {
  // The reserve may be used up sooner than a checkpoint gives a file back: then it is waited for.
  for (int round = 0; round < 2; ++round) {
    auto room = journal_.make_room(bytes, RoomFor::upkeep);
    if (room || room.error().code != ErrorCode::disk_full) return room;
    if (background_.idle()) flush();
    background_.wait_step();
  }
  return journal_.make_room(bytes, RoomFor::upkeep_at_last);
}

void Log::Impl::refuse_from(Batch& batch, const Error& error, bool all) {
  Batch rest;
  for (Submitted& one : batch.chosen) {
    if (all || publishes(one.transaction)) {
      builder_.uncheck(one.transaction);
      refuse(one, error);
    } else {
      rest.record_bytes += GroupBuilder::record_bytes_of(one.transaction);
      rest.chosen.push_back(std::move(one));
    }
  }
  batch = std::move(rest);
}

void Log::Impl::take_in(Batch batch) {
  // What waited may have been written since it was admitted.
  if (failure_) return refuse_from(batch, *failure_, true);
  std::size_t at = waiting_.chosen.size();
  waiting_.record_bytes += batch.record_bytes;
  waiting_.budget += batch.budget;
  if (at == 0) {
    waiting_.chosen = std::move(batch.chosen);
  } else {
    std::ranges::move(batch.chosen, std::back_inserter(waiting_.chosen));
  }
  std::size_t early = at;
  for (; early < waiting_.chosen.size(); ++early) {
    const auto wait = builder_.give_places(waiting_.chosen[early]);
    // Places go by the order in the group: behind what waits for the disk everything does.
    if (!wait) break;
    const auto until = std::chrono::steady_clock::now() + *wait;
    waits_until_ = std::min(waits_until_.value_or(until), until);
  }
  // Whoever publishes more must not be refused for what only waits for its time.
  const bool rests = early == waiting_.chosen.size() && waiting_.budget < options_.publish_budget_bytes / 2;
  if (rests) queue_.set_resting(waiting_.budget);
  for (; at < early; ++at) answer_early(waiting_.chosen[at]);
  if (!rests) write_waiting();
}

void Log::Impl::answer_early(Submitted& submitted) {
  answered_early_ += 1;
  if (auto done = std::exchange(submitted.transaction.done, nullptr))
    done(Receipt{.appended = submitted.given, .cursors = {}});
}

void Log::Impl::write_waiting() {
  if (std::exchange(waits_until_, std::nullopt)) queue_.set_resting(0);
  if (waiting_.chosen.empty()) return;
  Batch batch = std::exchange(waiting_, {});
  if (!failure_) return write_group(std::move(batch));
  refuse_from(batch, *failure_, true);
}

void Log::Impl::write_group(Batch batch) {
  Group group = builder_.build(
      batch.chosen, batch.record_bytes,
      {.generation = journal_.generation(), .number = last_group_ + 1, .durable = last_group_});
  batch.chosen.clear();
  duplicates_ += group.duplicates;
  if (group.bytes.empty()) return complete(group);  // all of it is durable already
  if (options_.unsafe.ack_before_sync) complete(group);
  if (options_.unsafe.write_delay.count() > 0) std::this_thread::sleep_for(options_.unsafe.write_delay);
  const auto before = std::chrono::steady_clock::now();
  if (auto written = journal_.write(group.bytes, group.applied.number); !written) {
    fail_for_good(written.error());
    queue_.give_back(std::exchange(group.budget, 0));
    for (Group::Member& member : group.members) {
      if (member.done) member.done(std::unexpected(*failure_));
    }
    return;
  }
  last_sync_ns_ = (std::chrono::steady_clock::now() - before).count();
  last_group_ = group.applied.number;
  bytes_since_freeze_ += group.bytes.size();
  groups_ += 1;
  syncs_ += 1;
  records_ += group.members.size();
  for (const Entry& entry : group.applied.entries) appended_bytes_ += entry.body.size();
  if (!options_.unsafe.ack_before_sync) complete(group);
}

void Log::Impl::complete(Group& group) {
  // The receipts go out before anybody is woken for what comes of them.
  const base::PostsTogether together;
  topics_.apply(group.applied);
  if (!group.applied.entries.empty()) listener_.on_durable(group.applied.entries);
  queue_.give_back(std::exchange(group.budget, 0));
  for (Group::Member& member : group.members) {
    if (member.done) std::exchange(member.done, nullptr)(std::move(member.receipt));
  }
}

void Log::Impl::refuse(Submitted& submitted, const Error& error) {
  queue_.give_back(submitted.budget);
  if (const auto& numbers = submitted.transaction.numbers) numbers->sends->refused(numbers->range, error);
  if (submitted.transaction.done) submitted.transaction.done(std::unexpected(error));
}

void Log::Impl::fail_for_good(const Error& error) {
  if (failure_) return;
  // Whatever the cause, this log takes nothing more: what the disk holds is known again after a restart.
  failure_ = Error{ErrorCode::disk_error, error.message +
                                              ". Nothing more is acknowledged; restart after the disk "
                                              "is in order"};
  log::error("storage", "{}", failure_->message);
  listener_.on_disk_error(*failure_);
}

}  // namespace geminga::storage

#include "broker/compaction/compaction.hpp"

#include <future>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "broker/raw_message.hpp"
#include "broker/read_check.hpp"

namespace geminga::broker {
namespace {

constexpr std::uint64_t kStepBytes = 1ULL << 20;  // of a read and of a write
constexpr std::chrono::milliseconds kOverloadedWait{100};

/// Every callback of log and metadata comes, also after a failure: there is no time-out.
template <class T, class Call>
Result<T> wait(Call&& call) {
  const auto promise = std::make_shared<std::promise<Result<T>>>();
  auto result = promise->get_future();
  call([promise](Result<T> value) { promise->set_value(std::move(value)); });
  return result.get();
}

/// Nothing: the entry has no key, or cannot be looked into (another protocol's, encrypted, part of a larger
/// message): it is kept.
std::optional<RawParts> keyed(const storage::Entry& entry) {
  constexpr int kOpaque = storage::EntryFlags::kBatch | storage::EntryFlags::kChunk |
                          storage::EntryFlags::kControl | storage::EntryFlags::kEncrypted;
  if (entry.header.format != storage::PayloadFormat::raw || (entry.header.flags & kOpaque) != 0) return {};
  auto parts = parts_of_raw(entry);
  return parts && !parts->key.empty() ? std::optional(*parts) : std::nullopt;
}

}  // namespace

Compaction::Compaction(const Context& context, CompactionPlan plan, GoOn go_on)
    : context_(context),
      plan_(std::move(plan)),
      go_on_(std::move(go_on)),
      latest_(context.options.compaction_memory_bytes) {}

Result<View> Compaction::run() {
  if (plan_.former && plan_.former->horizon == plan_.end && former_is_whole()) return *plan_.former;
  GEMINGA_TRY_VOID(next_step(CompactionStep::note_keys));
  GEMINGA_TRY_VOID(note_keys());
  GEMINGA_TRY_VOID(next_step(CompactionStep::create_view));
  GEMINGA_TRY(const storage::TopicRow row, wait<storage::TopicRow>([&](auto done) {
                context_.metadata->create_view(plan_.topic, std::move(done));
              }));
  auto view = write_view(row.id);
  if (!view) discard(row.id);
  return view;
}

/// As far as the log knows.
bool Compaction::former_is_whole() const {
  const auto state = context_.log->state(plan_.former->topic);
  if (!state) return plan_.former->entries == 0;
  return state->offline_reason.empty() && state->next.value == plan_.former->entries;
}

// --- reading
// -------------------------------------------------------------------------------------------------------

Result<> Compaction::each_entry(const Visit& visit) {
  if (plan_.former) GEMINGA_TRY_VOID(each_of_view(visit));
  return each_of_topic(visit);
}

Result<> Compaction::each_of_view(const Visit& visit) {
  for (EntryId next{0}; next.value < plan_.former->entries;) {
    GEMINGA_TRY(const auto entries, read(plan_.former->topic, next));
    if (entries.empty()) return std::unexpected(entries_missing(plan_.name));
    for (const storage::Entry& entry : entries) {
      GEMINGA_TRY(const storage::Entry original, from_view(entry));
      GEMINGA_TRY_VOID(visit(original));
      next = EntryId{entry.header.entry.value + 1};
    }
  }
  return {};
}

Result<> Compaction::each_of_topic(const Visit& visit) {
  for (EntryId next = plan_.begin; next < plan_.end;) {
    GEMINGA_TRY(const auto entries, read(plan_.topic, next));
    // Nothing is trimmed while this runs; what is not there has not been there.
    if (entries.empty() || entries.front().header.entry != next)
      return fail(ErrorCode::internal, fmt::format("entry {} of {} is missing", next.value, plan_.name));
    for (const storage::Entry& entry : entries) {
      if (entry.header.entry >= plan_.end) return {};
      GEMINGA_TRY_VOID(visit(entry));
      next = EntryId{entry.header.entry.value + 1};
    }
  }
  return {};
}

Result<std::vector<storage::Entry>> Compaction::read(storage::TopicId topic, EntryId from) {
  GEMINGA_TRY_VOID(check_going_on());
  auto entries = without_holes(wait<std::vector<storage::Entry>>([&](auto done) {
    context_.log->read({.topic = topic, .from = from, .bytes_max = kStepBytes}, std::move(done));
  }));
  if (entries) plan_.progress->done += entries->size();
  return entries;
}

Result<> Compaction::note_keys() {
  const auto note = [this](const storage::Entry& entry) { return note_key(entry); };
  if (plan_.former) {
    if (const auto noted = each_of_view(note); !noted) {
      const ErrorCode code = noted.error().code;
      if (code != ErrorCode::topic_offline && code != ErrorCode::corrupted) return noted;
      if (!plan_.all_kept)
        return fail(code, fmt::format("{}; what only the former view of {} had is lost: restore a backup, or "
                                      "delete the topic",
                                      noted.error().message, plan_.name));
      log::warn("broker", "{} is compacted anew from its first message: {}", plan_.name,
                noted.error().message);
      plan_.former.reset();
      plan_.begin = EntryId{0};
      latest_.clear();
    }
  }
  return each_of_topic(note);
}

Result<> Compaction::note_key(const storage::Entry& entry) {
  const auto parts = keyed(entry);
  if (!parts || latest_.note(parts->key, entry.header.entry)) return {};
  return fail(ErrorCode::too_large,
              fmt::format("{} has more than the {} keys that a compaction has memory for; a topic with "
                          "partitions is compacted one by one",
                          plan_.name, latest_.keys_max()));
}

// --- writing
// -------------------------------------------------------------------------------------------------------

Result<View> Compaction::write_view(storage::TopicId view) {
  GEMINGA_TRY_VOID(next_step(CompactionStep::write_view));
  GEMINGA_TRY_VOID(each_entry([&](const storage::Entry& entry) { return keep(entry, view); }));
  if (!batch_.empty()) GEMINGA_TRY_VOID(write_batch());
  GEMINGA_TRY_VOID(next_step(CompactionStep::use_view));
  const storage::ViewRow row{.topic = view, .horizon = plan_.end, .entries = kept_};
  GEMINGA_TRY_VOID(
      wait<void>([&](auto done) { context_.metadata->set_view(plan_.topic, row, std::move(done)); }));
  const auto state = context_.log->state(view);
  return View{.topic = view,
              .horizon = plan_.end,
              .entries = kept_,
              .bytes = state ? state->stored_bytes : 0};  // nothing was left, and the log knows no such topic
}

Result<> Compaction::keep(const storage::Entry& entry, storage::TopicId view) {
  if (const auto parts = keyed(entry)) {
    if (parts->body.empty() || !latest_.is_latest(parts->key, entry.header.entry)) return {};
  }
  batch_.push_back(to_view(entry, view));
  batch_bytes_ += batch_.back().body.size();
  kept_ += 1;
  return batch_bytes_ < kStepBytes ? Result<>{} : write_batch();
}

/// Publishers come first: what the log has no room for is tried again.
Result<> Compaction::write_batch() {
  for (;;) {
    GEMINGA_TRY_VOID(check_going_on());
    storage::Transaction transaction;
    transaction.operations.assign(batch_.begin(), batch_.end());
    const auto written = wait<storage::Receipt>([&](auto done) {
      transaction.done = std::move(done);
      context_.log->submit(std::move(transaction));
    });
    if (written) break;
    if (written.error().code != ErrorCode::overloaded) return std::unexpected(written.error());
    GEMINGA_TRY_VOID(check_going_on(kOverloadedWait));
  }
  batch_.clear();
  batch_bytes_ = 0;
  return {};
}

/// What fails here is done by the next start. A deleted topic has taken its views with it, all but their
/// space.
void Compaction::discard(storage::TopicId view) {
  const auto gone = wait<void>([&](auto done) { context_.metadata->tombstone_topic(view, std::move(done)); });
  if (!gone && gone.error().code != ErrorCode::not_found) {
    return log::warn("broker",
                     "a compacted view of {} is given up, its space is not free before the next "
                     "start: {}",
                     plan_.name, gone.error().message);
  }
  drop_view(context_, plan_.name, view);
}

// --- steps
// ---------------------------------------------------------------------------------------------------------

Result<> Compaction::next_step(CompactionStep step) {
  if (context_.options.on_compaction_step) context_.options.on_compaction_step(step);
  return check_going_on();
}

Result<> Compaction::check_going_on(std::chrono::milliseconds wait) {
  if (go_on_(wait) && !plan_.progress->topic_gone) return {};
  return fail(ErrorCode::closed,
              fmt::format("the compaction of {} was stopped: the topic was deleted, or the "
                          "broker closes",
                          plan_.name));
}

void drop_view(const Context& context, const std::string& topic, storage::TopicId view) {
  storage::Transaction transaction;
  transaction.operations.emplace_back(storage::DropTopic{.topic = view});
  transaction.done = [topic](const Result<storage::Receipt>& dropped) {
    if (!dropped)
      log::warn("broker", "a former compacted view of {} keeps its space until the next start: {}", topic,
                dropped.error().message);
  };
  context.log->submit(std::move(transaction));
}

}  // namespace geminga::broker

#include <set>

#include <fmt/format.h>

#include "base/file_system.hpp"
#include "base/log.hpp"
#include "base/try.hpp"
#include "broker/broker_impl.hpp"
#include "broker/delay_choice.hpp"

namespace geminga::broker {
namespace {

void publish_all(const Context& context, std::vector<Publication> publications,
                 Done<std::vector<MessageId>> done);

}  // namespace

Result<std::unique_ptr<Broker>> Broker::open(BrokerOptions options) {
  auto context = std::make_shared<Context>(std::move(options));
  base::FileSystem& files =
      context->options.files != nullptr ? *context->options.files : base::FileSystem::system();
  context->options.files = &files;
  GEMINGA_TRY(context->directory, storage::DataDirectory::acquire(files, context->options.directory));
  const auto& directory = *context->directory;
  GEMINGA_TRY(context->metadata, storage::MetadataStore::open(directory.path() / "metadata.db",
                                                              directory.uuid(), directory.fresh()));
  for (std::uint32_t i = 0; i < std::max(1U, context->options.cores); ++i) {
    context->cores.push_back(std::make_unique<Core>(fmt::format("gm-core-{}", i)));
  }
  auto broker = std::make_unique<BrokerImpl>(std::move(context));
  GEMINGA_TRY_VOID(broker->start());
  return broker;
}

// Handles of non-persistent topics may outlive the broker, so they get the context.
BrokerImpl::BrokerImpl(ContextPtr context)
    : context_(std::move(context)),
      topics_(context_, partition_table_),
      schemas_(context_, partition_table_, topics_),
      volatile_topics_(std::make_shared<VolatileTopics>(
          *context_->options.clock,
          [context = context_](std::vector<Publication> publications, Done<std::vector<MessageId>> done) {
            publish_all(*context, std::move(publications), std::move(done));
          })) {}

BrokerImpl::~BrokerImpl() {
  if (auto closed = close(); !closed) log::error("broker", "closing: {}", closed.error().message);
}

Result<> BrokerImpl::start() {
  context_->metadata->on_disk_error([this](const Error& error) { on_disk_error(error); });
  StoredNames names;
  GEMINGA_TRY(names.topics, context_->metadata->topics());
  GEMINGA_TRY(names.subscriptions, context_->metadata->subscriptions());
  GEMINGA_TRY(names.policies, context_->metadata->policies());
  GEMINGA_TRY(const auto partitioned, context_->metadata->partitioned_topics());
  for (const storage::PartitionedRow& row : partitioned) partition_table_.set(row.name, row.partitions);
  GEMINGA_TRY(const auto namespaces, context_->metadata->namespaces());
  for (const std::string& name : namespaces) topics_.add_namespace(name);
  notes_.resize(context_->cores.size());
  trim_timers_.resize(context_->cores.size());
  GEMINGA_TRY_VOID(open_log(names));
  GEMINGA_TRY_VOID(recover(*context_, partition_table_, std::move(names), topics_));
  for (std::size_t i = 0; i < context_->cores.size(); ++i) {
    context_->cores[i]->loop.run([this, i] { start_trimming(i); });
  }
  return {};
}

Result<> BrokerImpl::open_log(const StoredNames& names) {
  std::set<storage::TopicId> live;
  std::set<storage::TopicId> tombstoned;
  for (const storage::TopicRow& row : names.topics) (row.tombstone ? tombstoned : live).insert(row.id);
  const BrokerOptions& options = context_->options;
  GEMINGA_TRY(const storage::DirectoryRow metadata, context_->metadata->directory());
  storage::LogOptions log_options{.directory = context_->directory->path(),
                                  .directory_uuid = context_->directory->uuid(),
                                  .journal_bytes_max = options.journal_bytes_max,
                                  .journal_file_bytes = options.journal_file_bytes,
                                  .memory_table_bytes = options.memory_table_bytes,
                                  .publish_budget_bytes = options.publish_budget_bytes,
                                  .metadata_sequence = metadata.sequence,
                                  .unsafe = options.unsafe};
  GEMINGA_TRY(context_->log, storage::Log::open(*options.files, *options.clock, std::move(log_options), live,
                                                tombstoned, *this));
  // Whatever was committed before a record that stands on it: a checkpoint must never outlive its names.
  context_->metadata->on_commit(
      [log = context_->log.get()](std::uint64_t sequence) { log->needs_metadata(sequence); });
  return {};
}

/// Every trim_every each loaded topic of the core looks what it may forget; without something new that is a
/// few comparisons.
void BrokerImpl::start_trimming(std::size_t number) {
  Core& core = *context_->cores[number];
  if (core.ended) return;
  trim_timers_[number] = std::make_unique<base::Timer>(core.loop);
  trim_timers_[number]->set_after(context_->options.trim_every, [this, number, &core] {
    for (const auto& [id, topic] : core.topics) {
      topic->limits().tick();
      topic->trim();
      // A partition goes with the whole only.
      if (!topic->deleted() && topic->partition() < 0 && topic->limits().inactive()) delete_inactive(topic);
    }
    topics_.unload_idle(core);
    start_trimming(number);
  });
}

void BrokerImpl::end_topics(std::size_t number, const Error& reason) {
  Core& core = *context_->cores[number];
  if (!core.ended) core.ended = reason;
  trim_timers_[number].reset();
  for (const auto& [id, topic] : core.topics) topic->shut_down(reason);
}

Result<> BrokerImpl::close() {
  const std::lock_guard closing(close_mutex_);
  if (std::exchange(closed_, true)) return {};
  const Error reason = broker_closed();
  volatile_topics_->close(reason);
  context_->compactor->stop();  // it waits for log, metadata and cores
  for (std::size_t i = 0; i < context_->cores.size(); ++i) {
    context_->cores[i]->loop.run([&] { end_topics(i, reason); });
  }
  // The log's last groups post to the cores, so those end after it.
  Result<> log_closed = context_->log ? context_->log->close() : Result<>{};
  for (const auto& core : context_->cores) {
    core->loop.run([&] { core->topics.clear(); });
    core->loop.stop();
    core->topics.clear();  // one that was made meanwhile
  }
  const Result<> metadata_closed = context_->metadata->close();
  topics_.clear();
  {
    const std::lock_guard lock(mutex_);
    creating_.clear();
  }
  // The closed stores stay: a call that comes late gets `closed` from them. The directory is free for others.
  context_->directory.reset();
  if (!log_closed) return log_closed;
  return metadata_closed;
}

// --- journal thread
// ------------------------------------------------------------------------------------------------

void BrokerImpl::on_durable(std::span<const storage::Entry> entries) {
  for (const storage::Entry& entry : entries) {
    DurableNote& note = notes_[entry.header.topic.value % notes_.size()][entry.header.topic];
    note.ledger = entry.header.ledger;
    note.end = EntryId{entry.header.entry.value + 1};
    note.messages += entry.header.message_count;
    note.bytes += entry.header.body_bytes;
  }
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    if (notes_[i].empty()) continue;
    Core& core = *context_->cores[i];
    core.loop.post([&core, notes = std::exchange(notes_[i], {})] {
      for (const auto& [id, note] : notes) {
        // Else it is a compacted view, or a topic that was deleted: none is unloaded before (TopicRegistry).
        if (const auto topic = core.topics.find(id); topic != core.topics.end())
          topic->second->on_durable(note);
      }
    });
  }
}

void BrokerImpl::on_disk_error(const Error& error) {
  if (context_->options.on_disk_error) context_->options.on_disk_error(error);
  // Where the process goes on nobody shall wait for what cannot come: it comes after the restart.
  for (std::size_t i = 0; i < context_->cores.size(); ++i)
    context_->cores[i]->loop.post([this, i, error] { end_topics(i, error); });
}

/// The last step of a deletion. A row that is gone already was forgotten before a stop.
void BrokerImpl::on_forgotten(std::span<const storage::TopicId> topics) {
  for (const storage::TopicId id : topics) {
    context_->metadata->forget_topic(id, [id](const Result<>& gone) {
      if (!gone && gone.error().code != ErrorCode::not_found)
        log::warn("broker", "the row of deleted topic {} stays: {}", id.value, gone.error().message);
    });
  }
}

// --- messages
// ------------------------------------------------------------------------------------------------------

namespace {

void publish_all(const Context& context, std::vector<Publication> publications,
                 Done<std::vector<MessageId>> done) {
  auto record = to_record(std::move(publications));
  if (!record) return done(std::unexpected(record.error()));
  storage::Transaction transaction{.operations = std::move(record->operations), .done = nullptr};
  transaction.done = [topics = std::move(record->topics),
                      done = std::move(done)](Result<storage::Receipt> receipt) mutable {
    if (!receipt) return done(std::unexpected(receipt.error()));
    done(to_message_ids(*receipt, topics));
  };
  context.log->submit(std::move(transaction));
}

}  // namespace

void BrokerImpl::publish(std::vector<Publication> publications, Done<std::vector<MessageId>> done) {
  publish_all(*context_, std::move(publications), std::move(done));
}

void BrokerImpl::subscribe(TopicPtr topic, SubscribeOptions options, std::shared_ptr<DeliverySink> sink,
                           Done<ConsumerPtr> done) {
  if (auto checked = check_properties(options.properties); !checked)
    return done(std::unexpected(checked.error()));
  topic->core().loop.post([topic, options = std::move(options), sink = std::move(sink),
                           answer = Answer<ConsumerPtr>(std::move(done))]() mutable {
    // Before there is a subscription that would hold everything back.
    if (auto good = check_hash_ranges(options); !good) return answer(std::unexpected(good.error()));
    if (auto good = check_read_compacted(options); !good) return answer(std::unexpected(good.error()));
    if (auto room = topic->limits().check_consumers(); !room) return answer(std::unexpected(room.error()));
    auto attach = [topic, options, sink = std::move(sink),
                   answer = std::move(answer)](Result<SubscriptionPtr> subscription) mutable {
      if (!subscription) return answer(std::unexpected(subscription.error()));
      if (auto room = topic->limits().check_consumers(); !room) return answer(std::unexpected(room.error()));
      answer((*subscription)->attach(options, std::move(sink)));
    };
    if (options.passing) {
      return topic->place_reader(
          *options.passing, [topic, options, attach = std::move(attach)](Result<EntryId> at) mutable {
            if (!at) return attach(std::unexpected(at.error()));
            attach(topic->find_or_make_passing(options.subscription, options.type, *at));
          });
    }
    topic->find_or_create(
        options.subscription,
        {.type = options.type, .position = options.initial_position, .properties = options.properties},
        Answer<SubscriptionPtr>(std::move(attach)));
  });
}

void BrokerImpl::create_reader(TopicPtr topic, ReaderStart start, Permits permits,
                               std::shared_ptr<DeliverySink> sink, Done<ReaderPtr> done) {
  topic->core().loop.post(
      [topic, start, permits, sink = std::move(sink), answer = Answer<ReaderPtr>(std::move(done))]() mutable {
        topic->place_reader(start, [topic, start, permits, sink = std::move(sink),
                                    answer = std::move(answer)](Result<EntryId> at) mutable {
          if (!at) return answer(std::unexpected(at.error()));
          answer(topic->add_reader(*at, start.read_compacted, permits, std::move(sink)));
        });
      });
}

void BrokerImpl::create_producer(TopicPtr topic, RegisterOptions options, Done<ProducerPtr> done) {
  topic->core().loop.post(
      [topic, options = std::move(options), answer = Answer<ProducerPtr>(std::move(done))]() mutable {
        topic->producers().add(std::move(options), std::move(answer));
      });
}

void BrokerImpl::browse(TopicPtr topic, std::optional<MessageId> after, std::uint32_t limit,
                        Done<std::vector<storage::Entry>> done) {
  topic->core().loop.post(
      [topic, after, limit, answer = Answer<std::vector<storage::Entry>>(std::move(done))]() mutable {
        auto read = [topic, after, limit, answer = std::move(answer)](Result<> known) mutable {
          if (!known) return answer(std::unexpected(known.error()));
          topic->context()->log->read(
              {.topic = topic->id(),
               .from = after ? topic->behind(*after) : topic->first(),
               .entries_max = limit,
               .bytes_max = 16ULL << 20},
              [answer = std::move(answer)](Result<std::vector<storage::Entry>> entries) mutable {
                answer(std::move(entries));
              });
        };
        if (!after) return read(Result<>{});
        topic->when_durable(*after, std::move(read));
      });
}

}  // namespace geminga::broker

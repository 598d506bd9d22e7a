#include "broker/metrics.hpp"

#include <utility>
#include <vector>

#include "base/metrics.hpp"

namespace geminga::broker {
namespace {

/// A number of the broker and the instrument that shows it.
class Row {
 public:
  using Read = std::uint64_t (*)(const BrokerStats&);
  Row(base::Metrics& metrics, const char* name, const char* help, Read read)
      : gauge_(metrics.gauge(name, help)), read_(read) {}
  void refresh(const BrokerStats& stats) const { gauge_.set(static_cast<double>(read_(stats))); }

 private:
  base::Gauge gauge_;
  Read read_;
};

/// One that only rises; the instrument takes what is new.
class RisingRow {
 public:
  RisingRow(base::Metrics& metrics, const char* name, const char* help, Row::Read read)
      : counter_(metrics.counter(name, help)), read_(read) {}
  void refresh(const BrokerStats& stats) {
    const std::uint64_t now = read_(stats);
    counter_.add(static_cast<double>(now - std::exchange(shown_, now)));
  }

 private:
  base::Counter counter_;
  Row::Read read_;
  std::uint64_t shown_ = 0;
};

std::vector<Row> gauges(base::Metrics& metrics) {
  using Stats = const BrokerStats&;
  return {
      {metrics, "pulsar_topics_count", "Topics", [](Stats s) { return s.topics; }},
      {metrics, "geminga_topics_loaded", "Topics that are in memory: somebody uses them, or did so lately",
       [](Stats s) { return s.topics_loaded; }},
      {metrics, "pulsar_subscriptions_count", "Durable subscriptions",
       [](Stats s) { return s.subscriptions; }},
      {metrics, "pulsar_producers_count", "Connected producers", [](Stats s) { return s.producers; }},
      {metrics, "pulsar_consumers_count", "Connected consumers", [](Stats s) { return s.consumers; }},
      {metrics, "geminga_readers_count", "Connected readers", [](Stats s) { return s.readers; }},
      {metrics, "pulsar_subscription_back_log", "Entries not acknowledged, over all subscriptions",
       [](Stats s) { return s.backlog; }},
      {metrics, "pulsar_subscription_unacked_messages", "Messages delivered and not settled",
       [](Stats s) { return s.unacked; }},
      {metrics, "pulsar_subscription_delayed", "Entries held until their time",
       [](Stats s) { return s.delayed; }},
      {metrics, "geminga_delay_index_bytes", "Memory of what is held until its time",
       [](Stats s) { return s.delayed_bytes; }},
      {metrics, "geminga_delay_index_limit_bytes", "Where the later part is left to the log",
       [](Stats s) { return s.delayed_bytes_max; }},
      {metrics, "geminga_acknowledged_ranges", "Ranges of acknowledged entries behind a gap",
       [](Stats s) { return s.acknowledged_ranges; }},
      {metrics, "geminga_dispatch_state_bytes", "Memory of what subscriptions have not settled",
       [](Stats s) { return s.state_bytes; }},
      {metrics, "geminga_dispatch_state_limit_bytes", "Where dispatch pauses until something is settled",
       [](Stats s) { return s.state_bytes_max; }},
      {metrics, "geminga_subscriptions_paused", "Subscriptions whose dispatch a limit holds back",
       [](Stats s) { return s.paused; }},
      {metrics, "geminga_journal_bytes", "Bytes of journal files, spare ones too",
       [](Stats s) { return s.log.journal_bytes; }},
      {metrics, "geminga_journal_held_bytes", "Bytes of journal files that wait for a checkpoint",
       [](Stats s) { return s.log.journal_held_bytes; }},
      {metrics, "geminga_journal_limit_bytes", "Where publishing waits for a checkpoint",
       [](Stats s) { return s.log.journal_bytes_max; }},
      {metrics, "geminga_memory_table_bytes", "Entries in memory that no segment holds yet",
       [](Stats s) { return s.log.memory_table_bytes; }},
      {metrics, "geminga_memory_table_limit_bytes", "Where publishing waits for a segment",
       [](Stats s) { return s.log.memory_table_bytes_max; }},
      {metrics, "geminga_publish_budget_bytes", "Bytes on their way to the journal",
       [](Stats s) { return s.log.publish_budget_used; }},
      {metrics, "geminga_publish_budget_limit_bytes", "Where publishing is refused as overloaded",
       [](Stats s) { return s.log.publish_budget_bytes_max; }},
      {metrics, "geminga_held_publish_bytes", "Bytes of sends that policies of topics hold back",
       [](Stats s) { return s.held_bytes; }},
      {metrics, "geminga_segments", "Segment files", [](Stats s) { return s.log.segments; }},
      {metrics, "geminga_segment_bytes", "Bytes of segment files",
       [](Stats s) { return s.log.segment_bytes; }},
      {metrics, "geminga_torn_bytes_cut", "Bytes of a torn tail that the last start cut off",
       [](Stats s) { return s.log.torn_bytes_cut; }},
  };
}

std::vector<RisingRow> counters(base::Metrics& metrics) {
  using Stats = const BrokerStats&;
  return {
      {metrics, "geminga_journal_groups_total", "Groups made durable", [](Stats s) { return s.log.groups; }},
      {metrics, "geminga_journal_records_total", "Records made durable",
       [](Stats s) { return s.log.records; }},
      {metrics, "geminga_journal_syncs_total", "Syncs of the journal", [](Stats s) { return s.log.syncs; }},
      {metrics, "geminga_appended_bytes_total", "Bytes of messages made durable",
       [](Stats s) { return s.log.appended_bytes; }},
      {metrics, "geminga_duplicates_total", "Messages that were sent again and not stored again",
       [](Stats s) { return s.log.duplicates; }},
      {metrics, "geminga_early_answers_total", "Publishes answered before they were durable",
       [](Stats s) { return s.log.answered_early; }},
      {metrics, "geminga_segments_rewritten_total", "Segments of which less than half lived",
       [](Stats s) { return s.log.segments_rewritten; }},
  };
}

}  // namespace

std::shared_ptr<void> expose(Broker& broker, base::Metrics& metrics) {
  return metrics.on_collect([&broker, rows = gauges(metrics), rising = counters(metrics),
                             sync = metrics.gauge("geminga_journal_last_sync_seconds",
                                                  "How long the last sync of the journal took")]() mutable {
    const BrokerStats stats = broker.broker_stats();
    for (const Row& row : rows) row.refresh(stats);
    for (RisingRow& row : rising) row.refresh(stats);
    sync.set(std::chrono::duration<double>(stats.log.last_sync).count());
  });
}

}  // namespace geminga::broker

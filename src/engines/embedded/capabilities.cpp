#include "engines/embedded/capabilities.hpp"

namespace geminga::engines::embedded {

namespace {

Capabilities make() {
  Capabilities table;
  const auto native = [&](Feature feature, const char* how) { table.set(feature, Support::native, how); };
  const auto impossible = [&](Feature feature, const char* why) {
    table.set(feature, Support::impossible, why);
  };
  native(Feature::order_per_key, "a topic is one log; Key_Shared sends a key to one consumer at a time");
  native(Feature::shared_subscription, "messages go to the consumers in turn");
  native(Feature::exclusive_subscription, "a second consumer is refused with consumer_busy");
  native(Feature::failover_subscription,
         "one consumer is active, by priority and then by who came first; the next one begins with what was "
         "not settled");
  native(Feature::key_shared_subscription, "a key belongs to one consumer, by consistent hashing");
  native(Feature::key_shared_ranges, "a consumer may ask for the hashes it wants; the rest waits");
  native(Feature::consumer_priority, "lower numbers are served first on shared, and active on failover");
  native(Feature::negative_acknowledgement, "redelivered after a delay; later messages pass");
  native(Feature::cumulative_acknowledgement,
         "on exclusive and failover: everything delivered up to a message, in one journal record");
  native(Feature::redelivery_count, "counted while the process lives; a restart begins at 0");
  native(Feature::dead_letters, "forwarded and acknowledged in one journal record");
  native(Feature::delayed_delivery,
         "held on every subscription type until due, never early; later messages overtake");
  native(Feature::deduplicate_own_resends, "in process: a send has one outcome and is never sent again");
  native(Feature::deduplicate_by_application_id,
         "rising sequence ids of a producer's name, durable; a name that is not connected for 6 h is "
         "forgotten");
  native(Feature::exclusive_producer, "with durable epochs: who was fenced stays so over a restart");
  native(Feature::topic_termination, "durable; consumers hear the end when all is acknowledged");
  native(Feature::non_persistent_topics,
         "in memory, to consumers that are connected and have room; drops are counted");
  native(
      Feature::topic_policies,
      "durable; ages and backlog are looked at once a second; durability=async(N) answers sends before the "
      "disk does");
  native(Feature::replay_from_earliest, "from the oldest message that retention keeps");
  native(Feature::seek, "to a message or a publish time; durable, for all consumers of the subscription");
  native(Feature::reader, "a position in the log, nothing is held back for it");
  native(Feature::atomic_forward, "one journal record, replayed whole or not at all");
  native(Feature::durable_acknowledgement, "answered after fdatasync");
  native(
      Feature::partitioned_topics,
      "partitions are topics of the one log; a key stays in its partition, more can be added while clients "
      "run");
  native(Feature::topic_compaction,
         "the last message of each key, kept beside the topic; messages without a key stay");
  impossible(Feature::authentication, "in process: whoever may open the directory may use it");
  return table;
}

}  // namespace

const Capabilities& capabilities() {
  static const Capabilities kTable = make();
  return kTable;
}

}  // namespace geminga::engines::embedded

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <geminga/admin.hpp>
#include <geminga/types.hpp>

#include "base/clock.hpp"
#include "broker/dispatcher.hpp"

/// What the clients of a broker know, and what follows from it. Simple on purpose: sets and maps of what is
/// there, no order of writes, no files. Every member that finds a promise broken throws a Breach.
namespace geminga::sim {

using broker::ConsumerNumber;
using broker::Now;

struct Message {
  std::uint64_t number = 0;  ///< never given twice in a run; the body follows from it and from `bytes`
  std::uint32_t bytes = 0;
  std::string key;
  std::optional<Timestamp> deliver_at;
  Timestamp publish_time{};  ///< once it is stored

  [[nodiscard]] std::string body() const;
  /// The number that stands in a body. A breach when there is none.
  static std::uint64_t number_in(std::string_view body);
};

/// A subscription. `open` outlives a crash; what stands behind it does not.
struct Subscription {
  struct Out {
    ConsumerNumber consumer = 0;
    std::uint32_t redeliveries = 0;
  };
  struct Returned {
    base::MonotonicTime due{};
    std::uint32_t redeliveries = 0;
    ConsumerNumber from = 0;
    bool on_its_way = true;  ///< the broker may not have heard of it yet; until the step is settled
  };
  SubscriptionType type = SubscriptionType::exclusive;
  bool hold_delayed = true;
  std::set<std::uint64_t> open;  ///< entries that are to be delivered or acknowledged still

  bool doubtful = false;       ///< its creation or removal was not answered with success
  bool skip_doubtful = false;  ///< so was the skip of everything in `open`

  // Until the next restart.
  std::map<std::uint64_t, Out> out;
  std::map<std::uint64_t, Returned> returned;
  std::set<std::uint64_t> seen;  ///< of the open ones, delivered at least once
  /// First deliveries to a consumer come in order, but for what was held: behind its last one.
  std::map<ConsumerNumber, std::uint64_t> next_new;
  bool unordered = false;  ///< not so: Key_Shared has put some aside
  bool held_ever = false;  ///< a delayed message may have been put aside until its time

  void forget_deliveries();
};

struct Topic {
  /// By entry id; behind `first` too, for as long as a crash may bring them back: a trim is not promised to
  /// be durable.
  std::map<std::uint64_t, Message> messages;
  std::optional<LedgerId> ledger;
  std::uint64_t first = 0;      ///< oldest entry that is kept
  std::uint64_t end = 0;        ///< behind the last entry
  std::uint64_t trimmable = 0;  ///< entries before may have been forgotten at any time since
  RetentionPolicy retention;
  std::optional<RetentionPolicy> retention_doubt;  ///< asked for, not answered with success
  std::map<std::string, Subscription> subscriptions;
  bool doubtful = false;  ///< its creation or deletion was not answered with success

  // Statistics, until the next restart.
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
};

/// One journal record that was asked for and not answered yet: there as a whole or not at all.
struct Record {
  struct Publication {
    std::string topic;
    Message message;
  };
  struct Acknowledgement {
    std::string topic;
    std::string subscription;
    std::vector<std::uint64_t> entries;
  };
  std::vector<Publication> publications;
  std::optional<Acknowledgement> acknowledged;
};

/// A delivery as a consumer gets it.
struct Arrival {
  ConsumerNumber consumer = 0;
  std::uint64_t entry = 0;
  std::uint32_t redeliveries = 0;
};

struct Model {
  std::map<std::string, Topic> topics;
  std::map<std::uint64_t, Record> asked;  ///< in the order of asking

  Topic& topic(const std::string& name);
  Subscription& subscription(const std::string& topic, const std::string& name);

  // --- answers with success ---
  /// `ids` of the publications of record `number`, in order.
  void done(std::uint64_t number, const std::vector<MessageId>& ids);
  void stored(const std::string& topic, Message message, MessageId id);
  void acknowledged(const Record::Acknowledgement& what);

  // --- deliveries ---
  void arrived(const std::string& topic, const std::string& subscription, const Arrival& arrival, Now now);
  static void returned(Subscription& subscription, std::uint64_t entry, base::MonotonicTime due, bool counts);
  static void consumer_gone(Subscription& subscription, ConsumerNumber consumer, Now now);

  // --- what follows ---
  /// Must the broker deliver `entry` now to whoever has permits? Not for Key_Shared.
  [[nodiscard]] static bool due(const Topic& topic, const Subscription& subscription, std::uint64_t entry,
                                Now now);
  /// Held until its time, which has not come.
  [[nodiscard]] static bool held(const Topic& topic, const Subscription& subscription, std::uint64_t entry,
                                 Now now);
  /// Keys of a Key_Shared subscription whose earliest message must be delivered now: nothing of the key is
  /// out, and nothing of it waits for a time.
  [[nodiscard]] static std::vector<std::string> due_keys(const Topic& topic, const Subscription& subscription,
                                                         Now now);
  /// Everything that may be forgotten by now may be gone from now on.
  static void note_trimmable(Topic& topic, Now now);
  /// What a trim leaves: the oldest entry that is kept then. Nothing: the policy goes by size, or is in
  /// doubt.
  [[nodiscard]] static std::optional<std::uint64_t> first_after_trim(const Topic& topic, Now now);
  void restarted();
};

}  // namespace geminga::sim

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
#include "names.hpp"

/// What the clients of a broker know, and what follows from it. Simple on purpose: sets and maps of what is
/// there, no order of writes, no files. Every member that finds a promise broken throws a Breach.
namespace geminga::sim {

using broker::ConsumerNumber;
using broker::Now;

/// What a subscription has on the disk.
struct Position {
  std::set<std::uint64_t> open;            ///< entries that are to be delivered or acknowledged still
  std::map<std::uint64_t, Places> partly;  ///< of open batches, what is acknowledged
  bool operator==(const Position&) const = default;

  /// What lies before `next` counts as acknowledged.
  void skip_to(std::uint64_t next);
};

/// A subscription. The position outlives a crash; what stands behind it does not.
struct Subscription : Position {
  struct Out {
    ConsumerNumber consumer = 0;
    std::uint32_t redeliveries = 0;
    std::uint32_t unacked = 1;  ///< messages
    Places settled{};           ///< of one that was skipped while it was out
  };
  struct Returned {
    base::MonotonicTime due{};
    std::uint32_t redeliveries = 0;
    ConsumerNumber from = 0;
    bool on_its_way = true;  ///< the broker may not have heard of it yet
  };
  SubscriptionType type = SubscriptionType::exclusive;
  bool hold_delayed = true;

  bool doubtful = false;                ///< its creation or removal was not answered with success
  std::optional<Position> moved_doubt;  ///< so was the skip or seek that leads there

  // Until the next restart.
  std::map<std::uint64_t, Out> out;
  std::map<std::uint64_t, Returned> returned;
  std::multiset<std::uint64_t> settling;    ///< an acknowledgement is on the way, or several
  std::set<std::uint64_t> settling_partly;  ///< of these, only one that leaves something of a batch
  std::set<std::uint64_t> seen;             ///< of the open ones, delivered at least once
  /// First deliveries to a consumer come in order, but for what was held: behind its last one.
  std::map<ConsumerNumber, std::uint64_t> next_new;
  bool unordered = false;  ///< not so: Key_Shared has put some aside
  bool held_ever = false;  ///< a delayed message may have been put aside until its time
  std::uint64_t messages_out = 0;
  std::uint64_t redelivered = 0;

  /// Exclusive, Failover: one consumer gets everything.
  [[nodiscard]] bool one_active() const {
    return type == SubscriptionType::exclusive || type == SubscriptionType::failover;
  }
  void forget_deliveries();
  /// It was skipped to `next`; what is out stays out.
  void skipped_to(std::uint64_t next);
  /// It was moved; nothing is out any more.
  void moved_to(Position position);
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
  std::map<std::string, Name> names;   ///< of producers that number their messages
  std::optional<std::uint64_t> epoch;  ///< of the last exclusive producer
  std::uint64_t epoch_asked = 0;       ///< the highest that one who asked may have got
  bool epoch_doubtful = false;         ///< a stop or crash came before the answer
  bool doubtful = false;               ///< its creation or deletion was not answered with success

  // Statistics, until the next restart.
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;

  /// Everything that is kept from `next` on, as after a seek.
  [[nodiscard]] Position position_at(std::uint64_t next) const;
  /// The first kept entry that was published at `since` or later; else the end.
  [[nodiscard]] std::uint64_t entry_since(Timestamp since) const;

 private:
  friend struct Model;
  void give_indexes();
  std::uint64_t indexed_ = 0;  ///< entries before have their index
  std::uint64_t next_index_ = 0;
};

/// One journal record that was asked for and not answered yet: there as a whole or not at all.
struct Record {
  struct Publication {
    std::string topic;
    Message message;
    Expected expected = Expected::stored;
  };
  struct Acknowledgement {
    std::string topic;
    std::string subscription;
    std::vector<std::uint64_t> entries;
    std::map<std::uint64_t, Places> partly;
  };
  std::vector<Publication> publications;
  std::optional<Acknowledgement> acknowledged;
};

/// A delivery as a consumer gets it.
struct Arrival {
  ConsumerNumber consumer = 0;
  std::uint64_t entry = 0;
  std::uint32_t redeliveries = 0;
  Places acknowledged;  ///< of a batch
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

  // --- deliveries: deliveries.cpp ---
  /// Returns how many messages came: those of a batch that are not acknowledged.
  std::uint32_t arrived(const std::string& topic, const std::string& subscription, const Arrival& arrival,
                        Now now);
  static void returned(Subscription& subscription, std::uint64_t entry, base::MonotonicTime due, bool counts);
  /// All that is out with it comes again at once.
  static void return_all(Subscription& subscription, ConsumerNumber consumer, bool counts, Now now);
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

  // --- what follows ---
  /// Everything that may be forgotten by now may be gone from now on.
  static void note_trimmable(Topic& topic, Now now);
  /// What a trim leaves: the oldest entry that is kept then. Nothing: the policy goes by size, or is in
  /// doubt.
  [[nodiscard]] static std::optional<std::uint64_t> first_after_trim(const Topic& topic, Now now);
  void restarted();
};

}  // namespace geminga::sim

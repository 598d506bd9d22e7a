#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include <geminga/types.hpp>

namespace geminga::broker {

/// Names a consumer within its subscription; rises with each one that connects. 0: nobody.
using ConsumerNumber = std::uint64_t;

/// Which consumer the keys of a hash belong to. Hashes fall into Pulsar's 65,536 slots; two keys of one slot
/// always share their consumer. Pure.
class KeyOwners {
 public:
  static constexpr std::uint32_t kSlots = 65'536;

  /// Without ranges the slots are split among all such consumers, so that a join or leave moves only the keys
  /// it must. With ranges a consumer gets exactly these. A subscription has consumers of one kind.
  void add(ConsumerNumber consumer, std::vector<HashRange> ranges);
  void remove(ConsumerNumber consumer);
  /// 0: nobody.
  [[nodiscard]] ConsumerNumber owner(std::uint32_t hash) const;
  /// Who holds a slot of these ranges already; 0: nobody.
  [[nodiscard]] ConsumerNumber holder_of_any(const std::vector<HashRange>& ranges) const;

 private:
  struct Held {
    std::uint32_t first = 0;
    ConsumerNumber consumer = 0;
  };
  std::vector<ConsumerNumber> splitting_;
  std::map<std::uint32_t, Held> by_last_;  ///< ranges that were asked for, by their last slot
};

/// The order rule of Key_Shared: while an earlier message of a key hash is out with another consumer or waits
/// for redelivery, no new message of that hash goes out; so first deliveries of a key are in publish order,
/// whoever joins and leaves. Two keys with one hash count as one key.
///
/// Of each hash only the earliest waiting entry can go out next. Those that may go now are listed by the
/// consumer they may go to, so that nobody has to look for them. Pure.
class KeyOrder {
 public:
  void add_consumer(ConsumerNumber consumer, std::vector<HashRange> ranges = {});
  void remove_consumer(ConsumerNumber consumer);
  [[nodiscard]] const KeyOwners& owners() const { return owners_; }

  /// Whose keys of this hash are now; 0: nobody.
  [[nodiscard]] ConsumerNumber owner(std::uint32_t hash) const;
  /// May a message that was never tried before go to the hash's owner now?
  [[nodiscard]] bool may_send_new(std::uint32_t hash) const;
  /// May this waiting message go to the hash's owner now: is it ready and the earliest that waits, and is
  /// none out elsewhere?
  [[nodiscard]] bool may_send_waiting(std::uint32_t hash, EntryId entry) const;
  /// The earliest waiting entry that may go to this consumer now.
  [[nodiscard]] std::optional<EntryId> first_for(ConsumerNumber consumer) const;

  void sent(std::uint32_t hash, ConsumerNumber consumer);
  /// Acknowledged, or about to wait again.
  void returned(std::uint32_t hash);
  /// `ready`: it may be sent at once; else not before becomes_ready().
  void waits(std::uint32_t hash, EntryId entry, bool ready);
  void becomes_ready(std::uint32_t hash, EntryId entry);
  void waits_no_more(std::uint32_t hash, EntryId entry);

 private:
  struct Key {
    ConsumerNumber owner = 0;
    ConsumerNumber out_with = 0;
    std::uint32_t out = 0;
    std::map<EntryId, bool> waiting;  ///< to whether it is ready
    // What stands in sendable_:
    ConsumerNumber listed_for = 0;
    EntryId listed{};
  };
  using Keys = std::unordered_map<std::uint32_t, Key>;

  [[nodiscard]] static bool free_for_owner(const Key& key) {
    return key.owner != 0 && (key.out == 0 || key.out_with == key.owner);
  }
  Key& key_of(std::uint32_t hash);
  void change_owners();
  /// Lists its first waiting entry where it may go now, and forgets the key when it is idle.
  void update(Keys::iterator key);
  void list(Key& key);

  KeyOwners owners_;
  Keys keys_;  ///< only those with something out or waiting
  std::unordered_map<ConsumerNumber, std::set<EntryId>> sendable_;
};

}  // namespace geminga::broker

#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

#include <geminga/types.hpp>

namespace geminga::broker {

/// Names a consumer within its subscription; rises with each one that connects.
using ConsumerNumber = std::uint64_t;

/// The order rule of Key_Shared: while an earlier message of a key hash is out with another consumer or waits
/// for redelivery, no new message of that hash goes out; so first deliveries of a key are in publish order,
/// whoever joins and leaves. Two keys with one hash count as one key. Pure.
class KeyOrder {
 public:
  void add_consumer(ConsumerNumber consumer);
  void remove_consumer(ConsumerNumber consumer);

  /// Whose keys of this hash are now: highest random weight, so that a join or leave moves only the keys it
  /// must. 0: nobody.
  [[nodiscard]] ConsumerNumber owner(std::uint32_t hash) const;

  /// May a message that was never tried before go to the hash's owner now?
  [[nodiscard]] bool may_send_new(std::uint32_t hash) const;
  /// May this waiting message go to the hash's owner now: is it the earliest that waits, and is none out
  /// elsewhere?
  [[nodiscard]] bool may_send_waiting(std::uint32_t hash, EntryId entry) const;

  void sent(std::uint32_t hash, ConsumerNumber consumer);
  /// Acknowledged, or about to wait again.
  void returned(std::uint32_t hash);
  void waits(std::uint32_t hash, EntryId entry);
  void waits_no_more(std::uint32_t hash, EntryId entry);

 private:
  struct Key {
    ConsumerNumber out_with = 0;
    std::uint32_t out = 0;
    std::set<EntryId> waiting;
  };
  void forget_if_idle(std::uint32_t hash);

  std::vector<ConsumerNumber> consumers_;
  std::unordered_map<std::uint32_t, Key> keys_;  ///< only those with something out or waiting
};

}  // namespace geminga::broker

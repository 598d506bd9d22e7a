#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <unordered_map>

namespace geminga::doors::pulsar {

/// Who uses a topic of a door. Asked for a sign of life when somebody else wants its place, now and not at
/// the next keep-alive: a client that lost its connection finds its old self there.
class TopicUser {
 public:
  virtual ~TopicUser() = default;
  virtual void prove_alive() = 0;
};

/// The users of each topic, by its name. The door's loop only.
class TopicUsers {
 public:
  /// As often as it is told so, for each producer and consumer.
  void add(const std::string& topic, TopicUser& user) { ++users_[topic][&user]; }
  void remove(const std::string& topic, TopicUser& user) {
    const auto at = users_.find(topic);
    if (at == users_.end()) return;
    const auto its = at->second.find(&user);
    if (its == at->second.end() || --its->second > 0) return;
    at->second.erase(its);
    if (at->second.empty()) users_.erase(at);
  }
  /// Those who are in the way on this topic and have been silent.
  void doubt(const std::string& topic) const {
    const auto at = users_.find(topic);
    if (at == users_.end()) return;
    for (const auto& [user, uses] : at->second) user->prove_alive();
  }

 private:
  std::unordered_map<std::string, std::map<TopicUser*, std::size_t>> users_;
};

}  // namespace geminga::doors::pulsar

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "doors/pulsar/commands/commands.hpp"
#include "doors/pulsar/topic_names.hpp"
#include "doors/pulsar/topic_pattern.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

using Names = std::vector<std::string>;

struct Request {
  std::uint64_t id = 0;
  wire::TopicsMode mode = wire::TopicsMode::persistent;
  std::shared_ptr<const TopicPattern> pattern;  ///< none: its client filters
  std::string hash;                             ///< of the list that the client has; empty: none

  [[nodiscard]] bool wants(const std::string& name) const {
    const bool persistent = name.starts_with("persistent://");
    if (mode == wire::TopicsMode::non_persistent && persistent) return false;
    if (mode == wire::TopicsMode::persistent && !persistent) return false;
    return !pattern || pattern->matches(name);
  }
};

Request request_of(const wire::CommandGetTopicsOfNamespace& command) {
  Request request{.id = command.request_id,
                  .mode = *command.mode,
                  .pattern = nullptr,
                  .hash = std::string(*command.topics_hash)};
  if (!command.topics_pattern.present() || command.topics_pattern->empty()) return request;
  // Of one that cannot be evaluated here the client gets all names, and is told so.
  if (auto pattern = TopicPattern::compile(*command.topics_pattern)) request.pattern = *std::move(pattern);
  return request;
}

Result<Names> find(broker::Broker& broker, const std::string& path, const Request& request) {
  auto names = broker.topics(path);
  if (!names) return names;
  std::erase_if(*names, [&](const std::string& name) { return !request.wants(name); });
  std::ranges::sort(*names);
  return names;
}

void answer(Session& session, const Request& request, const Result<Names>& names) {
  if (!names) return session.refuse(request.id, names.error());
  const std::string hash = topics_hash(*names);
  const bool changed = request.hash != hash;
  std::uint64_t bytes = 0;
  for (const std::string& name : *names) bytes += listed_bytes(name);
  const auto fits = check_list(names->size(), bytes, session.host().frame_bytes_max());
  if (changed && !fits) return session.refuse(request.id, fits.error());
  const std::vector<std::string_view> views(names->begin(), names->end());
  wire::CommandGetTopicsOfNamespaceResponse response{.request_id = request.id};
  if (changed) response.topics = views;
  response.filtered = request.pattern != nullptr;
  response.topics_hash = std::string_view(hash);
  response.changed = changed;
  session.reply(response);
}

}  // namespace

void get_topics_of_namespace(Session& session, const wire::CommandGetTopicsOfNamespace& command) {
  if (const auto may = session.check_namespace(command.namespace_name, auth::Permission::consume); !may)
    return session.refuse(command.request_id, may.error());
  const auto request = std::make_shared<const Request>(request_of(command));
  auto answered = session.answer<Names>(
      [request](Session& back, const Result<Names>& names) { answer(back, *request, names); },
      Session::kListWeight);
  session.host().blocking.post([broker = session.host().broker, path = std::string(command.namespace_name),
                                whose = session.weak_from_this(), request,
                                answered = std::move(answered)]() mutable {
    if (!whose.expired()) answered(find(*broker, path, *request));
  });
}

}  // namespace geminga::doors::pulsar::commands

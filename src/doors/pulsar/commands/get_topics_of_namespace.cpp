#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "doors/pulsar/commands/commands.hpp"

namespace geminga::doors::pulsar::commands {

namespace {

using Names = std::vector<std::string>;

struct Request {
  std::uint64_t id = 0;
  wire::TopicsMode mode = wire::TopicsMode::persistent;
  std::string hash;  ///< of the list that the client has; empty: none
};

/// Both ends make it of the sorted names, so it is the same where nothing changed.
std::string hash_of(const Names& sorted) {
  return fmt::format("{:08x}", base::crc32c(std::string_view(fmt::format("{}", fmt::join(sorted, ",")))));
}

void answer(Session& session, const Request& request, Result<Names> names) {
  if (!names) return session.refuse(request.id, names.error());
  std::erase_if(*names, [&](const std::string& name) {
    const bool persistent = name.starts_with("persistent://");
    return (persistent && request.mode == wire::TopicsMode::non_persistent) ||
           (!persistent && request.mode == wire::TopicsMode::persistent);
  });
  std::ranges::sort(*names);
  const std::string hash = hash_of(*names);
  const bool changed = request.hash != hash;
  const std::vector<std::string_view> views(names->begin(), names->end());
  wire::CommandGetTopicsOfNamespaceResponse response{.request_id = request.id};
  if (changed) response.topics = views;
  response.filtered = false;  // by the pattern, which the client does
  response.topics_hash = std::string_view(hash);
  response.changed = changed;
  session.reply(response);
}

}  // namespace

void get_topics_of_namespace(Session& session, const wire::CommandGetTopicsOfNamespace& command) {
  if (const auto may = session.check_namespace(command.namespace_name, auth::Permission::consume); !may)
    return session.refuse(command.request_id, may.error());
  auto answered = session.back<Names>(
      [request =
           Request{
               .id = command.request_id, .mode = *command.mode, .hash = std::string(*command.topics_hash)}](
          Session& back, Result<Names> names) { answer(back, request, std::move(names)); });
  session.host().blocking.post(
      [broker = session.host().broker, path = std::string(command.namespace_name),
       answered = std::move(answered)]() mutable { answered(broker->topics(path)); });
}

}  // namespace geminga::doors::pulsar::commands

#include "cli/hops.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/message_json.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kPage = 500;
// A record may be stamped a little before the message that carries it.
constexpr std::chrono::seconds kSlack{5};

constexpr std::int64_t kBarWidth = 24;

double milliseconds_of(std::chrono::microseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// Where the server's orchestrator writes its executions: one topic, or one for each namespace that the
/// sender sees.
std::expected<std::vector<std::string>, Failure> executions_topics(Remote& remote) {
  GEMINGA_CLI_TRY(const ordered_json answer, remote.get("/api/bus/topics"));
  auto topics = answer.value("topics", std::vector<std::string>());
  std::erase_if(topics, [](const std::string& topic) { return !topic.ends_with("executions"); });
  if (topics.empty()) return failed("the server has no topic of executions");
  return topics;
}

std::optional<Hop> hop_of(const Message& message) {
  const auto body = ordered_json::parse(message.body, nullptr, false);
  if (!body.is_object()) return std::nullopt;
  const auto started = orchestrator::parse_hop_time(body.value("startedAt", ""));
  const auto ended = orchestrator::parse_hop_time(body.value("endedAt", ""));
  if (!started || !ended) return std::nullopt;
  Hop hop{.name = body.value("step", ""), .attempt = body.value("attempt", std::uint64_t{0})};
  if (body.contains("toolId")) hop.tool = body.value("serverId", "") + "/" + body.value("toolId", "");
  hop.outcome = body.value("outcome", "");
  hop.error = body.value("error", "");
  hop.started = *started;
  hop.ended = *ended;
  return hop;
}

/// Pages from the end of the topic towards its beginning, by the arithmetic of entry ids; where a ledger
/// begins, the rest is read from the beginning of the topic.
class Backwards {
 public:
  Backwards(Remote& remote, std::string topic, MessageId last)
      : remote_(remote), topic_(std::move(topic)), last_(last) {}

  /// The page before the one of the last call; empty at the beginning.
  std::expected<std::vector<Message>, Failure> page() {
    if (at_beginning_) return std::vector<Message>();
    const std::uint64_t end = last_.entry.value + 1 - pages_ * kPage;
    std::string path = fmt::format("/api/bus/messages?topic={}&limit={}", url_encoded(topic_), kPage);
    if (end > kPage) {
      MessageId after = last_;
      after.entry.value = end - kPage - 1;
      path += "&after=" + url_encoded(after.to_string());
    } else {
      at_beginning_ = true;
    }
    ++pages_;
    GEMINGA_CLI_TRY(const ordered_json answer, remote_.get(path));
    std::vector<Message> messages;
    for (const auto& line : answer.value("messages", ordered_json::array())) {
      auto message = parse_message(line);
      if (!message) return failed(message.error());
      messages.push_back(*std::move(message));
    }
    return messages;
  }

 private:
  Remote& remote_;
  const std::string topic_;
  const MessageId last_;
  std::uint64_t pages_ = 0;
  bool at_beginning_ = false;
};

Outcome add_hops(Remote& remote, const std::string& topic, const std::string& request_id, Timestamp since,
                 std::vector<Hop>& hops) {
  GEMINGA_CLI_TRY(const ordered_json stats, remote.get("/api/bus/stats?topic=" + url_encoded(topic)));
  const auto last = MessageId::parse(stats.value("last_message_id", ""));
  if (!last) return {};
  Backwards pages(remote, topic, *last);
  for (;;) {
    GEMINGA_CLI_TRY(const std::vector<Message> page, pages.page());
    for (const Message& message : page) {
      if (message.key != request_id) continue;
      if (auto hop = hop_of(message)) hops.push_back(*std::move(hop));
    }
    if (page.empty() || page.front().publish_time + kSlack < since) return {};
  }
}

}  // namespace

std::expected<std::vector<Hop>, Failure> hops_of(Remote& remote, const std::string& request_id,
                                                 Timestamp since) {
  GEMINGA_CLI_TRY(const std::vector<std::string> topics, executions_topics(remote));
  std::vector<Hop> hops;
  for (const std::string& topic : topics) {
    if (auto added = add_hops(remote, topic, request_id, since, hops); !added)
      return std::unexpected(added.error());
  }
  std::stable_sort(hops.begin(), hops.end(),
                   [](const Hop& a, const Hop& b) { return a.started < b.started; });
  return hops;
}

std::string timeline_bar(const Hop& hop, orchestrator::HopTime first, orchestrator::HopTime last) {
  const auto whole = std::max<std::int64_t>((last - first).count(), 1);
  const auto column = [&](orchestrator::HopTime time) {
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>((time - first).count() * kBarWidth / whole, 0, kBarWidth));
  };
  const std::size_t from = std::min<std::size_t>(column(hop.started), kBarWidth - 1);
  const std::size_t to = std::max(column(hop.ended), from + 1);
  return std::string(from, '.') + std::string(to - from, '#') + std::string(kBarWidth - to, '.');
}

ordered_json hop_json(const Hop& hop) {
  return {{"hop", hop.name},
          {"attempt", hop.attempt},
          {"startedAt", orchestrator::hop_time_text(hop.started)},
          {"endedAt", orchestrator::hop_time_text(hop.ended)},
          {"ms", milliseconds_of(hop.ended - hop.started)},
          {"outcome", hop.outcome},
          {"tool", hop.tool},
          {"error", hop.error}};
}

void print_hops(const std::vector<Hop>& hops, bool json) {
  if (json) {
    for (const Hop& hop : hops) print_json(hop_json(hop));
    return;
  }
  Table table({"HOP", "AFTER", "TOOK", "TIMELINE", "OUTCOME", "TOOL", "ERROR"});
  auto last = orchestrator::HopTime::min();
  for (const Hop& hop : hops) last = std::max(last, hop.ended);
  for (const Hop& hop : hops)
    table.add({hop.attempt == 0 ? hop.name : fmt::format("{} (attempt {})", hop.name, hop.attempt + 1),
               human_duration(milliseconds_of(hop.started - hops.front().started)),
               human_duration(milliseconds_of(hop.ended - hop.started)),
               timeline_bar(hop, hops.front().started, last), hop.outcome, hop.tool, hop.error});
  if (!table.empty()) table.print();
}

}  // namespace geminga::cli

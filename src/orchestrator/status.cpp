#include "orchestrator/status.hpp"

#include <future>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

using nlohmann::ordered_json;

ordered_json services(const StatusInputs& inputs) {
  auto list = ordered_json::array();
  list.push_back({{"name", "ingress"}, {"running", !inputs.core.stopping}, {"accepted", inputs.accepted}});
  for (const auto* intake : inputs.intakes) {
    const auto counts = intake->counts();
    list.push_back({{"name", intake->service()},
                    {"running", intake->consuming()},
                    {"topic", inputs.core.topic(intake->role())},
                    {"subscription", intake->subscription()},
                    {"received", counts.received},
                    {"done", counts.done},
                    {"handedBack", counts.handed_back},
                    {"deadLettered", counts.dead_lettered},
                    {"inProgress", counts.in_progress}});
  }
  list.push_back({{"name", "result-consumer"},
                  {"running", inputs.result_reader_running},
                  {"topic", inputs.core.topic(TopicRole::results)},
                  {"received", inputs.results_seen},
                  {"waitingQueries", inputs.waiting_queries}});
  return list;
}

ordered_json topics(Core& core) {
  auto list = ordered_json::array();
  auto admin = core.bus.admin();
  for (const auto& row : topic_table()) {
    const auto& name = core.topic(row.role);
    ordered_json topic{{"role", to_string(row.role)}, {"name", name}};
    const auto stats = admin.stats(name);
    if (!stats) {
      topic["error"] = stats.error().message;
      list.push_back(std::move(topic));
      continue;
    }
    topic["messages"] = stats->stored_messages;
    topic["bytes"] = stats->stored_bytes;
    topic["subscriptions"] = ordered_json::array();
    for (const auto& each : stats->subscriptions)
      if (each.durable)
        topic["subscriptions"].push_back({{"name", each.name},
                                          {"backlog", each.backlog},
                                          {"unacked", each.unacked},
                                          {"delayed", each.delayed},
                                          {"consumers", each.consumers}});
    list.push_back(std::move(topic));
  }
  return list;
}

ordered_json servers(const mcp::RegistryStatus& registry) {
  auto list = ordered_json::array();
  for (const auto& server : registry.servers) {
    ordered_json each{{"name", server.name},
                      {"transport", server.transport},
                      {"state", mcp::to_string(server.state)},
                      {"tools", server.tools},
                      {"inFlight", server.in_flight},
                      {"queued", server.queued},
                      {"restarts", server.restarts},
                      {"calls", server.calls},
                      {"lateAnswers", server.late_answers},
                      {"noiseLines", server.noise_lines}};
    if (!server.description.empty()) each["description"] = server.description;
    if (!server.breaker.empty()) each["breaker"] = server.breaker;
    if (!server.protocol_version.empty()) each["protocolVersion"] = server.protocol_version;
    if (!server.server_version.empty()) each["serverVersion"] = server.server_version;
    if (!server.reason.empty()) each["reason"] = server.reason;
    if (!server.authorization_url.empty()) each["authorizationUrl"] = server.authorization_url;
    if (!server.tools_hash.empty()) each["toolsHash"] = server.tools_hash;
    if (!server.tools_changed.empty()) each["toolsChanged"] = server.tools_changed;
    if (!server.stderr_tail.empty()) each["stderr"] = server.stderr_tail;
    list.push_back(std::move(each));
  }
  return list;
}

ordered_json rules(const RulesStatus& status) {
  ordered_json out{{"file", status.file.empty() ? "built-in" : status.file},
                   {"rules", status.rules},
                   {"tools", status.tools},
                   {"reloads", status.reloads}};
  if (!status.error.empty()) out["error"] = status.error;
  return out;
}

ordered_json jobs(JobStore& store) {
  std::promise<Result<StoreCounts>> promise;
  auto future = promise.get_future();
  store.counts([&promise](Result<StoreCounts> counts) { promise.set_value(std::move(counts)); });
  const auto counts = future.get();
  if (!counts) return {{"error", counts.error().message}};
  return {{"PENDING", counts->pending},         {"PROCESSING", counts->processing},
          {"COMPLETED", counts->completed},     {"FAILED", counts->failed},
          {"CANCELLED", counts->cancelled},     {"claimsRunning", counts->claims_running},
          {"claimsRetry", counts->claims_retry}};
}

}  // namespace

std::string status_json(const StatusInputs& inputs) {
  auto& core = inputs.core;
  const auto registry = core.registry.status();
  ordered_json out{{"ready", inputs.not_ready_reason.empty()}};
  if (!inputs.not_ready_reason.empty()) out["reason"] = inputs.not_ready_reason;
  out["bus"] = {{"url", core.bus.url()}};
  out["store"] = {{"id", core.store->id()}, {"url", core.store->description()}};
  out["owner"] = core.owner;
  out["authentication"] =
      core.options.authentication
          ? "token: each tenant has its namespaces; userId and agentId count from service roles"
          : "none: one namespace for everybody, userId and agentId do not count";
  out["namespaces"] = inputs.name_spaces;
  out["retry"] = core.retry_by_topics ? "topics" : "native";
  out["services"] = services(inputs);
  out["callsInProgress"] = inputs.calls_in_progress;
  out["topics"] = topics(core);
  out["jobs"] = jobs(*core.store);
  out["rules"] = rules(inputs.rules);
  out["planner"] = {{"model", inputs.planner.empty() ? ordered_json(nullptr) : ordered_json(inputs.planner)},
                    {"executePlans", core.options.settings.execute_plans}};
  out["servers"] = servers(registry);
  ordered_json config{{"generation", registry.catalogue_generation}, {"settled", registry.settled}};
  if (!registry.config_error.empty()) config["error"] = registry.config_error;
  if (!registry.warnings.empty()) config["warnings"] = registry.warnings;
  if (!registry.disabled.empty()) config["disabled"] = registry.disabled;
  out["mcp"] = std::move(config);
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace geminga::orchestrator

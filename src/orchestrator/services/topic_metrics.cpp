#include "orchestrator/services/topic_metrics.hpp"

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::seconds kInterval{10};

}  // namespace

TopicMetrics::TopicMetrics(std::shared_ptr<Core> core, std::shared_ptr<TenantSpaces> spaces,
                           const std::shared_ptr<net::BlockingPool>& pool)
    : core_(std::move(core)), spaces_(std::move(spaces)), pool_(pool) {
  for (const auto& row : topic_table()) {
    const base::Labels labels{{"topic", std::string(to_string(row.role))}};
    TopicGauges gauges{
        .messages =
            core_->metrics.gauge("geminga_orchestrator_topic_messages", "Messages in a topic", labels),
        .bytes = core_->metrics.gauge("geminga_orchestrator_topic_bytes", "Their bytes", labels),
        .backlog = {}};
    for (const auto subscription : row.subscriptions) {
      auto with_name = labels;
      with_name["subscription"] = subscription;
      gauges.backlog.emplace(
          subscription, core_->metrics.gauge("geminga_orchestrator_backlog",
                                             "Messages that a subscription has not acknowledged", with_name));
    }
    topics_.emplace_back(row.role, std::move(gauges));
  }
}

void TopicMetrics::start() {
  look();
  repeat_ = std::make_unique<Repeat>(core_->loop, kInterval, [this] { look(); });
}

void TopicMetrics::look() {
  const auto pool = pool_.lock();
  if (!pool || looking_.exchange(true)) return;
  pool->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->refresh();
  });
}

void TopicMetrics::refresh() {
  for (const auto& [role, gauges] : topics_) {
    if (core_->stopping) break;
    // Otherwise the old numbers stay; the status says what is wrong.
    if (const auto done = refresh(role, gauges); !done)
      log::debug("orchestrator", "no numbers of {}: {}", to_string(role), done.error().message);
  }
  looking_ = false;
}

Result<> TopicMetrics::refresh(TopicRole role, const TopicGauges& gauges) const {
  auto admin = core_->bus.admin();
  auto names = spaces_->names();
  names.emplace_back();  // the default one
  double messages = 0;
  double bytes = 0;
  std::map<std::string, double, std::less<>> backlog;
  for (const auto& name_space : names) {
    GEMINGA_TRY(const auto stats, admin.stats(core_->topic(role, name_space)));
    messages += static_cast<double>(stats.stored_messages);
    bytes += static_cast<double>(stats.stored_bytes);
    for (const auto& each : stats.subscriptions) backlog[each.name] += static_cast<double>(each.backlog);
  }
  gauges.messages.set(messages);
  gauges.bytes.set(bytes);
  for (const auto& [name, gauge] : gauges.backlog) gauge.set(backlog[name]);
  return {};
}

}  // namespace geminga::orchestrator

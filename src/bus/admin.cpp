#include "bus/partitions/admin.hpp"

#include <algorithm>
#include <utility>

#include <geminga/admin.hpp>

#include "base/later.hpp"
#include "base/partition_name.hpp"
#include "base/policy_fields.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "bus/bus_impl.hpp"
#include "bus/message_check.hpp"

namespace geminga {

/// Checks the names, then asks the engine.
class Admin::Impl {
 public:
  explicit Impl(std::shared_ptr<Bus::Impl> bus) : bus_(std::move(bus)) {}
  [[nodiscard]] bus::EngineAdmin& engine() const { return bus_->engine().admin(); }
  /// Calls with the topic, or with each partition of a partitioned one.
  template <class Call>
  Result<> each(const std::string& topic, Call call, std::optional<ErrorCode> done_before = {}) const {
    return bus::each_partition(engine(), topic, call, done_before);
  }
  [[nodiscard]] const Bus::Impl& bus() const { return *bus_; }

 private:
  std::shared_ptr<Bus::Impl> bus_;
};

Admin Bus::admin() {
  return Admin(std::make_shared<Admin::Impl>(impl_));
}

Admin::Admin(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<> Admin::create_tenant(std::string_view tenant) {
  GEMINGA_TRY_VOID(base::check_tenant_name(tenant));
  return impl_->engine().create_tenant(std::string(tenant));
}

Result<> Admin::create_namespace(std::string_view tenant_and_namespace) {
  GEMINGA_TRY_VOID(base::check_namespace_path(tenant_and_namespace));
  return impl_->engine().create_namespace(std::string(tenant_and_namespace));
}

Result<std::vector<std::string>> Admin::tenants() {
  return impl_->engine().tenants();
}

Result<std::vector<std::string>> Admin::namespaces(std::string_view tenant) {
  GEMINGA_TRY_VOID(base::check_tenant_name(tenant));
  return impl_->engine().namespaces(std::string(tenant));
}

Result<std::vector<std::string>> Admin::topics(std::string_view tenant_and_namespace) {
  GEMINGA_TRY_VOID(base::check_namespace_path(tenant_and_namespace));
  return impl_->engine().topics(std::string(tenant_and_namespace));
}

Result<> Admin::create_topic(std::string_view topic) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  return impl_->engine().create_topic(name);
}

Result<> Admin::delete_topic(std::string_view topic, bool force) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  return impl_->engine().delete_topic(name, force);
}

Result<std::optional<MessageId>> Admin::terminate_topic(std::string_view topic) {
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::topic_termination));
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  std::optional<MessageId> last;
  GEMINGA_TRY_VOID(impl_->each(name, [&](const auto& part) -> Result<> {
    GEMINGA_TRY(last, impl_->engine().terminate_topic(part));
    return {};
  }));
  GEMINGA_TRY(const std::uint32_t partitions, impl_->engine().partitions(name));
  return partitions == 0 ? last : std::nullopt;
}

Result<> Admin::compact_topic(std::string_view topic) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(bus::require_compaction(impl_->bus().engine().capabilities(), name));
  return impl_->each(name, [&](const auto& part) { return impl_->engine().compact_topic(part); });
}

Result<> Admin::await_compaction(std::string_view topic, std::chrono::milliseconds timeout) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(bus::require_compaction(impl_->bus().engine().capabilities(), name));
  const base::Clock& clock = impl_->bus().clock();
  const auto deadline = base::later(clock.monotonic_now(), timeout);
  return impl_->each(name, [&](const auto& part) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.monotonic_now());
    return impl_->engine().await_compaction(part, std::max(left, std::chrono::milliseconds{0}));
  });
}

Result<> Admin::create_partitioned_topic(std::string_view topic, std::uint32_t partitions) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::partitioned_topics));
  GEMINGA_TRY_VOID(base::check_partitioned(name, partitions));
  return impl_->engine().create_partitioned_topic(name, partitions);
}

Result<> Admin::update_partitioned_topic(std::string_view topic, std::uint32_t partitions) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::partitioned_topics));
  GEMINGA_TRY_VOID(base::check_partitioned(name, partitions));
  return impl_->engine().update_partitioned_topic(name, partitions);
}

Result<std::uint32_t> Admin::partitions(std::string_view topic) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  return impl_->engine().partitions(name);
}

Result<std::vector<PartitionedTopic>> Admin::partitioned_topics(std::string_view tenant_and_namespace) {
  GEMINGA_TRY_VOID(base::check_namespace_path(tenant_and_namespace));
  return impl_->engine().partitioned_topics(std::string(tenant_and_namespace));
}

Result<> Admin::set_retention(std::string_view topic, RetentionPolicy policy) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  const bool no_time = policy.time && policy.time->count() == 0;
  const bool no_bytes = policy.bytes && *policy.bytes == 0;
  if (policy.time && policy.time->count() < 0)
    return fail(ErrorCode::invalid_argument, "retention time is negative");
  if (no_time != no_bytes)
    return fail(ErrorCode::invalid_argument,
                "retention with one limit of 0 keeps nothing; for no limit of that kind set it to nullopt");
  return impl_->each(name, [&](const auto& part) { return impl_->engine().set_retention(part, policy); });
}

Result<> Admin::set_policies(std::string_view topic, const Policies& policies) {
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::topic_policies));
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY(const auto checked, base::to_policies(base::to_values(policies)));
  return impl_->each(name, [&](const auto& part) { return impl_->engine().set_policies(part, checked); });
}

Result<> Admin::set_namespace_policies(std::string_view tenant_and_namespace, const Policies& policies) {
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::topic_policies));
  GEMINGA_TRY_VOID(base::check_namespace_path(tenant_and_namespace));
  GEMINGA_TRY(const auto checked, base::to_policies(base::to_values(policies)));
  return impl_->engine().set_namespace_policies(std::string(tenant_and_namespace), checked);
}

Result<Policies> Admin::policies(std::string_view topic) {
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::topic_policies));
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY(const std::uint32_t partitions, impl_->engine().partitions(name));
  return impl_->engine().policies(partitions == 0 ? name : base::partition_name(name, 0));
}

Result<Policies> Admin::namespace_policies(std::string_view tenant_and_namespace) {
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::topic_policies));
  GEMINGA_TRY_VOID(base::check_namespace_path(tenant_and_namespace));
  return impl_->engine().namespace_policies(std::string(tenant_and_namespace));
}

Result<> Admin::create_subscription(std::string_view topic, std::string_view subscription,
                                    InitialPosition position) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  return impl_->each(
      name,
      [&](const auto& part) {
        return impl_->engine().create_subscription(part, std::string(subscription), position);
      },
      ErrorCode::already_exists);
}

Result<> Admin::delete_subscription(std::string_view topic, std::string_view subscription) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  return impl_->each(
      name,
      [&](const auto& part) { return impl_->engine().delete_subscription(part, std::string(subscription)); },
      ErrorCode::subscription_not_found);
}

Result<> Admin::skip_all(std::string_view topic, std::string_view subscription) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  return impl_->each(
      name, [&](const auto& part) { return impl_->engine().skip_all(part, std::string(subscription)); });
}

Result<> Admin::skip(std::string_view topic, std::string_view subscription, std::uint64_t entries) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  GEMINGA_TRY_VOID(bus::refuse_partitioned(impl_->engine(), name, "skip a number of entries"));
  return impl_->engine().skip(name, std::string(subscription), entries);
}

Result<> Admin::expire(std::string_view topic, std::string_view subscription, Timestamp before) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  return impl_->each(name, [&](const auto& part) {
    return impl_->engine().expire(part, std::string(subscription), before);
  });
}

Result<> Admin::seek(std::string_view topic, std::string_view subscription, SeekTarget target) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  GEMINGA_TRY_VOID(base::check_subscription_name(subscription));
  GEMINGA_TRY_VOID(bus::require(impl_->bus().engine().capabilities(), Feature::seek));
  if (const auto* id = std::get_if<MessageId>(&target)) {
    GEMINGA_TRY(const auto part, bus::partition_with(impl_->engine(), name, *id));
    return impl_->engine().seek(part, std::string(subscription), target);
  }
  return impl_->each(
      name, [&](const auto& part) { return impl_->engine().seek(part, std::string(subscription), target); });
}

Result<TopicStats> Admin::stats(std::string_view topic) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  return bus::stats_of(impl_->engine(), name);
}

Result<std::vector<Message>> Admin::browse(std::string_view topic, std::optional<MessageId> after,
                                           std::uint32_t limit) {
  GEMINGA_TRY(const auto name, impl_->bus().full_topic_name(topic));
  if (limit == 0) return std::vector<Message>{};
  return bus::browse(impl_->engine(), name, after, limit);
}

}  // namespace geminga

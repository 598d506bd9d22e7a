#include "orchestrator/services/tenant_spaces.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::orchestrator {

TenantSpaces::TenantSpaces(std::shared_ptr<Core> core, const std::shared_ptr<net::BlockingPool>& pool,
                           std::function<Result<>(const std::string& name_space)> consume)
    : core_(std::move(core)), pool_(pool), consume_(std::move(consume)) {}

Result<> TenantSpaces::make(const std::string& name_space) {
  auto admin = core_->bus.admin();
  const auto topics = core_->options.topics.in(name_space);
  GEMINGA_TRY_VOID(set_up_topics(admin, topics));
  const auto policies = core_->options.tenants.find(tenant_of(name_space));
  if (policies != core_->options.tenants.end()) {
    GEMINGA_TRY(const auto present, admin.namespace_policies(name_space));
    if (present != policies->second)
      GEMINGA_TRY_VOID(admin.set_namespace_policies(name_space, policies->second));
  }
  return consume_(name_space);
}

Result<> TenantSpaces::open_existing() {
  if (core_->options.topics.tenant_namespace.empty()) return {};
  auto admin = core_->bus.admin();
  GEMINGA_TRY(const auto tenants, admin.tenants());
  for (const auto& tenant : tenants) {
    GEMINGA_TRY(const auto namespaces, admin.namespaces(tenant));
    for (const auto& name_space : namespaces) {
      if (!is_kept_namespace(name_space) || name_space == core_->options.topics.tenant_namespace) continue;
      // Somebody may have a namespace of that form for other things.
      if (!admin.stats(core_->options.topics.in(name_space).of(TopicRole::user_requests))) continue;
      GEMINGA_TRY_VOID(make(name_space));
      const std::lock_guard lock(mutex_);
      spaces_[name_space].open = true;
    }
  }
  return {};
}

void TenantSpaces::open(const std::string& name_space, Ready ready) {
  if (name_space.empty()) return ready({});
  const auto pool = pool_.lock();
  auto refusal = Error{ErrorCode::unavailable, "the orchestrator is stopping"};
  {
    std::unique_lock lock(mutex_);
    const auto found = spaces_.find(name_space);
    const bool known = found != spaces_.end();
    if (known && found->second.open) {
      lock.unlock();
      return ready({});
    }
    if (known) return found->second.waiting.push_back(std::move(ready));
    const auto most = core_->options.settings.namespaces_max;
    if (spaces_.size() >= most) {
      refusal = Error{ErrorCode::overloaded,
                      fmt::format("{} namespaces of tenants are open, which is the limit (namespaces_max); "
                                  "'{}' cannot be opened",
                                  most, name_space)};
    } else if (!stopping_ && pool) {
      ++making_;
      spaces_[name_space].waiting.push_back(std::move(ready));
      return pool->post(
          [self = shared_from_this(), name_space] { self->end(name_space, self->make(name_space)); });
    }
  }
  ready(std::unexpected(std::move(refusal)));
}

void TenantSpaces::stop(base::MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  idle_.wait_until(lock, deadline, [this] { return making_ == 0; });
}

void TenantSpaces::end(const std::string& name_space, const Result<>& made) {
  if (!made) log::error("orchestrator", "opening the namespace {}: {}", name_space, made.error().message);
  std::vector<Ready> waiting;
  {
    const std::lock_guard lock(mutex_);
    auto& space = spaces_[name_space];
    waiting.swap(space.waiting);
    space.open = made.has_value();
    if (!made) spaces_.erase(name_space);
    if (--making_ == 0) idle_.notify_all();
  }
  for (auto& ready : waiting) ready(made);
}

std::vector<std::string> TenantSpaces::names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, space] : spaces_)
    if (space.open) names.push_back(name);
  return names;
}

}  // namespace geminga::orchestrator

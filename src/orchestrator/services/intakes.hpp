#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "orchestrator/services/intake.hpp"

namespace geminga::orchestrator {

/// The consumers of one service: one in each namespace. Any thread.
class Intakes {
 public:
  /// Whether the topic of this namespace is to be consumed at all; may block.
  using Wanted = std::function<Result<bool>(const std::string& name_space)>;
  Intakes(std::shared_ptr<Core> core, std::string service, TopicRole topic, std::string_view subscription,
          Wanted wanted = {}, IntakeLimits limits = {});
  ~Intakes();
  Intakes(const Intakes&) = delete;
  Intakes& operator=(const Intakes&) = delete;

  /// Begins to consume in the default namespace and in those that were added. `work`: see Intake::open.
  Result<> open(Intake::Work work);
  /// One more namespace, whose topics exist; consumed at once where the service has begun. Blocks; again
  /// it goes on where it failed.
  Result<> add(const std::string& name_space);
  /// In every namespace that is wanted, and in one at least.
  [[nodiscard]] bool consuming() const;
  void pause();
  void drain(base::MonotonicTime deadline);
  void close();

  [[nodiscard]] const std::string& service() const { return service_; }
  [[nodiscard]] TopicRole role() const { return role_; }
  [[nodiscard]] const std::string& subscription() const { return subscription_; }
  /// Of all namespaces together.
  [[nodiscard]] IntakeCounts counts() const;

 private:
  using List = std::vector<std::shared_ptr<Intake>>;
  [[nodiscard]] List list() const;
  [[nodiscard]] Result<> begin_in(const std::string& name_space, const Intake::Work& work);

  const std::shared_ptr<Core> core_;
  const std::string service_;
  const TopicRole role_;
  const std::string subscription_;
  const Wanted wanted_;
  const IntakeLimits limits_;  // in each namespace
  std::mutex opening_mutex_;   // one namespace is begun once, whoever comes first
  mutable std::mutex mutex_;
  std::vector<std::string> name_spaces_{std::string()};  // under mutex_; the default one comes first
  List intakes_;                                         // under mutex_; those that have begun
  Intake::Work work_;                                    // under mutex_; set by open()
  bool closed_ = false;                                  // under mutex_
};

}  // namespace geminga::orchestrator

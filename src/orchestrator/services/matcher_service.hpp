#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/file_watcher.hpp"
#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/services/intakes.hpp"

namespace geminga::orchestrator {

/// State of the rules for the status page.
struct RulesStatus {
  std::string file;  ///< empty: the built-in rules
  std::size_t rules = 0;
  std::size_t tools = 0;
  std::uint64_t reloads = 0;
  std::string error;  ///< why the last reload was refused; the rules before it stay
};

/// Finds the tool for each request, records its decision, and publishes the signal and acknowledges in one
/// step; without a match the plan fallback sees the decision. Rules and tools reload while it runs.
///
/// The record comes before the step where nothing else keeps two deliveries of a request from two signals
/// that differ, and where the fallback works from it. Otherwise a query need not wait for the disk here: the
/// record is written beside the step, and where a crash takes it the claim of the signal stands for it.
class MatcherService : public std::enable_shared_from_this<MatcherService> {
 public:
  explicit MatcherService(std::shared_ptr<Core> core);

  /// Loads the rules. Errors: config_error, io_error.
  Result<> load();
  /// Watches rules and registry from now on. On the core's loop.
  Result<> watch();
  /// Takes the tools of the registry as they are now. On the core's loop.
  void refresh() { rebuild(); }
  /// Begins to consume; to be called once the registry has settled.
  Result<> consume();
  /// On the core's loop.
  void unwatch();

  [[nodiscard]] bool consuming() const { return intake_->consuming(); }
  [[nodiscard]] Intakes& intake() { return *intake_; }
  [[nodiscard]] MatcherPtr matcher() const;
  [[nodiscard]] RulesStatus rules() const;

 private:
  void rebuild();
  void reload_rules();
  /// What was decided here and now; an older decision may stand.
  struct Decided {
    Item item;
    std::string request_id;
    HopTime began{};
    std::string signal_json;
    std::string server;
    std::string tool;
  };
  void work(const Item& item);
  /// Records it and goes on; again each second while the store cannot.
  void note(const StoredDecision& decision);
  void publish(const Decided& decided, const StoredDecision& stands);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Intakes> intake_;
  const base::Counter matched_;
  const base::Counter unmatched_;
  mutable std::mutex mutex_;
  RuleSet rule_set_;                       // under mutex_
  MatcherPtr matcher_;                     // under mutex_
  RulesStatus status_;                     // under mutex_
  std::vector<StoredDecision> not_noted_;  // under mutex_
  // The core's loop:
  std::unique_ptr<base::FileWatcher> watcher_;
  std::unique_ptr<Repeat> usage_;
  std::unique_ptr<Repeat> noting_;
  std::uint64_t usage_seen_ = 0;
  std::uint64_t listener_ = 0;
};

}  // namespace geminga::orchestrator

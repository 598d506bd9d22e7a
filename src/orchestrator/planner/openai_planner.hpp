#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/event_loop.hpp"
#include "orchestrator/planner/planner.hpp"
#include "orchestrator/settings.hpp"

namespace geminga::orchestrator {

struct OpenAiPlannerOptions {
  PlannerSettings settings;
  std::string key{};                           ///< sent as a bearer token; empty: none. Never logged
  std::chrono::milliseconds first_pause{500};  ///< before the second attempt; doubles
  std::chrono::milliseconds longest_pause{
      30'000};                   ///< a server that asks for a longer wait is not asked again
  base::Clock* clock = nullptr;  ///< the system's where it is not given
};

/// Asks a model behind an OpenAI-compatible API. An attempt that did not get through, timed out or was
/// answered 408, 409, 425, 429, 500, 502, 503 or 504 is made again after a pause, or after what Retry-After
/// says; one that was refused for its temperature or response_format (400, 422) at once without them; words
/// that are no valid plan are sent back once with what is wrong with them. At most `requests_max` questions
/// are asked at once, the others wait in their order.
class OpenAiPlanner final : public Planner {
 public:
  /// `loop` must live longer; callbacks run on it. Errors: config_error (the URL).
  static Result<std::unique_ptr<OpenAiPlanner>> make(base::EventLoop& loop, OpenAiPlannerOptions options);
  ~OpenAiPlanner() override;

  void plan(PlanQuestion question, Done done) override;
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::size_t tools_max() const override;
  void stop() override;

 private:
  struct Impl;
  explicit OpenAiPlanner(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace geminga::orchestrator

#include "base/log.hpp"

#include <array>
#include <atomic>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/clock.hpp"
#include "base/try.hpp"

namespace geminga::log {
namespace {

constexpr std::array<std::string_view, 5> kLevelNames{"debug", "info", "warn", "error", "off"};

struct Backend {
  Level level = Level::off;
  Format format = Format::text;
  std::map<std::string, Level, std::less<>> components;
  std::shared_ptr<spdlog::logger> sink;
  const Backend* before = nullptr;  ///< so that a leak checker finds it
};

// Set by configure(), of a program once, and never freed: a line may be written while the process ends.
std::atomic<const Backend*> backend{nullptr};

thread_local std::string request_id;

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) return static_cast<Level>(i);
  }
  return fail(ErrorCode::config_error,
              fmt::format("unknown log level '{}'; use debug, info, warn, error or off", text));
}

Result<> configure(const Config& config) {
  auto fresh = std::make_unique<Backend>();
  fresh->level = config.level;
  fresh->format = config.format;
  std::string_view rest = config.component_levels;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorCode::config_error, fmt::format("'{}' in GEMINGA_LOG is not component=level", pair));
    }
    GEMINGA_TRY(const Level level, parse_level(pair.substr(equals + 1)));
    fresh->components.emplace(pair.substr(0, equals), level);
  }
  fresh->sink =
      std::make_shared<spdlog::logger>("geminga", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  fresh->sink->set_pattern("%v");
  fresh->sink->set_level(spdlog::level::trace);
  fresh->before = backend.load();
  backend.store(fresh.release());
  return {};
}

bool enabled(std::string_view component, Level level) noexcept {
  const Backend* current = backend.load(std::memory_order_acquire);
  if (current == nullptr) return false;
  const auto found = current->components.find(component);
  return level >= (found == current->components.end() ? current->level : found->second);
}

void write(std::string_view component, Level level, std::string_view message) noexcept {
  const Backend* current = backend.load(std::memory_order_acquire);
  if (current == nullptr) return;
  try {
    const std::string time = base::to_iso8601(base::Clock::system().wall_now());
    const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
    if (current->format == Format::json) {
      const nlohmann::ordered_json line{{"time", time},
                                        {"level", name},
                                        {"component", component},
                                        {"requestId", request_id},
                                        {"message", message}};
      current->sink->info(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
      current->sink->info("{} {:5} {} requestId={} {}", time, name, component,
                          request_id.empty() ? "-" : request_id, message);
    }
  } catch (...) {  // A line that cannot be written must not end the work it speaks of.
    return;
  }
}

RequestScope::RequestScope(std::string_view id) : previous_(std::move(request_id)) {
  request_id = id;
}
RequestScope::~RequestScope() {
  request_id = std::move(previous_);
}

}  // namespace geminga::log

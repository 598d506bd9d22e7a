#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>

#include <geminga/error.hpp>

/// Log lines with component and request id. The library is silent until a program calls configure(): it lives
/// in other people's programs. Never on the message path.
namespace geminga::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

struct Config {
  Level level = Level::info;
  Format format = Format::text;
  std::string component_levels;  ///< "storage=debug,mcp=warn", the form of GEMINGA_LOG
};

/// Lines go to stderr from now on. Errors: config_error (unknown level or a malformed pair).
Result<> configure(const Config& config);
Result<Level> parse_level(std::string_view text);
bool enabled(std::string_view component, Level level) noexcept;
void write(std::string_view component, Level level, std::string_view message) noexcept;

/// Lines of this thread carry the request id while it lives; scopes nest.
class RequestScope {
 public:
  explicit RequestScope(std::string_view request_id);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

 private:
  std::string previous_;
};

template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(component, Level::debug))
    write(component, Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(component, Level::info))
    write(component, Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(component, Level::warn))
    write(component, Level::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(component, Level::error))
    write(component, Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace geminga::log

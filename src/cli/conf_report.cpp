#include "cli/conf_report.hpp"

#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kLog = "broker-conf";
constexpr std::array<std::string_view, 4> kClasses{"honoured", "not supported", "irrelevant", "unknown"};

void log_line(const ConfLine& line) {
  const log::Level level = line.kind == ConfClass::honoured ? log::Level::info : log::Level::warn;
  if (!log::enabled(kLog, level)) return;
  const std::string what = line.value.empty() ? line.key : fmt::format("{} = {}", line.key, line.value);
  const std::string text = fmt::format("{:<13}  {:<60}  {}", to_string(line.kind), what, line.note);
  log::write(kLog, level, text);
}

}  // namespace

std::string_view to_string(ConfClass kind) noexcept {
  return kClasses.at(static_cast<std::size_t>(kind));
}

void log_conf_report(const ConfReport& report) {
  if (report.file.empty()) return;
  std::array<std::size_t, kClasses.size()> counts{};
  std::map<std::string, std::vector<std::string>> irrelevant;  // by reason
  log::info(kLog, "{:<13}  {:<60}  {}", "class", "key",
            fmt::format("what becomes of it ({})", report.file.string()));
  for (const ConfLine& line : report.lines) {
    ++counts.at(static_cast<std::size_t>(line.kind));
    if (line.kind == ConfClass::irrelevant)
      irrelevant[line.note].push_back(line.key);
    else
      log_line(line);
  }
  for (const auto& [reason, keys] : irrelevant)
    log::info(kLog, "{:<13}  {:<60}  {}: {}", to_string(ConfClass::irrelevant),
              fmt::format("{} keys", keys.size()), reason, fmt::join(keys, " "));
  log::info(kLog, "{}: {} keys honoured, {} not supported, {} irrelevant here, {} unknown",
            report.file.string(), counts[0], counts[1], counts[2], counts[3]);
}

}  // namespace geminga::cli

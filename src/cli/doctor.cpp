#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/checks.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return styled("ok  ", Style::good);
    case Verdict::warning:
      return styled("warn", Style::warning);
    case Verdict::bad:
      return styled("bad ", Style::bad);
  }
  return {};
}

std::string_view verdict_name(Verdict verdict) {
  constexpr std::string_view kNames[] = {"ok", "warn", "bad"};
  return kNames[static_cast<std::size_t>(verdict)];
}

void print_finding(const Finding& finding, bool json) {
  if (json) {
    ordered_json line{
        {"check", finding.check}, {"verdict", verdict_name(finding.verdict)}, {"found", finding.found}};
    if (!finding.remedy.empty()) line["remedy"] = finding.remedy;
    print_json(line);
    return;
  }
  print_line(
      fmt::format("{}  {:<12} {}", verdict_text(finding.verdict), finding.check, printable(finding.found)));
  if (!finding.remedy.empty()) print_line(fmt::format("{:<6}{:<13}-> {}", "", "", printable(finding.remedy)));
}

Outcome run(const Arguments& arguments) {
  auto settings = load_settings(arguments, [](const char* name) -> const char* { return std::getenv(name); });
  if (!settings && settings.error().code == ErrorCode::invalid_argument)
    return usage(settings.error().message);
  if (!settings) return failed(settings.error());
  bool bad = false;
  const bool json = wants_json(arguments);
  for (const auto& check : all_checks()) {
    for (const Finding& finding : check(*settings, arguments)) {
      bad = bad || finding.verdict == Verdict::bad;
      print_finding(finding, json);
    }
  }
  if (bad)
    return std::unexpected(
        Failure{kExitFailed, json ? "" : "something must be mended before `geminga serve` can run well"});
  return {};
}

}  // namespace

Verb doctor_verb() {
  std::vector<Option> options = setting_options();
  options.push_back(output_option());
  options.push_back(server_option());
  options.push_back(token_option());
  return {
      .name = "doctor",
      .summary = "is this machine fit for `geminga serve`, and what to do if not",
      .about =
          "Reads the same configuration as `serve` and looks at the data directory (writable, free space, "
          "how long a write "
          "takes to be durable), the ports, the limits, the clock, the commands of mcp.json and the rules. "
          "Where a "
          "serve runs already, it is asked how it is. Changes nothing; exit 1 when something is bad.",
      .options = std::move(options),
      .examples = {{"geminga doctor --mcp mcp.json", "before the first start"},
                   {"geminga doctor -o json | jq 'select(.verdict != \"ok\")'", "only what needs a look"}},
      .run = run};
}

}  // namespace geminga::cli

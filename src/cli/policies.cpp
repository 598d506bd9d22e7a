#include "cli/policies.hpp"

#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/policy_fields.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

/// A number, a duration for what ends in _seconds, or a word.
std::expected<ordered_json, Failure> value_of(const std::string& name, const std::string& text) {
  if (base::is_word(name)) return text;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  const auto time = parse_duration(text);
  if (!name.ends_with("_seconds") || !time) return usage(fmt::format("'{}' is no value for {}", text, name));
  return std::chrono::ceil<std::chrono::seconds>(*time).count();
}

Outcome change(const Arguments& arguments, ordered_json& policies) {
  for (const std::string& pair : arguments.all("set")) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) return usage(fmt::format("'{}' is not NAME=VALUE", pair));
    const std::string name = pair.substr(0, equals);
    GEMINGA_CLI_TRY(policies[name], value_of(name, pair.substr(equals + 1)));
  }
  for (const std::string& name : arguments.all("unset")) {
    if (policies.erase(name) == 0) return usage(fmt::format("{} is not set here", name));
  }
  return {};
}

}  // namespace

Outcome run_policies(const Arguments& arguments, std::string_view kind, const std::string& name) {
  Remote remote(arguments);
  const std::string path = fmt::format("/api/bus/policies?{}={}", kind, url_encoded(name));
  GEMINGA_CLI_TRY(ordered_json policies, remote.get(path));
  if (arguments.has("set") || arguments.has("unset")) {
    if (auto changed = change(arguments, policies); !changed) return changed;
    GEMINGA_CLI_TRY(const Reply reply, remote.send({.method = "PUT", .path = path, .body = policies.dump()}));
    GEMINGA_CLI_TRY(policies, json_of(reply));
  }
  if (wants_json(arguments)) {
    print_json(policies);
    return {};
  }
  for (const auto& [policy, value] : policies.items())
    print_line(fmt::format("{:<30}{}", policy, value.is_string() ? value.get<std::string>() : value.dump()));
  return {};
}

std::vector<Option> policy_options() {
  return {{.name = "set",
           .value = Value::text,
           .metavar = "NAME=VALUE",
           .help = "message_ttl_seconds=1h, backlog_bytes=1000000, backlog_action=producer_exception, "
                   "durability=async(20), ...",
           .repeatable = true},
          {.name = "unset",
           .value = Value::text,
           .metavar = "NAME",
           .help = "back to what the wider scope says",
           .repeatable = true},
          output_option(),
          server_option(),
          token_option()};
}

}  // namespace geminga::cli

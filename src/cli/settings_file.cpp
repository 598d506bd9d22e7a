#include <algorithm>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/policy_fields.hpp"
#include "base/try.hpp"
#include "cli/file_keys.hpp"
#include "cli/nearest.hpp"
#include "cli/serve_settings.hpp"
#include "cli/setting_table.hpp"

namespace geminga::cli {
namespace {

constexpr std::string_view kServers = "servers";
constexpr std::string_view kTools = "tools";
constexpr std::string_view kOrchestrator = "orchestrator";
constexpr std::string_view kEmbedded = "embedded";
constexpr std::string_view kAuth = "auth";
constexpr std::string_view kRoles = "roles";
constexpr std::string_view kTenants = "tenants";
constexpr std::string_view kPlanner = "planner";

/// Where an error is: "geminga.toml:12".
struct Source {
  const std::string& name;
  [[nodiscard]] std::filesystem::path folder() const { return std::filesystem::path(name).parent_path(); }
  [[nodiscard]] std::unexpected<Error> error(const toml::source_region& where, std::string_view text) const {
    return fail(ErrorCode::config_error, fmt::format("{}:{}: {}", name, where.begin.line, text));
  }
  [[nodiscard]] std::unexpected<Error> unknown_key(const toml::key& key, std::string_view inside,
                                                   std::span<const std::string> known) const {
    return error(key.source(), fmt::format("unknown key '{}'{}{}", key.str(),
                                           inside.empty() ? "" : fmt::format(" in {}", inside),
                                           did_you_mean(key.str(), known)));
  }
};

Result<std::string> scalar_text(const Source& source, std::string_view key, const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto flag = node.value_exact<bool>()) return std::string(*flag ? "true" : "false");
  if (const auto number = node.value_exact<std::int64_t>()) return std::to_string(*number);
  if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
  return source.error(node.source(), fmt::format("'{}' must be a text, a number, true or false", key));
}

Result<> apply_setting(const Source& source, ServeSettings& settings, const Setting& setting,
                       const toml::node& node) {
  GEMINGA_TRY(std::string text, scalar_text(source, setting.key, node));
  text = placed_in(source.folder(), setting.place, text);
  if (auto applied = setting.apply(settings, text); !applied) {
    return source.error(node.source(), fmt::format("'{}': {}", setting.key, applied.error().message));
  }
  return {};
}

/// Of an array its elements.
Result<std::vector<std::string>> texts_of(const Source& source, std::string_view key,
                                          const toml::node& node) {
  std::vector<std::string> texts;
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    GEMINGA_TRY(std::string text, scalar_text(source, key, node));
    return std::vector<std::string>{std::move(text)};
  }
  for (const auto& element : *list) {
    GEMINGA_TRY(std::string text, scalar_text(source, key, element));
    texts.push_back(std::move(text));
  }
  return texts;
}

/// `also`: a key of this table that is read elsewhere.
template <class Target>
Result<> apply_key(const Source& source, std::string_view where, std::span<const FileKey<Target>> table,
                   const toml::key& key, const toml::node& value, Target& target,
                   std::string_view also = {}) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& known) { return known.name == key.str(); });
  if (found == table.end()) {
    std::vector<std::string> known;
    if (!also.empty()) known.emplace_back(also);
    for (const auto& file_key : table) known.emplace_back(file_key.name);
    return source.unknown_key(key, where, known);
  }
  GEMINGA_TRY(std::vector<std::string> texts, texts_of(source, key.str(), value));
  for (std::string& text : texts) text = placed_in(source.folder(), found->place, text);
  if (auto applied = found->apply(target, texts); !applied)
    return source.error(value.source(),
                        fmt::format("'{}' in {}: {}", key.str(), where, applied.error().message));
  return {};
}

/// One [[servers.NAME.tools]], for servers of the `invoke` form that cannot list their tools.
Result<mcp::DeclaredTool> read_tool(const Source& source, const std::string& where, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), where + " must be a table");
  mcp::DeclaredTool tool;
  for (const auto& [key, value] : *table) {
    const auto text = value.value_exact<std::string>();
    if (!text)
      return source.error(value.source(), fmt::format("'{}' in {} must be a text", key.str(), where));
    if (key.str() == "name") {
      tool.name = *text;
    } else if (key.str() == "description") {
      tool.description = *text;
    } else if (key.str() == "input_schema") {
      tool.input_schema = *text;
    } else {
      const std::vector<std::string> known{"name", "description", "input_schema"};
      return source.unknown_key(key, where, known);
    }
  }
  if (tool.name.empty()) return source.error(node.source(), where + " has no 'name'");
  return tool;
}

Result<> read_tools(const Source& source, const std::string& where, const toml::node& node,
                    mcp::ServerSettings& settings) {
  const toml::array* list = node.as_array();
  if (list == nullptr)
    return source.error(node.source(), fmt::format("'tools' in {} must be [[...tools]]", where));
  for (const auto& element : *list) {
    GEMINGA_TRY(mcp::DeclaredTool tool, read_tool(source, where + ".tools", element));
    settings.tools.push_back(std::move(tool));
  }
  return {};
}

Result<> read_server(const Source& source, const std::string& name, const toml::node& node,
                     mcp::ServerSettings& settings) {
  const std::string where = "[servers." + name + "]";
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), fmt::format("{} must be a table", where));
  for (const auto& [key, value] : *table) {
    if (key.str() == kTools) {
      GEMINGA_TRY_VOID(read_tools(source, where, value, settings));
      continue;
    }
    GEMINGA_TRY_VOID(apply_key(source, where, kServerKeys, key, value, settings, kTools));
  }
  return {};
}

Result<> read_servers(const Source& source, const toml::node& node, ServeSettings& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), "'servers' must be tables [servers.NAME]");
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    GEMINGA_TRY_VOID(read_server(source, name, value, settings.servers[name]));
  }
  return {};
}

template <class Target>
Result<> read_keys(const Source& source, std::string_view name, std::span<const FileKey<Target>> keys,
                   const toml::node& node, Target& target) {
  const std::string where = fmt::format("[{}]", name);
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), where + " must be a table");
  for (const auto& [key, value] : *table)
    GEMINGA_TRY_VOID(apply_key(source, where, keys, key, value, target));
  return {};
}

Result<> read_roles(const Source& source, const toml::node& node, ServeSettings& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return source.error(node.source(), "'roles' in [auth] must be tables [auth.roles.NAME]");
  for (const auto& [key, value] : *table) {
    const std::string role(key.str());
    auto& own = settings.auth.roles[role];
    GEMINGA_TRY_VOID(read_keys(source, "auth.roles." + role, kRoleKeys, value, own));
    settings.tenants[own.tenant];
  }
  return {};
}

Result<> read_auth(const Source& source, const toml::node& node, ServeSettings& settings) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return source.error(node.source(), "[auth] must be a table");
  for (const auto& [key, value] : *table) {
    if (key.str() == kRoles) {
      GEMINGA_TRY_VOID(read_roles(source, value, settings));
      continue;
    }
    GEMINGA_TRY_VOID(apply_key(source, "[auth]", kAuthKeys, key, value, settings.auth, kRoles));
  }
  return {};
}

Result<> read_policy(const Source& source, const std::string& where, const toml::key& key,
                     const toml::node& value, base::PolicyValues& values) {
  const std::string name(key.str());
  const auto text = value.value_exact<std::string>();
  const auto number = value.value_exact<std::int64_t>();
  const bool word = base::is_word(name);
  if (word ? !text : !number || *number < 0)
    return source.error(value.source(),
                        fmt::format("'{}' in {} must be {}", name, where,
                                    word ? "a word" : "a policy's whole number, 0 for no limit"));
  if (!word) {
    values[name] = static_cast<std::uint64_t>(*number);
    return {};
  }
  auto parsed = base::parse_word(name, *text);
  if (!parsed) return source.error(value.source(), parsed.error().message);
  values[name] = *parsed;
  return {};
}

Result<> read_tenants(const Source& source, const toml::node& node, ServeSettings& settings) {
  const toml::table* tenants = node.as_table();
  if (tenants == nullptr) return source.error(node.source(), "'tenants' must be tables [tenants.NAME]");
  for (const auto& [key, value] : *tenants) {
    const std::string where = fmt::format("[tenants.{}]", key.str());
    const toml::table* table = value.as_table();
    if (table == nullptr) return source.error(value.source(), where + " must be a table");
    base::PolicyValues values;
    for (const auto& [name, policy] : *table)
      GEMINGA_TRY_VOID(read_policy(source, where, name, policy, values));
    auto policies = base::to_policies(values);
    if (!policies)
      return source.error(value.source(), fmt::format("{}: {}", where, policies.error().message));
    const auto found = settings.tenants.find(key.str());
    if (found == settings.tenants.end())
      return source.error(key.source(), fmt::format("no role has the tenant '{}'; give it to one in "
                                                    "[auth.roles.NAME]",
                                                    key.str()));
    found->second = *policies;
  }
  return {};
}

/// What would wait for a model that nobody has named does nothing, and is an error.
Result<> check_model(const Source& source, const ServeSettings& settings, const toml::table& table) {
  const auto& planner = settings.planner;
  if (!planner.url.empty()) return {};
  const toml::node* node = table.get(kPlanner);
  if (node != nullptr && !(planner.model.empty() && planner.key_file.empty()))
    return source.error(
        node->source(),
        "[planner] names a model or its key and no url, so nobody would be asked; write url = "
        "\"http://HOST:PORT/v1\" beside it, or take the rest away");
  node = table.get(kOrchestrator);
  if (node != nullptr && settings.orchestrator.execute_plans)
    return source.error(node->source(),
                        "'execute_plans' in [orchestrator]: without a model there are no plans to execute; "
                        "write url and model into [planner]");
  return {};
}

Result<> apply_table(const Source& source, ServeSettings& settings, const toml::table& table) {
  for (const auto& [key, value] : table) {
    if (key.str() == kServers) {
      GEMINGA_TRY_VOID(read_servers(source, value, settings));
      continue;
    }
    if (key.str() == kOrchestrator) {
      GEMINGA_TRY_VOID(read_keys(source, kOrchestrator, kOrchestratorKeys, value, settings.orchestrator));
      continue;
    }
    if (key.str() == kPlanner) {
      GEMINGA_TRY_VOID(read_keys(source, kPlanner, kPlannerKeys, value, settings.planner));
      continue;
    }
    if (key.str() == kEmbedded) {
      GEMINGA_TRY_VOID(read_keys(source, kEmbedded, kEmbeddedKeys, value, settings.embedded));
      continue;
    }
    if (key.str() == kAuth) {
      GEMINGA_TRY_VOID(read_auth(source, value, settings));
      continue;
    }
    if (key.str() == kTenants) continue;
    const auto found = std::find_if(kSettings.begin(), kSettings.end(),
                                    [&](const Setting& setting) { return setting.key == key.str(); });
    if (found == kSettings.end()) {
      std::vector<std::string> known{std::string(kServers), std::string(kOrchestrator),
                                     std::string(kPlanner), std::string(kEmbedded),
                                     std::string(kAuth),    std::string(kTenants)};
      for (const Setting& setting : kSettings) known.emplace_back(setting.key);
      return source.unknown_key(key, "", known);
    }
    GEMINGA_TRY_VOID(apply_setting(source, settings, *found, value));
  }
  // Only now are all roles known.
  if (const toml::node* tenants = table.get(kTenants))
    GEMINGA_TRY_VOID(read_tenants(source, *tenants, settings));
  return check_model(source, settings, table);
}

}  // namespace

Result<> apply_settings_file(ServeSettings& settings, std::string_view text, const std::string& name) {
  const Source source{name};
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return source.error(error.source(), fmt::format("not TOML: {}", error.description()));
  }
  return apply_table(source, settings, table);
}

}  // namespace geminga::cli

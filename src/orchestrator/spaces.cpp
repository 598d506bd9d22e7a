#include "orchestrator/spaces.hpp"

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::string_view kDefault = "orchestrator";
constexpr std::string_view kOfUser = "-orchestrator";
constexpr std::string_view kOfAgent = "-execution";
constexpr std::size_t kIdMax = 80;

bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == ':' || c == '-';
}

Result<std::string> written(std::string_view id, std::string_view member) {
  std::string text;
  for (const char c : id)
    text += is_plain(c) ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c));
  if (!text.empty() && text.size() <= kIdMax) return text;
  return fail(ErrorCode::invalid_argument,
              fmt::format("'{}' must have 1 to {} bytes (a sign that a namespace may not hold counts three)",
                          member, kIdMax));
}

}  // namespace

Result<std::string> namespace_of(std::string_view tenant, const std::optional<std::string>& user_id,
                                 const std::optional<std::string>& agent_id) {
  if (user_id) {
    GEMINGA_TRY(const std::string user, written(*user_id, "userId"));
    return fmt::format("{}/{}{}", tenant, user, kOfUser);
  }
  if (agent_id) {
    GEMINGA_TRY(const std::string agent, written(*agent_id, "agentId"));
    return fmt::format("{}/{}{}", tenant, agent, kOfAgent);
  }
  return fmt::format("{}/{}", tenant, kDefault);
}

bool is_kept_namespace(std::string_view name_space) {
  const auto slash = name_space.find('/');
  if (slash == std::string_view::npos) return false;
  const auto own = name_space.substr(slash + 1);
  return own == kDefault || own.ends_with(kOfUser) || own.ends_with(kOfAgent);
}

std::string_view tenant_of(std::string_view name_space) {
  return name_space.substr(0, name_space.find('/'));
}

}  // namespace geminga::orchestrator

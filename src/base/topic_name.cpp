#include "base/topic_name.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/utf8.hpp"

namespace geminga::base {

namespace {

constexpr std::string_view kPersistent = "persistent://";
constexpr std::string_view kNonPersistent = "non-persistent://";
constexpr std::size_t kPathPartBytesMax = 128;
constexpr std::size_t kNameBytesMax = 255;

bool legal_in_path(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.:=-").contains(c);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Result<> check_path_part(std::string_view part, std::string_view what) {
  if (part.empty()) return fail(ErrorCode::invalid_argument, fmt::format("empty {} name", what));
  if (part.size() > kPathPartBytesMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} name of {} bytes; {} is the limit", what, part.size(), kPathPartBytesMax));
  if (!std::ranges::all_of(part, legal_in_path))
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} name '{}' has a character that is not one of A-Z a-z 0-9 _ . : = -", what, part));
  return {};
}

Result<> check_local(std::string_view local, std::string_view whole) {
  if (local.empty())
    return fail(
        ErrorCode::invalid_argument,
        whole.empty() ? "empty topic name" : fmt::format("topic name '{}' ends without a topic", whole));
  if (local.size() > kNameBytesMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("topic name of {} bytes; {} is the limit", local.size(), kNameBytesMax));
  if (!is_utf8(local)) return fail(ErrorCode::invalid_argument, "topic name that is not UTF-8");
  if (std::ranges::any_of(local, [](char c) { return is_control(c) || c == ' ' || c == '/'; }))
    return fail(ErrorCode::invalid_argument,
                fmt::format("topic name '{}' has a slash, white space or a control character", local));
  return {};
}

}  // namespace

Result<> check_tenant_name(std::string_view name) {
  return check_path_part(name, "tenant");
}

Result<> check_namespace_path(std::string_view path) {
  const auto slash = path.find('/');
  if (slash == std::string_view::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("namespace '{}' is not of the form tenant/namespace", path));
  GEMINGA_TRY_VOID(check_path_part(path.substr(0, slash), "tenant"));
  return check_path_part(path.substr(slash + 1), "namespace");
}

Result<> check_subscription_name(std::string_view name) {
  if (name.empty()) return fail(ErrorCode::invalid_argument, "empty subscription name; name the group");
  if (name.size() > kNameBytesMax)
    return fail(ErrorCode::invalid_argument,
                fmt::format("subscription name of {} bytes; {} is the limit", name.size(), kNameBytesMax));
  if (!is_utf8(name)) return fail(ErrorCode::invalid_argument, "subscription name that is not UTF-8");
  if (std::ranges::any_of(name, is_control))
    return fail(ErrorCode::invalid_argument, "subscription name with a control character");
  return {};
}

Result<TopicName> TopicName::parse(std::string_view text, std::string_view default_namespace) {
  std::string_view rest = text;
  const bool non_persistent = rest.starts_with(kNonPersistent);
  const bool has_scheme = non_persistent || rest.starts_with(kPersistent);
  if (has_scheme) rest.remove_prefix((non_persistent ? kNonPersistent : kPersistent).size());
  if (!has_scheme && rest.contains("://"))
    return fail(ErrorCode::invalid_argument, fmt::format("topic '{}' has a scheme that is neither {} nor {}",
                                                         text, kPersistent, kNonPersistent));

  std::string path;
  if (const auto slashes = std::ranges::count(rest, '/'); slashes == 0 && !has_scheme) {
    path = default_namespace;
  } else if (slashes == 2) {
    const auto last = rest.rfind('/');
    path = rest.substr(0, last);
    rest.remove_prefix(last + 1);
  } else {
    return fail(ErrorCode::invalid_argument,
                fmt::format("topic '{}' is neither a bare name nor tenant/namespace/topic", text));
  }
  GEMINGA_TRY_VOID(check_local(rest, text));
  GEMINGA_TRY_VOID(check_namespace_path(path));
  const auto slash = path.find('/');
  return TopicName{.tenant = path.substr(0, slash),
                   .name_space = path.substr(slash + 1),
                   .local = std::string(rest),
                   .persistent = !non_persistent};
}

std::string TopicName::full() const {
  return fmt::format("{}{}/{}/{}", persistent ? kPersistent : kNonPersistent, tenant, name_space, local);
}

std::string TopicName::namespace_path() const {
  return tenant + "/" + name_space;
}

}  // namespace geminga::base

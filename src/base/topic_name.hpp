#pragma once

#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::base {

/// A topic's name in its parts. Bus, broker and every door speak of topics, so the grammar stands here once:
///
///     name   = local | [scheme] tenant "/" namespace "/" local
///     scheme = "persistent://" | "non-persistent://"
///     tenant, namespace = 1 to 128 of [A-Za-z0-9_.:=-]
///     local  = 1 to 255 bytes of UTF-8 without "/", white space or control characters
struct TopicName {
  std::string tenant;
  std::string name_space;
  std::string local;
  bool persistent = true;

  /// A bare name belongs to `default_namespace` ("tenant/namespace"). Errors: invalid_argument, which says
  /// what is wrong with which part.
  static Result<TopicName> parse(std::string_view text, std::string_view default_namespace);

  /// "persistent://tenant/namespace/local", or with the other scheme.
  [[nodiscard]] std::string full() const;
  /// "tenant/namespace"
  [[nodiscard]] std::string namespace_path() const;
};

/// Errors: invalid_argument unless it is "tenant/namespace" of legal parts.
Result<> check_namespace_path(std::string_view path);
/// Errors: invalid_argument unless it is a legal tenant name.
Result<> check_tenant_name(std::string_view name);
/// 1 to 255 bytes of UTF-8 without control characters. Errors: invalid_argument.
Result<> check_subscription_name(std::string_view name);

}  // namespace geminga::base

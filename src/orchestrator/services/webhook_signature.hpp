#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "auth/key.hpp"

namespace geminga::orchestrator {

/// What a receiver must be told to check webhooks with: "whsec_<base64>" (standardwebhooks.com).
std::string webhook_secret_text(std::string_view secret);

/// Signs webhooks as Standard Webhooks has it (standardwebhooks.com): HMAC-SHA256 over "id.timestamp.body".
/// Copies share the secret; any thread.
class WebhookSigner {
 public:
  /// `location` as auth::read_key has it: "file:///path", a path, "data:;base64,TEXT". 32 to 64 bytes.
  /// Errors: config_error, which never shows the secret.
  static Result<WebhookSigner> open(const std::string& location);

  /// Each tenant has a secret of its own, made from ours: none can sign for another. Without a tenant it is
  /// ours.
  [[nodiscard]] Result<std::string> secret_of(std::string_view tenant) const;
  /// "v1,<base64>". The time is in seconds since 1970.
  [[nodiscard]] Result<std::string> sign(std::string_view tenant, std::string_view id, std::int64_t timestamp,
                                         std::string_view body) const;

 private:
  explicit WebhookSigner(std::string secret) : secret_(std::move(secret)) {}
  std::string secret_;
};

}  // namespace geminga::orchestrator

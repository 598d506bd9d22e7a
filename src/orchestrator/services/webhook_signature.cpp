#include "orchestrator/services/webhook_signature.hpp"

#include <fmt/format.h>

#include "base/base64.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

constexpr std::size_t kSecretMax = 64;

Result<std::string> hmac_sha256(const std::string& secret, std::string_view bytes) {
  GEMINGA_TRY(const auto key, auth::Key::secret(secret));
  return key.sign(bytes);
}

}  // namespace

std::string webhook_secret_text(std::string_view secret) {
  return "whsec_" + base::to_base64(secret);
}

Result<WebhookSigner> WebhookSigner::open(const std::string& location) {
  GEMINGA_TRY(auto secret, auth::read_key(location));
  if (secret.size() > kSecretMax)
    return fail(
        ErrorCode::config_error,
        fmt::format("a webhook secret has 32 to {} bytes, this one has {}; `openssl rand -out FILE 32` "
                    "makes one",
                    kSecretMax, secret.size()));
  GEMINGA_TRY([[maybe_unused]] const auto usable, auth::Key::secret(secret));
  return WebhookSigner(std::move(secret));
}

Result<std::string> WebhookSigner::secret_of(std::string_view tenant) const {
  if (tenant.empty()) return secret_;
  return hmac_sha256(secret_, fmt::format("geminga webhooks of tenant {}", tenant));
}

Result<std::string> WebhookSigner::sign(std::string_view tenant, std::string_view id, std::int64_t timestamp,
                                        std::string_view body) const {
  GEMINGA_TRY(const std::string secret, secret_of(tenant));
  GEMINGA_TRY(const std::string mac, hmac_sha256(secret, fmt::format("{}.{}.{}", id, timestamp, body)));
  return "v1," + base::to_base64(mac);
}

}  // namespace geminga::orchestrator

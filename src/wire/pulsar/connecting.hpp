#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// Who is there: the handshake, credentials that are renewed, and signs of life.
namespace geminga::wire::pulsar {

/// What the sender can do beyond its protocol version (protocol.hpp).
struct FeatureFlags {
  static constexpr std::string_view kName = "FeatureFlags";
  Optional<bool> supports_auth_refresh;
  Optional<bool> supports_broker_entry_metadata;
  Optional<bool> supports_partial_producer;
  Optional<bool> supports_topic_watchers;
  Optional<bool> supports_get_partitioned_metadata_without_auto_creation;
  Optional<bool> supports_repl_dedup_by_lid_and_eid;  ///< of replicators
  Optional<bool> supports_topic_watcher_reconcile;
  Optional<bool> supports_scalable_topics;        ///< commands 70 to 78, which we do not speak
  Optional<bool> supports_tc_metadata_discovery;  ///< commands 79 to 81, likewise
  static constexpr auto kFields = fields(
      field(1, &FeatureFlags::supports_auth_refresh), field(2, &FeatureFlags::supports_broker_entry_metadata),
      field(3, &FeatureFlags::supports_partial_producer), field(4, &FeatureFlags::supports_topic_watchers),
      field(5, &FeatureFlags::supports_get_partitioned_metadata_without_auto_creation),
      field(6, &FeatureFlags::supports_repl_dedup_by_lid_and_eid),
      field(7, &FeatureFlags::supports_topic_watcher_reconcile),
      field(8, &FeatureFlags::supports_scalable_topics),
      field(9, &FeatureFlags::supports_tc_metadata_discovery));
};

enum class AuthMethod : std::uint8_t { none = 0, yca_v1 = 1, athens = 2 };
constexpr AuthMethod last_of(AuthMethod) {
  return AuthMethod::athens;
}

struct CommandConnect {
  static constexpr std::string_view kName = "CommandConnect";
  std::string_view client_version;
  Optional<AuthMethod> auth_method;  ///< of old clients; now `auth_method_name`
  Optional<std::string_view> auth_data;
  Optional<std::int32_t> protocol_version;
  Optional<std::string_view> auth_method_name;
  Optional<std::string_view> proxy_to_broker_url;
  Optional<std::string_view> original_principal;  ///< whom a proxy speaks for
  Optional<std::string_view> original_auth_data;
  Optional<std::string_view> original_auth_method;
  Optional<FeatureFlags> feature_flags;
  Optional<std::string_view> proxy_version;
  static constexpr auto kFields =
      fields(field(1, &CommandConnect::client_version), field(2, &CommandConnect::auth_method),
             field(3, &CommandConnect::auth_data), field(4, &CommandConnect::protocol_version),
             field(5, &CommandConnect::auth_method_name), field(6, &CommandConnect::proxy_to_broker_url),
             field(7, &CommandConnect::original_principal), field(8, &CommandConnect::original_auth_data),
             field(9, &CommandConnect::original_auth_method), field(10, &CommandConnect::feature_flags),
             field(11, &CommandConnect::proxy_version));
};

struct CommandConnected {
  static constexpr std::string_view kName = "CommandConnected";
  std::string_view server_version;
  Optional<std::int32_t> protocol_version;
  Optional<std::int32_t> max_message_size;  ///< bytes
  Optional<FeatureFlags> feature_flags;
  static constexpr auto kFields =
      fields(field(1, &CommandConnected::server_version), field(2, &CommandConnected::protocol_version),
             field(3, &CommandConnected::max_message_size), field(4, &CommandConnected::feature_flags));
};

struct AuthData {
  static constexpr std::string_view kName = "AuthData";
  Optional<std::string_view> auth_method_name;
  Optional<std::string_view> auth_data;
  static constexpr auto kFields =
      fields(field(1, &AuthData::auth_method_name), field(2, &AuthData::auth_data));
};

struct CommandAuthChallenge {
  static constexpr std::string_view kName = "CommandAuthChallenge";
  Optional<std::string_view> server_version;
  Optional<AuthData> challenge;
  Optional<std::int32_t> protocol_version;
  static constexpr auto kFields =
      fields(field(1, &CommandAuthChallenge::server_version), field(2, &CommandAuthChallenge::challenge),
             field(3, &CommandAuthChallenge::protocol_version));
};

struct CommandAuthResponse {
  static constexpr std::string_view kName = "CommandAuthResponse";
  Optional<std::string_view> client_version;
  Optional<AuthData> response;
  Optional<std::int32_t> protocol_version;
  static constexpr auto kFields =
      fields(field(1, &CommandAuthResponse::client_version), field(2, &CommandAuthResponse::response),
             field(3, &CommandAuthResponse::protocol_version));
};

struct CommandPing {
  static constexpr std::string_view kName = "CommandPing";
  static constexpr auto kFields = fields();
};

struct CommandPong {
  static constexpr std::string_view kName = "CommandPong";
  static constexpr auto kFields = fields();
};

struct CommandSuccess {
  static constexpr std::string_view kName = "CommandSuccess";
  std::uint64_t request_id = 0;
  Optional<Schema> schema;
  static constexpr auto kFields =
      fields(field(1, &CommandSuccess::request_id), field(2, &CommandSuccess::schema));
};

struct CommandError {
  static constexpr std::string_view kName = "CommandError";
  std::uint64_t request_id = 0;
  ServerError error = ServerError{};
  std::string_view message;
  static constexpr auto kFields = fields(field(1, &CommandError::request_id), field(2, &CommandError::error),
                                         field(3, &CommandError::message));
};

/// What all requests about transactions begin with: enough to refuse one.
struct TransactionRequest {
  static constexpr std::string_view kName = "TransactionRequest";
  std::uint64_t request_id = 0;
  static constexpr auto kFields = fields(field(1, &TransactionRequest::request_id));
};

}  // namespace geminga::wire::pulsar

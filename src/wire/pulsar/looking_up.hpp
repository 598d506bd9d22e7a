#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/types.hpp"

/// Where a topic is served, and which topics there are.
namespace geminga::wire::pulsar {

struct CommandPartitionedTopicMetadata {
  static constexpr std::string_view kName = "CommandPartitionedTopicMetadata";
  std::string_view topic;
  std::uint64_t request_id = 0;
  Optional<std::string_view> original_principal;
  Optional<std::string_view> original_auth_data;
  Optional<std::string_view> original_auth_method;
  Optional<bool> metadata_auto_creation_enabled = Default{true};
  static constexpr auto kFields =
      fields(field(1, &CommandPartitionedTopicMetadata::topic),
             field(2, &CommandPartitionedTopicMetadata::request_id),
             field(3, &CommandPartitionedTopicMetadata::original_principal),
             field(4, &CommandPartitionedTopicMetadata::original_auth_data),
             field(5, &CommandPartitionedTopicMetadata::original_auth_method),
             field(6, &CommandPartitionedTopicMetadata::metadata_auto_creation_enabled));
};

enum class PartitionedMetadataResult : std::uint8_t { success = 0, failed = 1 };
constexpr PartitionedMetadataResult last_of(PartitionedMetadataResult) {
  return PartitionedMetadataResult::failed;
}

struct CommandPartitionedTopicMetadataResponse {
  static constexpr std::string_view kName = "CommandPartitionedTopicMetadataResponse";
  Optional<std::uint32_t> partitions;  ///< 0 for a topic that has none
  std::uint64_t request_id = 0;
  Optional<PartitionedMetadataResult> response;
  Optional<ServerError> error;
  Optional<std::string_view> message;
  static constexpr auto kFields = fields(field(1, &CommandPartitionedTopicMetadataResponse::partitions),
                                         field(2, &CommandPartitionedTopicMetadataResponse::request_id),
                                         field(3, &CommandPartitionedTopicMetadataResponse::response),
                                         field(4, &CommandPartitionedTopicMetadataResponse::error),
                                         field(5, &CommandPartitionedTopicMetadataResponse::message));
};

struct CommandLookupTopic {
  static constexpr std::string_view kName = "CommandLookupTopic";
  std::string_view topic;
  std::uint64_t request_id = 0;
  Optional<bool> authoritative;
  Optional<std::string_view> original_principal;
  Optional<std::string_view> original_auth_data;
  Optional<std::string_view> original_auth_method;
  Optional<std::string_view> advertised_listener_name;
  Repeated<KeyValue> properties;
  static constexpr auto kFields = fields(
      field(1, &CommandLookupTopic::topic), field(2, &CommandLookupTopic::request_id),
      field(3, &CommandLookupTopic::authoritative), field(4, &CommandLookupTopic::original_principal),
      field(5, &CommandLookupTopic::original_auth_data), field(6, &CommandLookupTopic::original_auth_method),
      field(7, &CommandLookupTopic::advertised_listener_name), field(8, &CommandLookupTopic::properties));
};

enum class LookupResult : std::uint8_t { redirect = 0, connect = 1, failed = 2 };
constexpr LookupResult last_of(LookupResult) {
  return LookupResult::failed;
}

struct CommandLookupTopicResponse {
  static constexpr std::string_view kName = "CommandLookupTopicResponse";
  Optional<std::string_view> broker_service_url;
  Optional<std::string_view> broker_service_url_tls;
  Optional<LookupResult> response;
  std::uint64_t request_id = 0;
  Optional<bool> authoritative;
  Optional<ServerError> error;
  Optional<std::string_view> message;
  Optional<bool> proxy_through_service_url;
  static constexpr auto kFields = fields(
      field(1, &CommandLookupTopicResponse::broker_service_url),
      field(2, &CommandLookupTopicResponse::broker_service_url_tls),
      field(3, &CommandLookupTopicResponse::response), field(4, &CommandLookupTopicResponse::request_id),
      field(5, &CommandLookupTopicResponse::authoritative), field(6, &CommandLookupTopicResponse::error),
      field(7, &CommandLookupTopicResponse::message),
      field(8, &CommandLookupTopicResponse::proxy_through_service_url));
};

enum class TopicsMode : std::uint8_t { persistent = 0, non_persistent = 1, all = 2 };
constexpr TopicsMode last_of(TopicsMode) {
  return TopicsMode::all;
}

struct CommandGetTopicsOfNamespace {
  static constexpr std::string_view kName = "CommandGetTopicsOfNamespace";
  std::uint64_t request_id = 0;
  std::string_view namespace_name;
  Optional<TopicsMode> mode;
  Optional<std::string_view> topics_pattern;
  Optional<std::string_view> topics_hash;  ///< of the list that the client has
  Repeated<KeyValue> properties;
  static constexpr auto kFields = fields(field(1, &CommandGetTopicsOfNamespace::request_id),
                                         field(2, &CommandGetTopicsOfNamespace::namespace_name),
                                         field(3, &CommandGetTopicsOfNamespace::mode),
                                         field(4, &CommandGetTopicsOfNamespace::topics_pattern),
                                         field(5, &CommandGetTopicsOfNamespace::topics_hash),
                                         field(6, &CommandGetTopicsOfNamespace::properties));
};

struct CommandGetTopicsOfNamespaceResponse {
  static constexpr std::string_view kName = "CommandGetTopicsOfNamespaceResponse";
  std::uint64_t request_id = 0;
  Repeated<std::string_view> topics;
  Optional<bool> filtered;  ///< by the pattern already
  Optional<std::string_view> topics_hash;
  Optional<bool> changed = Default{true};  ///< false: as in the hash, and `topics` is empty
  static constexpr auto kFields = fields(field(1, &CommandGetTopicsOfNamespaceResponse::request_id),
                                         field(2, &CommandGetTopicsOfNamespaceResponse::topics),
                                         field(3, &CommandGetTopicsOfNamespaceResponse::filtered),
                                         field(4, &CommandGetTopicsOfNamespaceResponse::topics_hash),
                                         field(5, &CommandGetTopicsOfNamespaceResponse::changed));
};

struct CommandWatchTopicList {
  static constexpr std::string_view kName = "CommandWatchTopicList";
  std::uint64_t request_id = 0;
  std::uint64_t watcher_id = 0;
  std::string_view namespace_name;
  std::string_view topics_pattern;
  Optional<std::string_view> topics_hash;  ///< when the client comes back
  static constexpr auto kFields =
      fields(field(1, &CommandWatchTopicList::request_id), field(2, &CommandWatchTopicList::watcher_id),
             field(3, &CommandWatchTopicList::namespace_name),
             field(4, &CommandWatchTopicList::topics_pattern), field(5, &CommandWatchTopicList::topics_hash));
};

struct CommandWatchTopicListSuccess {
  static constexpr std::string_view kName = "CommandWatchTopicListSuccess";
  std::uint64_t request_id = 0;
  std::uint64_t watcher_id = 0;
  Repeated<std::string_view> topic;
  std::string_view topics_hash;
  static constexpr auto kFields = fields(field(1, &CommandWatchTopicListSuccess::request_id),
                                         field(2, &CommandWatchTopicListSuccess::watcher_id),
                                         field(3, &CommandWatchTopicListSuccess::topic),
                                         field(4, &CommandWatchTopicListSuccess::topics_hash));
};

struct CommandWatchTopicUpdate {
  static constexpr std::string_view kName = "CommandWatchTopicUpdate";
  std::uint64_t watcher_id = 0;
  Repeated<std::string_view> new_topics;
  Repeated<std::string_view> deleted_topics;
  std::string_view topics_hash;
  static constexpr auto kFields = fields(
      field(1, &CommandWatchTopicUpdate::watcher_id), field(2, &CommandWatchTopicUpdate::new_topics),
      field(3, &CommandWatchTopicUpdate::deleted_topics), field(4, &CommandWatchTopicUpdate::topics_hash));
};

struct CommandWatchTopicListClose {
  static constexpr std::string_view kName = "CommandWatchTopicListClose";
  std::uint64_t request_id = 0;
  std::uint64_t watcher_id = 0;
  static constexpr auto kFields = fields(field(1, &CommandWatchTopicListClose::request_id),
                                         field(2, &CommandWatchTopicListClose::watcher_id));
};

}  // namespace geminga::wire::pulsar

#include "bus/environment.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/try.hpp"

namespace geminga::bus {

namespace {

struct MqType {
  std::string_view type;
  std::string_view scheme;
  std::string_view address_example;
};

constexpr std::array<MqType, 6> kMqTypes = {{
    {"pulsar", "pulsar://", "pulsar://localhost:6650"},
    {"kafka", "kafka://", "localhost:9092"},
    {"rmq", "rocketmq://", "localhost:9876"},
    {"nsq", "nsq://", "localhost:4150"},
    {"nats", "nats://", "localhost:4222"},
    {"embedded", "embedded:", "./geminga-data"},
}};

/// nullopt where it is not set; an error where it is set to nothing.
Result<std::optional<std::string>> read(const Environment& environment, std::string_view name) {
  auto value = environment(name);
  if (value && value->empty())
    return fail(ErrorCode::config_error, fmt::format("{} is empty; set it or unset it", name));
  return value;
}

Result<bool> read_switch(const Environment& environment, std::string_view name) {
  GEMINGA_TRY(auto value, read(environment, name));
  if (!value) return false;
  std::ranges::transform(*value, value->begin(), [](unsigned char c) { return std::tolower(c); });
  if (*value == "true" || *value == "1" || *value == "yes" || *value == "on") return true;
  if (*value == "false" || *value == "0" || *value == "no" || *value == "off") return false;
  return fail(ErrorCode::config_error, fmt::format("{}={} is neither true nor false", name, *value));
}

Result<std::string> read_needed(const Environment& environment, std::string_view name,
                                std::string_view because, std::string_view example) {
  GEMINGA_TRY(auto value, read(environment, name));
  if (!value)
    return fail(ErrorCode::config_error,
                fmt::format("{} needs {}, e.g. {}={}", because, name, name, example));
  return std::move(*value);
}

std::string with_scheme(std::string_view scheme, std::string address) {
  return address.contains("://") || address.starts_with(scheme) ? address : std::string(scheme) + address;
}

Result<BusChoice> from_mq_type(const Environment& environment, const std::string& type) {
  const auto known = std::ranges::find(kMqTypes, std::string_view(type), &MqType::type);
  if (known == kMqTypes.end())
    return fail(
        ErrorCode::config_error,
        fmt::format("COZE_MQ_TYPE={} is unknown; known: pulsar, kafka, rmq, nsq, nats, embedded", type));
  GEMINGA_TRY(auto address,
              read_needed(environment, "MQ_NAME_SERVER", "COZE_MQ_TYPE=" + type, known->address_example));
  return BusChoice{with_scheme(known->scheme, std::move(address)),
                   fmt::format("COZE_MQ_TYPE={} and MQ_NAME_SERVER", type)};
}

Result<BusChoice> from_kafka(const Environment& environment, std::string_view because) {
  GEMINGA_TRY(auto brokers, read_needed(environment, "KAFKA_BROKERS", because, "localhost:9092"));
  return BusChoice{with_scheme("kafka://", std::move(brokers)), fmt::format("{} and KAFKA_BROKERS", because)};
}

}  // namespace

Result<BusChoice> choose_bus(const Environment& environment, std::string_view fallback_url) {
  GEMINGA_TRY(const auto type, read(environment, "COZE_MQ_TYPE"));
  if (type) return from_mq_type(environment, *type);

  GEMINGA_TRY(const bool pulsar, read_switch(environment, "ENABLE_PULSAR"));
  GEMINGA_TRY(const bool kafka, read_switch(environment, "ENABLE_KAFKA"));
  GEMINGA_TRY(const bool kafka_on_pulsar, read_switch(environment, "USE_PULSAR_KOP"));
  if (kafka_on_pulsar) return from_kafka(environment, "USE_PULSAR_KOP=true");
  if (pulsar) {
    GEMINGA_TRY(auto url, read_needed(environment, "PULSAR_SERVICE_URL", "ENABLE_PULSAR=true",
                                      "pulsar://localhost:6650"));
    return BusChoice{with_scheme("pulsar://", std::move(url)), "ENABLE_PULSAR=true and PULSAR_SERVICE_URL"};
  }
  if (kafka) return from_kafka(environment, "ENABLE_KAFKA=true");
  return BusChoice{std::string(fallback_url), "no bus in the environment"};
}

}  // namespace geminga::bus

namespace geminga {

Result<BusChoice> Bus::choose_from_environment(std::string_view fallback_url) {
  return bus::choose_bus(
      [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      fallback_url);
}

}  // namespace geminga

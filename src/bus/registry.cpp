#include "bus/registry.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace geminga::bus {

namespace {

/// Named in the design and in the environment variables; each joins the table of schemes when it is built.
constexpr std::array<std::string_view, 6> kPlanned = {"pulsar",   "pulsar+ssl", "kafka",
                                                      "rocketmq", "nsq",        "nats"};

std::string built_in(std::span<const EngineScheme> schemes) {
  std::string list;
  for (const EngineScheme& known : schemes)
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", known.scheme, known.example);
  return list;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_engine(std::span<const EngineScheme> schemes, std::string_view url,
                                            const BusOptions& options) {
  if (url.empty())
    return fail(ErrorCode::invalid_argument, fmt::format("empty bus address; known: {}", built_in(schemes)));
  const auto colon = url.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return fail(ErrorCode::invalid_argument,
                fmt::format("bus address '{}' has no scheme; known: {}", url, built_in(schemes)));
  const std::string_view scheme = url.substr(0, colon);
  const auto known = std::ranges::find(schemes, scheme, &EngineScheme::scheme);
  if (known != schemes.end()) return known->open(url, options);
  if (std::ranges::find(kPlanned, scheme) != kPlanned.end())
    return fail(
        ErrorCode::unknown_scheme,
        fmt::format("the {} engine is not built into this version; built: {}", scheme, built_in(schemes)));
  return fail(ErrorCode::unknown_scheme,
              fmt::format("unknown bus scheme '{}'; known: {}", scheme, built_in(schemes)));
}

}  // namespace geminga::bus

#pragma once

#include <string_view>

#include "wire/pulsar/frame.hpp"

namespace geminga::doors::pulsar {

class Session;

/// What becomes of a command; table.cpp has a row for each that there is.
void run(Session& session, const ::geminga::wire::pulsar::Frame& frame);

enum class Support : std::uint8_t {
  served,
  refused,      ///< answered with an error that says why
  broker_only,  ///< what only a broker sends; from a client it ends the connection
};
/// For documents and tests.
[[nodiscard]] Support support(::geminga::wire::pulsar::CommandType type);
/// Why it is refused; else empty.
[[nodiscard]] std::string_view refusal(::geminga::wire::pulsar::CommandType type);

}  // namespace geminga::doors::pulsar

#pragma once

#include <geminga/error.hpp>

#include "wire/pulsar/types.hpp"

namespace geminga::doors::pulsar {

/// A column of the table of error codes.
[[nodiscard]] inline ::geminga::wire::pulsar::ServerError server_error(ErrorCode code) noexcept {
  return static_cast<::geminga::wire::pulsar::ServerError>(error_info(code).pulsar_server_error);
}

}  // namespace geminga::doors::pulsar

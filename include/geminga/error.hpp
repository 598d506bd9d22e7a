#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <geminga/export.hpp>

namespace geminga {

/// What went wrong, from the one table in error_codes.def. Numbers are stable; texts are not an interface.
enum class ErrorCode : std::uint16_t {
#define GEMINGA_ERROR(name, number, retryable, http, pulsar, kafka, meaning) name = number,
#include <geminga/error_codes.def>
#undef GEMINGA_ERROR
};

/// A row of the table.
struct ErrorInfo {
  ErrorCode code;
  std::string_view name;
  bool retryable;           ///< the same call may succeed later without a change
  int http_status;          ///< what our HTTP doors answer
  int pulsar_server_error;  ///< Pulsar's ServerError number
  int kafka_error_code;
  std::string_view meaning;
};

/// Any thread; the result lives for ever.
GEMINGA_API const ErrorInfo& error_info(ErrorCode code) noexcept;

/// An error as a value. `message` names the thing, the cause and the remedy; it is for people, never for
/// parsing.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;

  [[nodiscard]] bool retryable() const noexcept { return error_info(code).retryable; }
  [[nodiscard]] std::string_view name() const noexcept { return error_info(code).name; }

  /// The same error with where it happened in front: "open segment 17: ...". Used where a module boundary is
  /// crossed.
  [[nodiscard]] Error with(std::string_view context) const {
    return Error{code, std::string(context) + ": " + message};
  }
};

/// Every call that can fail returns one. `value()` throws std::bad_expected_access for those who prefer
/// exceptions.
template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(ErrorCode::not_found, "topic 'x' does not exist");`
inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

}  // namespace geminga

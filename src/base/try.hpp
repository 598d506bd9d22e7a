#pragma once

#include <utility>

#include <geminga/error.hpp>

#define GEMINGA_CONCAT_INNER(a, b) a##b
#define GEMINGA_CONCAT(a, b) GEMINGA_CONCAT_INNER(a, b)

/// GEMINGA_TRY(auto file, open(path)); returns the error to the caller, or assigns the value. The one
/// control-flow macro.
#define GEMINGA_TRY(declaration, expression) \
  GEMINGA_TRY_INNER(declaration, expression, GEMINGA_CONCAT(geminga_try_, __LINE__))
#define GEMINGA_TRY_INNER(declaration, expression, result)                          \
  auto result = (expression);                                                       \
  if (!result) return std::unexpected<::geminga::Error>(std::move(result).error()); \
  declaration = *std::move(result)

/// The same for Result<void>.
#define GEMINGA_TRY_VOID(expression)                                                   \
  do {                                                                                 \
    if (auto geminga_try_result = (expression); !geminga_try_result)                   \
      return std::unexpected<::geminga::Error>(std::move(geminga_try_result).error()); \
  } while (false)

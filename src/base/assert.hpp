#pragma once

namespace geminga::base {

/// Prints where and what, then aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace geminga::base

/// On in every build. It means a bug of ours; nothing that a peer, a file or a user sends may ever reach it.
#define GEMINGA_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::geminga::base::assertion_failed(#expression, __FILE__, __LINE__))

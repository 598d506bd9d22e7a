#pragma once

#include <chrono>

#include "base/await.hpp"

namespace geminga::engines::embedded {

/// The broker answers as soon as a disk allows; a call that waits longer says so instead of hanging.
inline constexpr std::chrono::milliseconds kStepTimeout{30'000};

template <class T, class Start>
Result<T> wait(const char* what, Start&& start) {
  return base::await<T>(std::forward<Start>(start), kStepTimeout, what);
}

/// What was closed before is closed.
inline Result<> ignore_closed(Result<> result) {
  return !result && result.error().code == ErrorCode::closed ? Result<>{} : result;
}

}  // namespace geminga::engines::embedded

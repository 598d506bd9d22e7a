#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <geminga/error.hpp>

#include "base/later.hpp"

namespace geminga::base {

/// Turns a call with a callback into one that waits: `start` gets the callback. Never on a thread that the
/// callback needs. A callback that comes after the time-out is dropped. Errors: timeout (`what` says of
/// what), and what the call itself answers.
template <class T, class Start>
Result<T> await(Start&& start, std::chrono::milliseconds timeout, const char* what) {
  struct State {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<T>> result;
  };
  auto state = std::make_shared<State>();
  std::forward<Start>(start)([state](Result<T> result) {
    // Notified under the lock, which the state outlives.
    const std::lock_guard lock(state->mutex);
    state->result = std::move(result);
    state->ready.notify_all();
  });
  std::unique_lock lock(state->mutex);
  const auto deadline = later(std::chrono::steady_clock::now(), timeout);
  if (!state->ready.wait_until(lock, deadline, [&] { return state->result.has_value(); }))
    return fail(ErrorCode::timeout, std::string("no answer in time: ") + what);
  return std::move(*state->result);
}

}  // namespace geminga::base

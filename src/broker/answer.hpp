#pragma once

#include <utility>

#include "broker/broker.hpp"

namespace geminga::broker {

[[nodiscard]] inline Error broker_closed() {
  return {ErrorCode::closed, "the embedded engine was closed"};
}

/// The duty to call a Done once. Dropped without an answer, as by a loop that has stopped, it says `closed`.
template <class T>
class Answer {
 public:
  Answer(Done<T> done) : done_(std::move(done)) {}  // NOLINT: meant to convert
  Answer(Answer&& other) noexcept : done_(std::exchange(other.done_, nullptr)) {}
  Answer& operator=(Answer&& other) noexcept {
    if (this != &other) {
      drop();
      done_ = std::exchange(other.done_, nullptr);
    }
    return *this;
  }
  ~Answer() { drop(); }

  void operator()(Result<T> result) {
    if (Done<T> done = std::exchange(done_, nullptr)) done(std::move(result));
  }
  void operator()(std::unexpected<Error> error) { (*this)(Result<T>(std::move(error))); }

 private:
  void drop() {
    if (done_) (*this)(std::unexpected(broker_closed()));
  }
  Done<T> done_;
};

}  // namespace geminga::broker

#pragma once

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace geminga::sim {

/// A promise that the broker did not keep; ends the run.
class Breach : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void breach(fmt::format_string<Args...> format, Args&&... args) {
  throw Breach(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace geminga::sim

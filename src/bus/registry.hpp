#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bus/engine.hpp"

namespace geminga::bus {

/// An engine that is built into the program, by the scheme of its URLs.
struct EngineScheme {
  std::string_view scheme;   ///< "embedded"
  std::string_view example;  ///< "embedded:./data", for error texts
  Result<std::unique_ptr<Engine>> (*open)(std::string_view url, const BusOptions& options);
};

/// Opens the engine that the URL's scheme names. Errors: invalid_argument (empty, without a scheme),
/// unknown_scheme (lists `schemes`), and what the engine returns.
Result<std::unique_ptr<Engine>> open_engine(std::span<const EngineScheme> schemes, std::string_view url,
                                            const BusOptions& options);

}  // namespace geminga::bus

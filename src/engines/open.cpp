#include <array>
#include <cstdlib>

#include <geminga/bus.hpp>

#include "base/log.hpp"
#include "base/try.hpp"
#include "bus/registry.hpp"
#include "engines/embedded/embedded.hpp"

namespace geminga {

namespace {

/// Every engine of this program; adding one is a line here.
constexpr std::array kSchemes = {
    bus::EngineScheme{"embedded", "embedded:./data", engines::embedded::open_url},
};

}  // namespace

Result<Bus> Bus::open(std::string_view url, BusOptions options) {
  GEMINGA_TRY(auto engine, bus::open_engine(kSchemes, url, options));
  return bus::make_bus(std::move(engine), std::move(options));
}

Result<Bus> Bus::open_from_environment(std::string_view fallback_url, BusOptions options) {
  GEMINGA_TRY(const auto choice, choose_from_environment(fallback_url));
  log::info("bus", "bus {}: {}", choice.url, choice.reason);
  auto opened = open(choice.url, std::move(options));
  if (!opened) return std::unexpected(opened.error().with("bus chosen because of " + choice.reason));
  return opened;
}

}  // namespace geminga

#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include <geminga/bus.hpp>

#include "broker/broker.hpp"
#include "bus/engine.hpp"

namespace geminga::engines::embedded {

/// The directory of "embedded:DIR" or "embedded://DIR". Errors: invalid_argument (it names none).
Result<std::filesystem::path> directory_of(std::string_view url);

/// `embedded:DIR`. Errors: invalid_argument (no directory), and those of Broker::open.
Result<std::unique_ptr<bus::Engine>> open_url(std::string_view url, const BusOptions& options);

/// For a program that has the broker itself, as `serve` does: doors use the broker, all else the bus, one
/// directory under both.
std::unique_ptr<bus::Engine> make_engine(std::shared_ptr<broker::Broker> broker, std::string url);

/// Opens the directory once and gives both. Closing the bus closes the broker.
struct Opened {
  Bus bus;
  std::shared_ptr<broker::Broker> broker;
};
Result<Opened> open(broker::BrokerOptions broker_options, BusOptions bus_options = {});

}  // namespace geminga::engines::embedded

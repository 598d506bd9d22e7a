// What this bus can do, and what happens when one asks for what it cannot.
#include <iostream>

#include <geminga/bus.hpp>

int main(int argc, char** argv) {
  auto bus = geminga::Bus::open(argc > 1 ? argv[1] : "embedded:./capabilities-data").value();
  for (std::size_t i = 0; i < geminga::kFeatureCount; ++i) {
    const auto feature = static_cast<geminga::Feature>(i);
    std::cout << to_string(feature) << ": " << to_string(bus.capabilities().of(feature).support) << '\n';
  }

  // What cannot be had is said with its reason before anybody builds on it.
  const auto& login = bus.capabilities().of(geminga::Feature::authentication);
  std::cout << "why not authentication: " << login.reason << '\n';

  const auto elsewhere = geminga::Bus::open("carrier-pigeon://roof");
  std::cout << elsewhere.error().message << '\n';
}

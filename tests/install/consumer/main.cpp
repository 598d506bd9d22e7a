#include <cstdio>

#include <geminga/bus.hpp>

int main() {
  const auto bus = geminga::Bus::open("nope:somewhere");
  if (bus || bus.error().code != geminga::ErrorCode::unknown_scheme) return 1;
  std::printf("refused: %s\n", bus.error().message.c_str());
  return 0;
}

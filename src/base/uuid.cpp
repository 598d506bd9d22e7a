#include "base/uuid.hpp"

#include <array>
#include <cctype>
#include <cstdint>
#include <sys/random.h>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/clock.hpp"

namespace geminga::base {

namespace {

using Bytes = std::array<std::uint8_t, 16>;

Bytes random_bytes() {
  Bytes bytes{};
  GEMINGA_ASSERT(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

std::string text_of(Bytes bytes, std::uint8_t version) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | (version << 4U));
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace

std::string random_uuid() {
  return text_of(random_bytes(), 4);
}

std::string ordered_uuid() {
  auto bytes = random_bytes();
  auto time = static_cast<std::uint64_t>(Clock::system().wall_now().time_since_epoch().count());
  for (std::size_t i = 6; i-- > 0; time >>= 8U) bytes[i] = static_cast<std::uint8_t>(time);
  return text_of(bytes, 7);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

}  // namespace geminga::base

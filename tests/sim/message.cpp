#include "message.hpp"

#include <charconv>

#include "breach.hpp"

namespace geminga::sim {

Places to_places(const broker::AckBits& bits) {
  Places places;
  for (std::uint32_t at = 0; at < bits.size() * 64; ++at) {
    if ((bits[at / 64] >> at % 64 & 1) != 0) places.insert(at);
  }
  return places;
}

broker::AckBits to_bits(const Places& places) {
  broker::AckBits bits(places.empty() ? 0 : *places.rbegin() / 64 + 1);
  for (const std::uint32_t at : places) bits[at / 64] |= std::uint64_t{1} << at % 64;
  return bits;
}

std::string Message::body() const {
  std::string text = fmt::format("m{} ", number);
  text.resize(text.size() + bytes, static_cast<char>('a' + number % 26));
  return text;
}

std::uint64_t Message::number_in(std::string_view body) {
  std::uint64_t number = 0;
  const auto space = body.find(' ');
  if (body.starts_with('m') && space != std::string_view::npos) {
    const auto [end, error] = std::from_chars(body.data() + 1, body.data() + space, number);
    if (error == std::errc{} && end == body.data() + space) return number;
  }
  breach("a message that nobody sent: '{}'", body.substr(0, 40));
}

}  // namespace geminga::sim

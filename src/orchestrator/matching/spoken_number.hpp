#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/matching/tokens.hpp"

namespace geminga::orchestrator {

/// What a word of a number is.
enum class Part : std::uint8_t { digits, unit, teen, tens, hundred, scale, dozen };

struct Piece {
  Part part = Part::digits;
  std::uint64_t value = 0;  ///< of hundred and scale: how many zeros
  std::string_view digits{};
};

/// hundred, dozen, thousand, ...
bool multiplies(const Piece& piece);
/// What the number words of a token are, of "twenty-five" two; empty where it is no number. They live as long
/// as the token.
std::vector<Piece> pieces_of(const Token& token);

/// A number in words or digits, and what it would be with its neighbours.
struct Number {
  std::string text;
  double lead = 0;  ///< of its first group: 50 of "fifty thousand"
  double size = 0;
  double unit = 1;  ///< what its last word counts: 100 of "two hundred"
  bool scaled = false;
  bool of_words = false;
};

/// The one number that all the pieces say; nothing where they say none, or could say two. `article`: "a"
/// stands before them, as in "a hundred".
std::optional<Number> number_of_pieces(const std::vector<Piece>& pieces, bool article);

}  // namespace geminga::orchestrator

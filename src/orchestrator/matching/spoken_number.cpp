#include "orchestrator/matching/spoken_number.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "orchestrator/matching/ascii.hpp"

namespace geminga::orchestrator {
namespace {

using std::string_view;

struct NumberWord {
  string_view word;
  Part part;
  std::uint64_t value;  // of a scale: how many zeros
};
constexpr NumberWord kNumberWords[] = {
    {"zero", Part::unit, 0},       {"one", Part::unit, 1},        {"two", Part::unit, 2},
    {"three", Part::unit, 3},      {"four", Part::unit, 4},       {"five", Part::unit, 5},
    {"six", Part::unit, 6},        {"seven", Part::unit, 7},      {"eight", Part::unit, 8},
    {"nine", Part::unit, 9},       {"ten", Part::teen, 10},       {"eleven", Part::teen, 11},
    {"twelve", Part::teen, 12},    {"thirteen", Part::teen, 13},  {"fourteen", Part::teen, 14},
    {"fifteen", Part::teen, 15},   {"sixteen", Part::teen, 16},   {"seventeen", Part::teen, 17},
    {"eighteen", Part::teen, 18},  {"nineteen", Part::teen, 19},  {"twenty", Part::tens, 20},
    {"thirty", Part::tens, 30},    {"forty", Part::tens, 40},     {"fifty", Part::tens, 50},
    {"sixty", Part::tens, 60},     {"seventy", Part::tens, 70},   {"eighty", Part::tens, 80},
    {"ninety", Part::tens, 90},    {"hundred", Part::hundred, 2}, {"hundreds", Part::hundred, 2},
    {"dozen", Part::dozen, 0},     {"dozens", Part::dozen, 0},    {"thousand", Part::scale, 3},
    {"thousands", Part::scale, 3}, {"million", Part::scale, 6},   {"millions", Part::scale, 6},
    {"billion", Part::scale, 9},   {"billions", Part::scale, 9},  {"trillion", Part::scale, 12},
    {"trillions", Part::scale, 12}};
std::uint64_t power_of_ten(std::uint64_t zeros) {
  std::uint64_t value = 1;
  for (; zeros > 0; --zeros) value *= 10;
  return value;
}

/// "2.5" with 6 zeros: "2500000". Exact, of any length.
std::string shifted(string_view digits, std::uint64_t zeros) {
  const std::size_t point = digits.find('.');
  std::string whole(digits.substr(0, point));
  std::string rest(point == string_view::npos ? string_view() : digits.substr(point + 1));
  for (; zeros > 0; --zeros) {
    whole += rest.empty() ? '0' : rest.front();
    if (!rest.empty()) rest.erase(0, 1);
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  return rest.empty() ? whole : whole + "." + rest;
}

/// Reads the pieces of one number; nothing where they make none, or more than one.
class PieceReader {
 public:
  PieceReader(const std::vector<Piece>& pieces, bool article) : pieces_(pieces), article_(article) {}

  std::optional<Number> read() {
    if (pieces_.front().part == Part::digits && (pieces_.size() == 1 || only_zeros_follow()))
      return digits_and_scales();
    number_.of_words = true;
    while (at_ < pieces_.size())
      if (!take_group()) return std::nullopt;
    number_.text = std::to_string(total_);
    number_.size = static_cast<double>(total_);
    return number_;
  }

 private:
  [[nodiscard]] bool is(Part part) const { return at_ < pieces_.size() && pieces_[at_].part == part; }

  [[nodiscard]] bool only_zeros_follow() const {
    return pieces_.size() <= 3 && (pieces_[1].part == Part::hundred || pieces_[1].part == Part::scale) &&
           (pieces_.size() == 2 || (pieces_[1].part == Part::hundred && pieces_[2].part == Part::scale));
  }

  Number digits_and_scales() {
    number_.text = std::string(pieces_.front().digits);
    number_.lead = std::strtod(number_.text.c_str(), nullptr);
    number_.scaled = pieces_.size() > 1;
    for (std::size_t i = 1; i < pieces_.size(); ++i) {
      number_.text = shifted(number_.text, pieces_[i].value);
      number_.unit = static_cast<double>(power_of_ten(pieces_[i].value));
    }
    number_.size = std::strtod(number_.text.c_str(), nullptr);
    return number_;
  }

  /// Below a hundred; nothing where none stands here.
  std::optional<std::uint64_t> take_small() {
    if (is(Part::unit) || is(Part::teen)) return pieces_[at_++].value;
    if (!is(Part::tens)) return std::nullopt;
    const std::uint64_t tens = pieces_[at_++].value;
    return is(Part::unit) && pieces_[at_].value > 0 ? tens + pieces_[at_++].value : tens;
  }

  /// The digits of a group are below a thousand, and a scale follows: 2 million 500 thousand.
  std::optional<std::uint64_t> take_digits() {
    const string_view digits = pieces_[at_].digits;
    if (!only_digits(digits) || digits.size() > 3 || at_ + 1 == pieces_.size()) return std::nullopt;
    ++at_;
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }

  bool take_group() {
    const bool first = at_ == 0;
    std::optional<std::uint64_t> group = is(Part::digits) ? take_digits() : take_small();
    if (!group && first && article_) group = 1;
    if (!group || (*group == 0 && pieces_.size() > 1)) return false;
    double unit = 1;
    if (is(Part::hundred)) {
      if (*group > 99) return false;
      group = *group * 100;
      unit = 100;
      ++at_;
      if (const auto rest = take_small()) {
        if (*rest == 0) return false;
        group = *group + *rest;
        unit = 1;
      }
      number_.scaled = true;
    }
    if (first) number_.lead = static_cast<double>(*group);
    std::uint64_t scale = 1;
    if (is(Part::dozen)) {
      scale = 12;
      unit = 12;
      number_.scaled = true;
      ++at_;
    } else if (is(Part::scale)) {
      scale = power_of_ten(pieces_[at_++].value);
      unit = static_cast<double>(scale);
      number_.scaled = true;
    }
    if (*group > 9'999 || scale >= scale_before_ || (scale < 1'000 && at_ < pieces_.size())) return false;
    scale_before_ = scale;
    number_.unit = unit;
    total_ += *group * scale;
    return true;
  }

  const std::vector<Piece>& pieces_;
  bool article_;
  std::size_t at_ = 0;
  Number number_;
  std::uint64_t total_ = 0;
  std::uint64_t scale_before_ = power_of_ten(15);
};

}  // namespace

bool multiplies(const Piece& piece) {
  return piece.part == Part::hundred || piece.part == Part::scale || piece.part == Part::dozen;
}

std::vector<Piece> pieces_of(const Token& token) {
  if (token.kind == TokenKind::number) return {{.part = Part::digits, .digits = token.value}};
  if (token.kind != TokenKind::word) return {};
  std::vector<Piece> pieces;
  const std::string lower = lowered(token.text);
  for (string_view rest = lower; !rest.empty();) {
    const string_view word = rest.substr(0, rest.find('-'));
    const auto* const found = std::ranges::find(kNumberWords, word, &NumberWord::word);
    if (found == std::end(kNumberWords)) return {};
    pieces.push_back({.part = found->part, .value = found->value});
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  return pieces;
}

std::optional<Number> number_of_pieces(const std::vector<Piece>& pieces, bool article) {
  return PieceReader(pieces, article).read();
}

}  // namespace geminga::orchestrator

#include "orchestrator/matching/number_words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/spoken_number.hpp"

namespace geminga::orchestrator {
namespace {

using std::string_view;

// Behind a number they say that it is another one: 5 k, 5 M.
constexpr std::array<string_view, 9> kShortScales = {"k", "K", "M", "B", "bn", "mn", "mln", "mio", "Mio"};
constexpr std::array<string_view, 12> kOrdinals = {"first", "third",    "fourth",  "fifth",
                                                   "sixth", "seventh",  "eighth",  "ninth",
                                                   "tenth", "eleventh", "twelfth", "half"};
constexpr std::array<string_view, 5> kOrdinalEnds = {"teenth", "tieth", "dredth", "sandth", "lionth"};
// What a "minus" may follow that says a sign. Behind anything else it may take something away.
constexpr std::array<string_view, 28> kBeforeSigns = {
    "of",       "is",       "are",    "to",      "from", "and",    "or",    "at",   "by",    "with",
    "between",  "for",      "than",   "be",      "was",  "equals", "equal", "plus", "times", "add",
    "subtract", "multiply", "divide", "convert", "in",   "on",     "set",   "as"};

template <std::size_t N>
bool is_one_of(string_view text, const std::array<string_view, N>& list) {
  return std::ranges::find(list, text) != list.end();
}

/// Tokens of a sentence that say a number, from `first` to before `last`.
struct Phrase {
  std::size_t first = 0;
  std::size_t last = 0;
  std::optional<Number> number;  // nothing: it could be two things
  bool bare = false;             // "millions" of things, "one" of them: a word like others
};

class NumberReader {
 public:
  NumberReader(std::vector<Token>& tokens, string_view sentence) : tokens_(tokens), sentence_(sentence) {}

  void run() {
    find_phrases();
    join_by_and();
    for (std::size_t i = 0; i < phrases_.size(); ++i)
      if (is_changed_by_what_follows(phrases_[i]) || is_start_of_range(i)) phrases_[i].number.reset();
    for (Phrase& phrase : phrases_) take_sign(phrase);
    write();
  }

 private:
  /// The token stands there and is `word`, in whatever case.
  [[nodiscard]] bool says(std::size_t i, string_view word) const {
    return i < tokens_.size() && tokens_[i].text.size() == word.size() &&
           starts_with_ignoring_case(tokens_[i].text, word);
  }
  /// No mark stands between this token and the next.
  [[nodiscard]] bool goes_on(std::size_t i) const {
    return i + 1 < tokens_.size() && !tokens_[i].clause_ends;
  }

  /// Of these two neighbours each says a number of its own.
  static bool are_apart(const Piece& left, const Piece& right) {
    if (left.part == Part::digits) return !multiplies(right);
    return right.part == Part::digits && !multiplies(left);
  }

  void find_phrases() {
    for (std::size_t i = 0; i < tokens_.size();) {
      std::vector<Piece> pieces = pieces_of(tokens_[i]);
      const std::size_t first = i++;
      if (pieces.empty()) continue;
      while (goes_on(i - 1)) {
        const std::vector<Piece> more = pieces_of(tokens_[i]);
        if (more.empty() || are_apart(pieces.back(), more.front())) break;
        pieces.insert(pieces.end(), more.begin(), more.end());
        ++i;
      }
      add_phrase(first, i, pieces);
    }
  }

  void add_phrase(std::size_t first, std::size_t last, const std::vector<Piece>& pieces) {
    const bool digits = pieces.front().part == Part::digits;
    if (!digits && tokens_[first].capital) return;
    const bool article = first > 0 && (says(first - 1, "a") || says(first - 1, "an"));
    const bool multiplier = multiplies(pieces.front());
    const bool counts = multiplier && article && (first == 1 || !changes_an_article(first - 2));
    Phrase phrase{.first = counts ? first - 1 : first, .last = last, .number = {}};
    const bool one = pieces.front().part == Part::unit && pieces.front().value == 1;
    phrase.bare = pieces.size() == 1 && (one || (multiplier && !article));
    if (!digits || pieces.size() == 1 || is_digit(tokens_[first].text.back()))
      phrase.number = number_of_pieces(pieces, counts);
    phrases_.push_back(std::move(phrase));
  }

  /// half a million, a quarter of a million, many a hundred
  [[nodiscard]] bool changes_an_article(std::size_t i) const {
    return says(i, "half") || says(i, "of") || says(i, "many") || says(i, "quarter") || says(i, "third");
  }

  void join_by_and() {
    std::vector<Phrase> joined;
    for (Phrase& next : phrases_) {
      const bool linked = !joined.empty() && next.first == joined.back().last + 1 &&
                          says(next.first - 1, "and") && goes_on(joined.back().last - 1) &&
                          goes_on(next.first - 1);
      if (!linked || !join_to(joined.back(), next)) joined.push_back(std::move(next));
    }
    phrases_ = std::move(joined);
  }

  /// "two hundred" and "five". True where `next` has become a part of `left`.
  static bool join_to(Phrase& left, Phrase& next) {
    if (!left.number && next.number && !next.number->scaled) next.number.reset();  // "hundred and five"
    if (!left.number || !next.number || left.number->unit < 100) return false;
    Number& head = *left.number;
    const Number& tail = *next.number;
    const bool ends_in_hundred = head.unit < 1'000;
    std::uint64_t whole = 0;
    std::uint64_t rest = 0;
    const auto read = [](const std::string& text, std::uint64_t& value) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc{} && end == text.data() + text.size();
    };
    if (tail.of_words && !tail.scaled && tail.size < 100 && read(head.text, whole) && read(tail.text, rest)) {
      head.text = std::to_string(whole + rest);
      head.size += tail.size;
      head.unit = 1;
      left.last = next.last;
      left.bare = false;
      return true;
    }
    const bool two_numbers =
        tail.size >= head.unit && !(ends_in_hundred && tail.size >= 1'000 && tail.lead < 100);
    if (!two_numbers) {
      left.number.reset();
      next.number.reset();
    }
    return false;
  }

  /// "two thirds", "twenty fifth", "2 and a half", "3 1/2", "5 k", "3 point 5"
  [[nodiscard]] bool is_changed_by_what_follows(const Phrase& phrase) const {
    if (!phrase.number || !goes_on(phrase.last - 1)) return false;
    const Token& next = tokens_[phrase.last];
    const std::string word = lowered(next.text);
    if (word == "and" && goes_on(phrase.last))
      return says(phrase.last + 1, "half") || (says(phrase.last + 1, "a") && is_fraction(phrase.last + 2));
    if (word == "point") return goes_on(phrase.last) && !pieces_of(tokens_[phrase.last + 1]).empty();
    if (!phrase.number->of_words && is_one_of(next.text, kShortScales)) return true;
    if (phrase.number->of_words && word == "second")
      return phrase.number->size >= 20 && std::fmod(phrase.number->size, 10) == 0;
    return is_fraction(phrase.last) && (phrase.number->of_words || word != "first");
  }

  [[nodiscard]] bool is_fraction(std::size_t i) const {
    if (i >= tokens_.size()) return false;
    const Token& token = tokens_[i];
    if (token.kind == TokenKind::unread_number) return true;  // 1/2
    for (const string_view half : {"\xC2\xBC", "\xC2\xBD", "\xC2\xBE"})
      if (token.text == half) return true;
    std::string word = lowered(token.text);
    if (word == "halves") return true;
    if (word.ends_with('s')) word.pop_back();
    if (word == "quarter") return says(i + 1, "of") || says(i - 1, "a");
    return is_one_of(word, kOrdinals) ||
           std::ranges::any_of(kOrdinalEnds, [&](string_view end) { return word.ends_with(end); });
  }

  /// The 5 of "5 to 10 million" may be 5 million.
  [[nodiscard]] bool is_start_of_range(std::size_t i) const {
    const Phrase& from = phrases_[i];
    if (!from.number || from.number->scaled || i + 1 == phrases_.size()) return false;
    const Phrase& to = phrases_[i + 1];
    if (to.first != from.last + 1 || !to.number || !to.number->scaled) return false;
    for (const string_view word : {"to", "or", "-", "\xE2\x80\x93"})
      if (says(from.last, word)) return true;
    return says(from.last, "and") && from.first > 0 && says(from.first - 1, "between");
  }

  void take_sign(Phrase& phrase) {
    if (!phrase.number || phrase.first == 0 || tokens_[phrase.first - 1].clause_ends) return;
    const std::size_t sign = phrase.first - 1;
    if (says(sign, "point")) return phrase.number.reset();            // "point five"
    const bool dash = says(sign, "-") || says(sign, "\xE2\x88\x92");  // a minus, or a mark of a list
    if (!says(sign, "negative") && !says(sign, "minus") && !dash) return;
    const bool clause_begins = sign == 0 || tokens_[sign - 1].clause_ends;
    if (!says(sign, "negative")) {
      if (!clause_begins && is_number(sign - 1)) return;  // 10 minus 5
      const bool is_sign = clause_begins ? !dash : is_one_of(lowered(tokens_[sign - 1].text), kBeforeSigns);
      if (!is_sign) return phrase.number.reset();
    }
    if (phrase.number->text.starts_with('-')) return phrase.number.reset();
    phrase.number->text.insert(phrase.number->text.begin(), '-');
    phrase.first = sign;
    phrase.bare = false;
  }

  [[nodiscard]] bool is_number(std::size_t i) const {
    return tokens_[i].kind == TokenKind::unread_number || !pieces_of(tokens_[i]).empty();
  }

  void write() {
    std::vector<Token> out;
    out.reserve(tokens_.size());
    auto phrase = phrases_.begin();
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      out.push_back(std::move(tokens_[i]));
      while (phrase != phrases_.end() && phrase->bare) ++phrase;
      if (phrase == phrases_.end() || i != phrase->first) continue;
      const std::size_t last = phrase->last - 1;
      const Token& end = last == i ? out.back() : tokens_[last];
      const bool read = phrase->number.has_value();
      const Token copy = end;
      join(out.back(), copy, read ? TokenKind::number : TokenKind::unread_number,
           read ? phrase->number->text : std::string(), sentence_);
      i = last;
      ++phrase;
    }
    tokens_ = std::move(out);
  }

  std::vector<Token>& tokens_;
  string_view sentence_;
  std::vector<Phrase> phrases_;
};

}  // namespace

void read_number_words(std::vector<Token>& tokens, string_view sentence) {
  NumberReader(tokens, sentence).run();
}

}  // namespace geminga::orchestrator

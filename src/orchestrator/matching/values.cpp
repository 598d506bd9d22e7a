#include "orchestrator/matching/values.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/looks.hpp"
#include "orchestrator/matching/number_words.hpp"
#include "orchestrator/matching/stem.hpp"
#include "orchestrator/matching/text.hpp"

namespace geminga::orchestrator {
namespace {

using std::string_view;

constexpr std::size_t kWordsMax = 2 * kTokensMax;

void classify(Token& token) {
  token.value = token.text;
  if (token.text.starts_with("http://") || token.text.starts_with("https://")) {
    token.kind = TokenKind::url;
  } else if (token.text.starts_with("www.")) {
    token.kind = TokenKind::url;
    token.value = "https://" + token.text;
  } else if (is_email(token.text)) {
    token.kind = TokenKind::email;
  } else if (auto date = date_in(token.text)) {
    token.kind = TokenKind::date;
    token.value = *std::move(date);
  } else if (auto time = time_in(token.text)) {
    token.kind = TokenKind::time;
    token.value = *std::move(time);
  } else if (auto number = number_in(token.text)) {
    token.kind = TokenKind::number;
    token.value = *std::move(number);
  } else if (is_unread_number(token.text)) {
    token.kind = TokenKind::unread_number;
    token.value.clear();
  } else if (is_path(token.text)) {
    token.kind = TokenKind::path;
  }
  token.term = stem(lowered(token.text));
}

struct Quote {
  string_view open;
  string_view close;
};
constexpr Quote kQuotes[] = {
    {"\"", "\""}, {"`", "`"}, {"'", "'"}, {"\xE2\x80\x9C", "\xE2\x80\x9D"}, {"\xE2\x80\x98", "\xE2\x80\x99"}};

/// Cuts a sentence into tokens; what needs two of them (May 1, 2024) is joined afterwards.
class TokenReader {
 public:
  explicit TokenReader(string_view sentence) : text_(sentence) {}

  std::vector<Token> read() {
    while (at_ < text_.size() && tokens_.size() < kTokensMax) {
      if (is_blank(text_[at_])) {
        ++at_;
        continue;
      }
      if (take_quoted() || take_list()) continue;
      take_chunk();
    }
    return std::move(tokens_);
  }
  /// Something was not read.
  [[nodiscard]] bool cut() const { return !trimmed(text_.substr(at_)).empty(); }

 private:
  [[nodiscard]] string_view rest() const { return text_.substr(at_); }

  void add(Token token, std::size_t begin, std::size_t end) {
    token.begin = begin;
    token.end = end;
    token.capital = !tokens_.empty() && token.kind == TokenKind::word && is_capital(token.text);
    tokens_.push_back(std::move(token));
  }

  /// Punctuation behind what was just taken.
  void take_marks() {
    while (at_ < text_.size() && string_view(".,;:?!)]").find(text_[at_]) != string_view::npos) {
      if (!tokens_.empty()) {
        tokens_.back().clause_ends = true;
        tokens_.back().comma_follows = tokens_.back().comma_follows || text_[at_] == ',';
      }
      ++at_;
    }
  }

  bool take_quoted() {
    for (std::size_t i = 0; i < std::size(kQuotes); ++i) {
      const Quote& quote = kQuotes[i];
      if (never_closes_[i] || !rest().starts_with(quote.open)) continue;
      const std::size_t start = at_ + quote.open.size();
      const std::size_t end = end_of(quote, start);
      never_closes_[i] = end == string_view::npos;
      if (end == string_view::npos || end == start) continue;
      add_quoted(start, end, end + quote.close.size());
      return true;
    }
    return false;
  }

  [[nodiscard]] std::size_t end_of(const Quote& quote, std::size_t start) const {
    std::size_t end = text_.find(quote.close, start);
    if (quote.open == "\"" || quote.open == "`") return end;
    // An apostrophe inside a word closes nothing.
    while (end != string_view::npos && end + quote.close.size() < text_.size() &&
           is_word_byte(text_[end + quote.close.size()]))
      end = text_.find(quote.close, end + 1);
    return end;
  }

  void add_quoted(std::size_t start, std::size_t end, std::size_t behind) {
    Token token{.kind = TokenKind::quoted, .text = std::string(text_.substr(start, end - start))};
    while (!token.text.empty() && string_view(".,;").find(token.text.back()) != string_view::npos)
      token.text.pop_back();
    token.value = token.text;
    token.term = stem(lowered(token.text));
    add(std::move(token), at_, behind);
    at_ = behind;
    take_marks();
  }

  bool take_list() {
    if (never_closes_[kList] || !rest().starts_with('[')) return false;
    const std::size_t end = text_.find(']', at_);
    never_closes_[kList] = end == string_view::npos;
    if (end == string_view::npos) return false;
    const std::string inside(text_.substr(at_ + 1, end - at_ - 1));
    add({.kind = TokenKind::list, .text = inside, .term = {}, .value = inside}, at_, end + 1);
    at_ = end + 1;
    take_marks();
    return true;
  }

  void take_chunk() {
    std::size_t end = at_;
    while (end < text_.size() && !is_blank(text_[end]) && text_[end] != '"' && text_[end] != '[') ++end;
    const std::size_t chunk_end = std::max(end, at_ + 1);
    while (at_ < chunk_end && string_view("([{<'").find(text_[at_]) != string_view::npos) ++at_;
    end = chunk_end;
    while (end > at_ && string_view(".,;:?!)]}>'").find(text_[end - 1]) != string_view::npos) --end;
    add_chunk(at_, end);
    at_ = end;
    take_marks();
    at_ = std::max(at_, chunk_end);
  }

  /// "a=1" and "height:5" are a word and a value.
  void add_chunk(std::size_t begin, std::size_t end) {
    const string_view chunk = text_.substr(begin, end - begin);
    if (chunk.empty()) return;
    const std::size_t mark = chunk.find_first_of("=:");
    const bool label =
        mark != string_view::npos && mark > 0 && mark + 1 < chunk.size() &&
        std::ranges::all_of(chunk.substr(0, mark), [](char c) { return is_word_byte(c) || c == '_'; }) &&
        !only_digits(chunk.substr(0, mark)) && (chunk[mark] == '=' || is_digit(chunk[mark + 1]));
    if (label) {
      add_word(begin, begin + mark);
      add_word(begin + mark + 1, end);
    } else {
      add_word(begin, end);
    }
  }

  void add_word(std::size_t begin, std::size_t end) {
    string_view word = text_.substr(begin, end - begin);
    for (const string_view possessive : {"'s", "\xE2\x80\x99s"})
      if (word.size() > possessive.size() && word.ends_with(possessive))
        word.remove_suffix(possessive.size());
    Token token{.text = std::string(word)};
    classify(token);
    add(std::move(token), begin, begin + word.size());
  }

  static constexpr std::size_t kList = std::size(kQuotes);

  string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  // Quotes and lists that no longer end: looking for that each time would cost n * n.
  std::array<bool, std::size(kQuotes) + 1> never_closes_{};
};

int small_number(const Token& token, int max) {
  if (token.kind != TokenKind::number || token.value.size() > 4 || !only_digits(token.value)) return 0;
  const int value = std::stoi(token.value);
  return value <= max ? value : 0;
}

/// Length of the date that begins at `at`, in tokens; 0 where there is none.
std::size_t date_at(const std::vector<Token>& tokens, std::size_t at, std::string& value) {
  const auto number = [&](std::size_t i, int max) {
    return i < tokens.size() ? small_number(tokens[i], max) : 0;
  };
  const auto month = [&](std::size_t i) { return i < tokens.size() ? month_in(tokens[i].text) : 0; };
  std::optional<std::string> date;
  std::size_t length = 3;
  if (month(at) != 0 && number(at + 1, 31) != 0 && number(at + 2, 9999) != 0) {
    date = date_of(number(at + 2, 9999), month(at), number(at + 1, 31));
  } else if (number(at, 31) != 0) {
    const std::size_t of = at + 1 < tokens.size() && tokens[at + 1].term == "of" ? 1 : 0;
    length = 3 + of;
    if (month(at + 1 + of) != 0 && number(at + 2 + of, 9999) != 0)
      date = date_of(number(at + 2 + of, 9999), month(at + 1 + of), number(at, 31));
  }
  if (!date) return 0;
  value = *std::move(date);
  return length;
}

/// True where a number and "am" or "pm" begin at `at`.
bool time_at(const std::vector<Token>& tokens, std::size_t at, std::string& value) {
  if (at + 1 == tokens.size() || (tokens[at].kind != TokenKind::number && tokens[at].kind != TokenKind::time))
    return false;
  const std::string next = lowered(tokens[at + 1].text);
  if (next != "am" && next != "pm") return false;
  auto time = time_in(tokens[at].text, next);
  if (!time) return false;
  value = *std::move(time);
  return true;
}

void read_dates_and_times(std::vector<Token>& tokens, string_view sentence) {
  std::vector<Token> out;
  out.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string value;
    std::size_t length = date_at(tokens, i, value);
    TokenKind kind = TokenKind::date;
    if (length == 0 && time_at(tokens, i, value)) {
      length = 2;
      kind = TokenKind::time;
    }
    out.push_back(std::move(tokens[i]));
    if (length == 0) continue;
    join(out.back(), tokens[i + length - 1], kind, std::move(value), sentence);
    i += length - 1;
  }
  tokens = std::move(out);
}

}  // namespace

Sentence read_sentence(string_view text) {
  TokenReader reader(text);
  Sentence sentence{.text = text, .tokens = reader.read(), .cut = reader.cut()};
  read_number_words(sentence.tokens, text);
  read_dates_and_times(sentence.tokens, text);
  for (std::size_t i = 0; i < sentence.tokens.size(); ++i) {
    for (const string_view word : words_of(sentence.tokens[i].text)) {
      if (sentence.words.size() == kWordsMax) return sentence;
      sentence.words.push_back({.term = stem(lowered(word)), .token = i});
    }
  }
  return sentence;
}

std::vector<std::string> name_words(string_view name) {
  std::vector<std::string> words;
  for (const string_view word : words_of(name)) words.push_back(stem(lowered(word)));
  return words;
}

}  // namespace geminga::orchestrator

#include "orchestrator/matching/text.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "orchestrator/matching/ascii.hpp"
#include "orchestrator/matching/stem.hpp"

namespace geminga::orchestrator {
namespace {

// Sorted. Words that tell nothing about a tool, and what people wrap around a request ("could you please give
// me").
constexpr std::string_view kStopWords[] = {
    "a",     "about", "an",    "and",       "any",    "anything", "are",    "aren",  "as",     "at",
    "be",    "been",  "but",   "by",        "can",    "could",    "couldn", "d",     "did",    "didn",
    "do",    "does",  "doesn", "don",       "for",    "from",     "give",   "had",   "has",    "have",
    "hello", "here",  "hey",   "hi",        "how",    "i",        "if",     "in",    "into",   "is",
    "isn",   "it",    "its",   "just",      "let",    "like",     "ll",     "lot",   "m",      "may",
    "me",    "might", "my",    "need",      "no",     "not",      "now",    "of",    "off",    "on",
    "or",    "our",   "out",   "over",      "please", "re",       "s",      "shall", "should", "shouldn",
    "show",  "so",    "some",  "something", "such",   "t",        "tell",   "than",  "thank",  "thanks",
    "that",  "the",   "their", "them",      "then",   "there",    "these",  "they",  "this",   "those",
    "to",    "too",   "up",    "us",        "ve",     "very",     "want",   "was",   "wasn",   "we",
    "were",  "what",  "when",  "where",     "which",  "while",    "who",    "whom",  "whose",  "why",
    "will",  "with",  "won",   "would",     "wouldn", "you",      "your"};

bool is_stop_word(std::string_view word) {
  return std::ranges::binary_search(kStopWords, word);
}

/// Cuts "getSumOf" into get, Sum, Of and "HTTPServer" into HTTP, Server; other words stay whole.
void split_camel(std::string_view word, std::vector<std::string_view>& out) {
  std::size_t start = 0;
  for (std::size_t i = 1; i < word.size(); ++i) {
    const bool up = is_upper(word[i]) && is_lower(word[i - 1]);
    const bool acronym_ends =
        is_upper(word[i - 1]) && is_upper(word[i]) && i + 1 < word.size() && is_lower(word[i + 1]);
    if (!up && !acronym_ends) continue;
    out.push_back(word.substr(start, i - start));
    start = i;
  }
  out.push_back(word.substr(start));
}

/// Empty for a stop word.
std::string term_of(std::string_view word) {
  std::string lower = lowered(word);
  if (is_stop_word(lower)) return {};
  return stem(std::move(lower));
}

bool has_digit(std::string_view word) {
  return std::ranges::any_of(word, is_digit);
}

/// A path, a URL, an address, a file name: marks inside a run of other characters.
bool is_structured(std::string_view chunk) {
  while (!chunk.empty() && std::string_view(".,;:!?)").find(chunk.back()) != std::string_view::npos)
    chunk.remove_suffix(1);
  return chunk.find_first_of("/\\@~*=.") != std::string_view::npos;
}

/// Walks over a sentence chunk by chunk (what stands between blanks) and keeps in mind what is inside quotes.
class QueryReader {
 public:
  explicit QueryReader(std::string_view sentence) : rest_(sentence) {}

  std::vector<QueryTerm> read() {
    while (!rest_.empty()) {
      if (is_blank(rest_.front())) {
        rest_.remove_prefix(1);
        continue;
      }
      if (take_quoted()) continue;
      std::size_t end = 0;
      while (end < rest_.size() && !is_blank(rest_[end]) && rest_[end] != '"') ++end;
      end = std::max<std::size_t>(end, 1);
      add_chunk(rest_.substr(0, end), false);
      rest_.remove_prefix(end);
    }
    return std::move(terms_);
  }

 private:
  /// "...", '...' or `...`; the single one only where it opens a word and closes one, or every apostrophe
  /// would count.
  bool take_quoted() {
    const char quote = rest_.front();
    if (quote != '"' && quote != '`' && quote != '\'') return false;
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos || end == 1) return false;
    if (quote == '\'' && end + 1 < rest_.size() && is_word_byte(rest_[end + 1])) return false;
    // Several quoted words are text to work on; a single one may be the name of a tool.
    const std::string_view inside = rest_.substr(1, end - 1);
    if (std::ranges::none_of(inside, is_blank)) add_chunk(inside, true);
    rest_.remove_prefix(end + 1);
    return true;
  }

  void add_chunk(std::string_view chunk, bool value) {
    value = value || is_structured(chunk);
    for (const std::string_view word : words_of(chunk)) {
      const bool inside = !first_word_;
      first_word_ = false;
      std::string term = term_of(word);
      if (term.empty() || !seen_.insert(term).second) continue;
      const bool name = inside && is_upper(word.front());
      terms_.push_back(
          {.term = std::move(term), .word = std::string(word), .value = value || name || has_digit(word)});
    }
  }

  std::string_view rest_;
  bool first_word_ = true;
  std::unordered_set<std::string> seen_;
  std::vector<QueryTerm> terms_;
};

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t end = i;
    while (end < text.size() && is_word_byte(text[end])) ++end;
    if (end > i) split_camel(text.substr(i, end - i), words);
    i = end + 1;
  }
  return words;
}

std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  for (const std::string_view word : words_of(text))
    if (std::string term = term_of(word); !term.empty()) terms.push_back(std::move(term));
  return terms;
}

std::vector<QueryTerm> query_terms(std::string_view sentence) {
  return QueryReader(sentence).read();
}

}  // namespace geminga::orchestrator

#include "orchestrator/matching/text.hpp"

#include <algorithm>
#include <iterator>

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

std::string term_of(std::string_view word) {
  std::string lower = lowered(word);
  if (is_stop_word(lower)) return {};
  return stem(std::move(lower));
}

std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  for (const std::string_view word : words_of(text))
    if (std::string term = term_of(word); !term.empty()) terms.push_back(std::move(term));
  return terms;
}

}  // namespace geminga::orchestrator

#include "orchestrator/matching/semantic_index.hpp"

#include <algorithm>
#include <cmath>

#include "base/try.hpp"
#include "orchestrator/matching/matcher.hpp"
#include "orchestrator/matching/usage.hpp"

namespace geminga::orchestrator {
namespace {

constexpr double kCosineWeight = 0.7;
constexpr double kWordsWeight = 0.2;
constexpr double kUsageWeight = 0.1;

}  // namespace

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 0;
  double product = 0;
  double a_square = 0;
  double b_square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    a_square += static_cast<double>(a[i]) * a[i];
    b_square += static_cast<double>(b[i]) * b[i];
  }
  return a_square > 0 && b_square > 0 ? product / std::sqrt(a_square * b_square) : 0;
}

SemanticIndex::SemanticIndex(std::shared_ptr<const Embedder> embedder, std::span<const ToolView> tools)
    : embedder_(std::move(embedder)), usage_(usage_of(tools)) {
  vectors_.reserve(tools.size());
  for (const ToolView& tool : tools)
    vectors_.push_back(
        embedder_->embed(tool.tool + ": " + (tool.title.empty() ? "" : tool.title + ". ") + tool.description)
            .value_or(std::vector<float>{}));
}

Result<std::vector<SemanticIndex::Hit>> SemanticIndex::rank(std::string_view sentence,
                                                            const Ranking& by_words,
                                                            std::size_t hits_max) const {
  GEMINGA_TRY(const std::vector<float> query, embedder_->embed(sentence));
  std::vector<double> words(vectors_.size(), 0.0);
  for (const Ranking::Hit& hit : by_words.hits)
    words[hit.tool] = by_words.coverage * hit.score / by_words.hits.front().score;
  std::vector<Hit> hits;
  hits.reserve(vectors_.size());
  for (std::size_t i = 0; i < vectors_.size(); ++i) {
    const double similar = std::max(0.0, cosine(query, vectors_[i]));
    hits.push_back({.tool = i,
                    .score = kCosineWeight * similar + kWordsWeight * words[i] + kUsageWeight * usage_[i],
                    .cosine = similar});
  }
  const std::size_t kept = std::min(hits_max, hits.size());
  std::ranges::partial_sort(
      hits, hits.begin() + static_cast<std::ptrdiff_t>(kept),
      [](const Hit& a, const Hit& b) { return a.score != b.score ? a.score > b.score : a.tool < b.tool; });
  hits.resize(kept);
  return hits;
}

}  // namespace geminga::orchestrator

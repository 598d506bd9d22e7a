#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/matching/bm25.hpp"
#include "orchestrator/matching/embedder.hpp"

namespace geminga::orchestrator {

/// Orders tools by 0.7 cosine + 0.2 words + 0.1 usage. The words are BM25's score against that of its best
/// tool, weighed with how much of the sentence the best one covers; the usage is the logarithm of the use
/// count against that of the most used tool. Never changes; any thread.
class SemanticIndex {
 public:
  struct Hit {
    std::size_t tool = 0;
    double score = 0;  ///< 0 to 1: the confidence, too
    double cosine = 0;
  };

  SemanticIndex(std::shared_ptr<const Embedder> embedder, std::span<const ToolView> tools);
  /// Best first. `by_words` is BM25's ranking of all tools. Errors: the embedder's.
  [[nodiscard]] Result<std::vector<Hit>> rank(std::string_view sentence, const Ranking& by_words,
                                              std::size_t hits_max) const;

 private:
  std::shared_ptr<const Embedder> embedder_;
  std::vector<std::vector<float>> vectors_;  // by tool; empty where the embedder had none
  std::vector<double> usage_;                // by tool
};

}  // namespace geminga::orchestrator

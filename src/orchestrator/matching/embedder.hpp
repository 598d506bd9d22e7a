#pragma once

#include <string_view>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// A model that turns text into vectors; texts of like meaning have a large cosine. None is built in. Called
/// by any thread, also by several at once.
class Embedder {
 public:
  virtual ~Embedder() = default;
  /// Of any length but 0, the same for all texts. It is asked for every tool at each rebuild of the matcher
  /// (a change of the tools, the rules or the use counts) and for every sentence that no rule settles: keep
  /// what was computed, and answer a sentence within milliseconds, for a thread of the bus waits. Errors:
  /// any; the sentence is then matched by its words alone.
  [[nodiscard]] virtual Result<std::vector<float>> embed(std::string_view text) const = 0;
};

/// From -1 to 1; 0 where one of them is zero or their lengths differ.
double cosine(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace geminga::orchestrator

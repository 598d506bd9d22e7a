#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace geminga::doors::pulsar {

/// Requests of a session that have no answer yet, by their weight. Begun on the door's loop; one ends
/// wherever its answer, or who would have given it, ends.
class OpenRequests {
 public:
  /// One of them.
  class Token {
   public:
    Token(Token&&) noexcept = default;
    Token& operator=(Token&&) = delete;
    ~Token() { end(); }
    void end() {
      if (const auto sum = std::exchange(sum_, nullptr)) *sum -= weight_;
    }

   private:
    friend class OpenRequests;
    Token(std::shared_ptr<std::atomic<std::uint64_t>> sum, std::uint64_t weight)
        : sum_(std::move(sum)), weight_(weight) {
      *sum_ += weight_;
    }
    std::shared_ptr<std::atomic<std::uint64_t>> sum_;
    std::uint64_t weight_;
  };

  [[nodiscard]] Token begin(std::uint64_t weight) { return {sum_, weight}; }
  [[nodiscard]] std::uint64_t weight() const { return *sum_; }

 private:
  /// Outlives the session: a request may end after it.
  std::shared_ptr<std::atomic<std::uint64_t>> sum_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace geminga::doors::pulsar

#pragma once

#include <memory>
#include <string_view>

#include <re2/re2.h>

#include <geminga/error.hpp>

namespace geminga::doors::pulsar {

/// A client's regular expression of topics. As in Pulsar it is for the whole of a name, without its scheme,
/// and for a partition the name of what it is a part of. Time is linear in the name, memory is bounded.
class TopicPattern {
 public:
  static constexpr std::size_t kBytesMax = 1'000;

  /// Errors: unsupported_by_engine (RE2 cannot do it, or it is too long or too large), which clients answer
  /// with looking at all names themselves.
  static Result<std::shared_ptr<const TopicPattern>> compile(std::string_view pattern);
  /// For compile().
  explicit TopicPattern(std::string_view without_scheme);

  /// A full name.
  [[nodiscard]] bool matches(std::string_view topic) const;

 private:
  const re2::RE2 expression_;
};

}  // namespace geminga::doors::pulsar

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "schema/json_schema.hpp"

namespace re2 {
class RE2;
}

namespace geminga::schema {

/// How much there is to go through in a value: one for each value in it, and more for long texts.
std::size_t weight(const nlohmann::json& value);

/// A schema while one value is checked against it: what is looked up again and again, and how much work is
/// left. One thread; refers to `root`.
class Document {
 public:
  Document(const nlohmann::json& root, std::size_t steps, Formats formats);
  ~Document();
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  /// What a $ref names: "#", "#/$defs/a~1b", "#anchor", also behind the $id of the root. nullptr: it leads
  /// nowhere in this document, and nothing is ever fetched.
  const nlohmann::json* find(std::string_view reference);

  /// nullptr: RE2 cannot compile it.
  const re2::RE2* pattern(const std::string& text);

  /// False: that much is not left, and from now on nothing is.
  bool spend(std::size_t steps);
  [[nodiscard]] bool spent() const { return steps_ == 0; }
  [[nodiscard]] bool formats_count() const { return formats_ == Formats::count; }

 private:
  const nlohmann::json& root_;
  std::size_t steps_;
  const Formats formats_;
  std::map<std::string, std::unique_ptr<re2::RE2>> patterns_;
  std::optional<std::map<std::string, const nlohmann::json*, std::less<>>> anchors_;
};

}  // namespace geminga::schema

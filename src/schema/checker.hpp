#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "schema/document.hpp"
#include "schema/json_schema.hpp"

namespace geminga::schema {

/// Where in the value; the text is made only where something is wrong.
struct Place {
  const Place* above = nullptr;  ///< nullptr: the whole value
  std::string_view name{};       ///< of a member
  std::size_t index = 0;         ///< of an element, where there is no name
  bool is_element = false;

  [[nodiscard]] Place member(std::string_view its_name) const { return {.above = this, .name = its_name}; }
  [[nodiscard]] Place element(std::size_t i) const { return {.above = this, .index = i, .is_element = true}; }
  [[nodiscard]] std::string text() const;
};

/// The walk through a schema with a value. What it cannot read, and what it has no work left for, refuses
/// nothing, and by way of `not`, `oneOf` and the like nothing either: the answer is then `unknown`.
class Checker {
 public:
  /// Stops after so many misfits.
  Checker(Document& document, std::size_t misfits_max) : Checker(document, misfits_max, 0) {}

  void check(const nlohmann::json& schema, const nlohmann::json& value, const Place& place);
  std::vector<Misfit> take() { return std::move(misfits_); }

 private:
  using json = nlohmann::json;
  using Shape = bool (json::*)() const noexcept;
  enum class Answer { yes, no, unknown };

  Checker(Document& document, std::size_t misfits_max, int depth)
      : document_(document), misfits_max_(misfits_max), depth_(depth) {}

  // json_schema.cpp
  [[nodiscard]] bool done() const;
  void refuse(const Place& place, const json& value, std::string_view wanted);
  void refuse_missing(const Place& place);
  const json* read(const json& schema, const char* name, Shape shape);
  Answer fits(const json& schema, const json& value);
  Answer matches(const std::string& pattern, const std::string& text);
  void follow_reference(const json& schema, const json& value, const Place& place);
  void check_size(const json& schema, const json& value, const Place& place, std::size_t size,
                  const char* least_name, const char* most_name, std::string_view unit);

  // check_values.cpp
  bool has_one_type(const json& type, const json& value);
  bool has_type(const json& type, const json& value);
  /// Type, enum and const. False: there is no use in looking further.
  bool check_itself(const json& schema, const json& value, const Place& place);
  void check_number(const json& schema, const json& value, const Place& place);
  void check_text(const json& schema, const json& value, const Place& place);

  // check_containers.cpp
  void check_array(const json& schema, const json& value, const Place& place);
  void check_unique(const json& value, const Place& place);
  void check_contained(const json& schema, const json& value, const Place& place);
  void check_object(const json& schema, const json& value, const Place& place);
  void check_required(const json& names, const json& value, const Place& place);
  void check_dependents(const json& schema, const json& value, const Place& place);
  void check_members(const json& schema, const json& value, const Place& place);

  // check_branches.cpp
  void check_branches(const json& schema, const json& value, const Place& place);
  void check_choice(const json& choices, bool exactly_one, const json& value, const Place& place);

  Document& document_;
  const std::size_t misfits_max_;
  int depth_;
  bool unsure_ = false;  // something could not be read
  std::vector<Misfit> misfits_;
};

}  // namespace geminga::schema

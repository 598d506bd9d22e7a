#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <geminga/error.hpp>

namespace geminga::doors {

/// Reads the fields of one JSON object. The first fault stays and names the field; check it with result()
/// when all are read. Every getter gives a default after a fault or where the field is absent.
class JsonFields {
 public:
  /// `where` comes in front of the names in errors: "messages[3]". The object must outlive this.
  JsonFields(const nlohmann::json& object, std::string where, std::initializer_list<std::string_view> known);

  [[nodiscard]] bool has(std::string_view name) const;
  std::string text(std::string_view name);
  std::string required_text(std::string_view name);
  std::uint64_t number(std::string_view name, std::uint64_t fallback, std::uint64_t max);
  bool flag(std::string_view name);
  std::optional<std::chrono::milliseconds> milliseconds(std::string_view name);
  /// nullptr where it is absent; an object or an array otherwise.
  const nlohmann::json* object(std::string_view name);
  const nlohmann::json* array(std::string_view name);
  void fault(std::string_view name, std::string_view what);

  [[nodiscard]] Result<> result() const;

 private:
  const nlohmann::json* find(std::string_view name) const;
  const nlohmann::json& object_;
  const std::string where_;
  std::optional<Error> fault_;
};

}  // namespace geminga::doors

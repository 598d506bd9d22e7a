#include "mcp/answer_check.hpp"

#include <ranges>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "schema/json_schema.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

constexpr std::size_t kMisfitsNamed = 3;

std::string to_line(const std::vector<schema::Misfit>& misfits) {
  std::string text;
  for (const schema::Misfit& misfit : misfits | std::views::take(kMisfitsNamed)) {
    const bool is_member = !misfit.path.empty() && !misfit.path.starts_with('[');
    text += fmt::format("{}structuredContent{}{}: {}", text.empty() ? "" : "; ", is_member ? "." : "",
                        misfit.path, misfit.why);
  }
  return misfits.size() > kMisfitsNamed ? text + "; and more" : text;
}

/// Read from its text only where nobody has it as a value; null where there is none.
std::shared_ptr<const nlohmann::json> value_of(const CallAnswer& answer) {
  if (answer.structured_value != nullptr || answer.structured.empty()) return answer.structured_value;
  auto read = wire::mcp::parse_json(answer.structured);
  return read ? std::make_shared<const nlohmann::json>(*std::move(read)) : nullptr;
}

}  // namespace

std::string AnswerCheck::complaint(const Tool& tool, const CallAnswer& answer) {
  if (answer.is_error || tool.output_schema.empty()) return {};
  const auto value = value_of(answer);
  if (value == nullptr) return "there is no structuredContent";
  auto& schema = schemas_[tool.name];
  if (schema == nullptr) {
    auto read = wire::mcp::parse_json(tool.output_schema);
    schema = std::make_shared<const nlohmann::json>(read ? *std::move(read) : nlohmann::json(true));
  }
  return to_line(schema::misfits(*schema, *value, schema::Formats::are_notes));
}

}  // namespace geminga::mcp

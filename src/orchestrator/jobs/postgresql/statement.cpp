#include "orchestrator/jobs/postgresql/statement.hpp"

#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/try.hpp"
#include "base/utf8.hpp"

namespace geminga::orchestrator::postgresql {
namespace {

// PostgreSQL's own numbers of its types.
constexpr Oid kBigint = 20;
constexpr Oid kText = 25;

std::int64_t number_of(const char* text) {
  std::int64_t value = 0;
  std::from_chars(text, text + std::strlen(text), value);
  return value;
}

}  // namespace

std::string numbered_parameters(std::string_view sql) {
  std::string text;
  int last = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] != '?') {
      text += sql[i];
      continue;
    }
    text += '$';
    const bool numbered = i + 1 < sql.size() && sql[i + 1] >= '1' && sql[i + 1] <= '9';
    if (!numbered) text += std::to_string(++last);
  }
  return text;
}

std::string storable(std::string_view text) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  if (text.find('\0') == std::string_view::npos && base::is_utf8(text)) return std::string(text);
  std::string kept;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length <= 4 && length <= text.size() && !base::is_utf8(text.substr(0, length))) ++length;
    const bool good = length <= 4 && length <= text.size() && text.front() != '\0';
    kept += good ? text.substr(0, length) : kReplacement;
    text.remove_prefix(good ? length : 1);
  }
  return kept;
}

Prepared::Parameter& Prepared::parameter(int number) {
  const auto wanted = static_cast<std::size_t>(number);
  if (parameters_.size() < wanted) parameters_.resize(wanted);
  return parameters_[wanted - 1];
}

void Prepared::bind(int number, std::int64_t value) {
  parameter(number) = {.type = kBigint, .value = std::to_string(value)};
}
void Prepared::bind(int number, std::string_view text) {
  parameter(number) = {.type = kText, .value = storable(text)};
}
void Prepared::bind_no_text(int number) {
  parameter(number) = {.type = kText, .value = std::nullopt};
}

Result<> Prepared::prepare() {
  std::vector<Oid> types;
  types.reserve(parameters_.size());
  for (const auto& given : parameters_) types.push_back(given.type);
  auto* raw =
      database_.library().PQprepare(database_.handle(), name_.c_str(), numbered_parameters(sql_).c_str(),
                                    static_cast<int>(types.size()), types.data());
  GEMINGA_TRY([[maybe_unused]] const auto result, database_.take(raw));
  prepared_ = true;
  return {};
}

Result<> Prepared::run() {
  if (!prepared_) GEMINGA_TRY_VOID(prepare());
  std::vector<const char*> values;
  values.reserve(parameters_.size());
  for (const auto& given : parameters_) values.push_back(given.value ? given.value->c_str() : nullptr);
  const auto& library = database_.library();
  auto* raw = library.PQexecPrepared(database_.handle(), name_.c_str(), static_cast<int>(values.size()),
                                     values.data(), nullptr, nullptr, 0);
  GEMINGA_TRY(rows_, database_.take(raw));
  if (const auto changed = std::string_view(library.PQcmdTuples(raw)); !changed.empty())
    changes_ = number_of(changed.data());
  return {};
}

Result<bool> Prepared::step() {
  if (!rows_) GEMINGA_TRY_VOID(run());
  return ++row_ < database_.library().PQntuples(rows_->get());
}

std::int64_t Prepared::integer(int column) const {
  return number_of(database_.library().PQgetvalue(rows_->get(), row_, column));
}

std::string Prepared::text(int column) const {
  const auto& library = database_.library();
  return {library.PQgetvalue(rows_->get(), row_, column),
          static_cast<std::size_t>(library.PQgetlength(rows_->get(), row_, column))};
}

bool Prepared::null(int column) const {
  return database_.library().PQgetisnull(rows_->get(), row_, column) != 0;
}

void Prepared::reset() {
  parameters_.clear();
  rows_.reset();
  row_ = -1;
}

}  // namespace geminga::orchestrator::postgresql

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/jobs/postgresql/database.hpp"

namespace geminga::orchestrator::postgresql {

/// A statement that its connection prepares when it runs first: only then the types of its parameters are
/// known.
class Prepared final : public sql::KeptStatement {
 public:
  /// `changes`: where the number of changed rows goes.
  Prepared(Database& database, std::string name, const char* sql, std::int64_t& changes)
      : database_(database), name_(std::move(name)), sql_(sql), changes_(changes) {}

  void bind(int number, std::int64_t value) override;
  void bind(int number, std::string_view text) override;
  void bind_no_text(int number) override;
  Result<bool> step() override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] std::string text(int column) const override;
  [[nodiscard]] bool null(int column) const override;
  void reset() override;

 private:
  struct Parameter {
    Oid type = 0;
    std::optional<std::string> value;
  };
  Parameter& parameter(int number);
  Result<> prepare();
  Result<> run();

  Database& database_;
  const std::string name_;
  const char* const sql_;
  std::int64_t& changes_;
  bool prepared_ = false;
  std::vector<Parameter> parameters_;
  std::optional<ResultPointer> rows_;
  int row_ = -1;
};

}  // namespace geminga::orchestrator::postgresql

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "orchestrator/jobs/sql/database.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace geminga::orchestrator::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* handle) const;
};

class Database final : public sql::Database {
 public:
  enum class Mode : std::uint8_t { read_write, read_only };
  /// WAL, synchronous=FULL. Errors: disk_error (also: the folder is missing), corrupted.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Mode mode,
                                                base::Clock& clock = base::Clock::system());

  Result<sql::Statement> prepare(const char* sql) override;
  Result<> execute(const std::string& sql) override;
  [[nodiscard]] std::int64_t changes() const override;
  Result<Timestamp> now() override { return clock_.wall_now(); }
  Result<Timestamp> begin() override;
  Result<> commit() override;
  [[nodiscard]] bool in_transaction() const override;
  [[nodiscard]] Error error_of(int code) const;

 private:
  Database(std::unique_ptr<sqlite3, CloseDatabase> handle, std::string name, base::Clock& clock);
  std::string name_;
  base::Clock& clock_;
  std::unique_ptr<sqlite3, CloseDatabase> handle_;
  std::map<const char*, std::unique_ptr<sql::KeptStatement>> statements_;
};

}  // namespace geminga::orchestrator::sqlite

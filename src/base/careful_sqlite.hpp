#pragma once

#include <filesystem>
#include <string>

#include <sqlite3.h>

namespace geminga::base {

/// For sqlite3_open_v2() with SQLITE_OPEN_URI: the file, opened so that no commit is written into a page of
/// the log that holds an older one ("psow=0"). Without that SQLite trusts that a write which fails in the
/// middle spares what it does not mean to change; a disk that fails may take with it what was acknowledged
/// before.
inline std::string careful_sqlite_uri(const std::filesystem::path& file) {
  std::string uri = file.is_absolute() ? "file://" : "file:";
  for (const char c : file.string()) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char kHex[] = "0123456789ABCDEF";
      uri += '%';
      uri += kHex[static_cast<unsigned char>(c) / 16];
      uri += kHex[static_cast<unsigned char>(c) % 16];
    } else {
      uri += c;
    }
  }
  return uri + "?psow=0";
}

/// SQLite brings its log into the file now and then, behind a commit, and says nothing when a sync fails in
/// that: the next one may then succeed though pages were lost. Here such a failure is the commit's, which may
/// be durable all the same. A disk that is full is none: the log stays longer. `Pages` of the log make it
/// worth the while: more of them are fewer syncs and a larger file.
template <int Pages = 1'000>
void checkpoint_carefully(sqlite3* connection) {
  constexpr auto kBehindCommit = [](void*, sqlite3* database, const char* name, int pages) -> int {
    if (pages < Pages) return SQLITE_OK;
    const int result = sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    const int kind = result & 0xff;
    return kind == SQLITE_IOERR || kind == SQLITE_CORRUPT ? result : SQLITE_OK;
  };
  sqlite3_wal_hook(connection, kBehindCommit, nullptr);
}

}  // namespace geminga::base

#pragma once

#include <span>
#include <string_view>

#include "cli/broker_conf.hpp"

/// Every key of Pulsar's files and what it is here: the one table.
namespace geminga::cli {

/// A key that is honoured: where its value goes, in words and as code. Errors: config_error, without the key.
struct HonouredKey {
  std::string_view name;
  std::string_view becomes;
  Result<> (*read)(ConfValues& values, std::string_view value);
  bool secret = false;
};

/// A key whose part is not there. `off`: values, separated by commas, that ask for nothing ("" always is
/// one).
struct UnsupportedKey {
  std::string_view name;
  std::string_view off;
  std::string_view reason;
};

/// Keys that mean nothing here, and why; names separated by blanks.
struct IrrelevantKeys {
  std::string_view reason;
  std::string_view names;
};

extern const std::span<const HonouredKey> kHonouredKeys;
extern const std::span<const UnsupportedKey> kUnsupportedKeys;
extern const std::span<const IrrelevantKeys> kIrrelevantKeys;

}  // namespace geminga::cli

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace geminga::cli {

/// A key of Pulsar's broker.conf or standalone.conf, as it was understood.
enum class ConfClass : std::uint8_t {
  honoured,
  unsupported,  ///< asks for what there is not; nothing is less safe for that
  irrelevant,   ///< about parts that are not here, or says what is so anyway
  unknown,
};
std::string_view to_string(ConfClass kind) noexcept;

/// What was found in a file, for the operator.
struct ConfLine {
  ConfClass kind = ConfClass::unknown;
  std::string key;
  std::string value;  ///< of what is honoured; secrets are not shown
  std::string note;   ///< what it became, or why it did not
};

struct ConfReport {
  std::filesystem::path file;  ///< empty: none was named
  std::vector<ConfLine> lines;
};

/// In the log: a line for each key, and one for all that mean nothing for one reason.
void log_conf_report(const ConfReport& report);

}  // namespace geminga::cli

#pragma once

#include <filesystem>

#include "cli/verb.hpp"

namespace geminga::storage {
struct FsckReport;
}

/// What the verbs that look into a data directory themselves share: fsck, backup, restore.
namespace geminga::cli {

/// `--data-dir DIR`, GEMINGA_DATA_DIR, ./geminga-data: as for serve.
Option data_dir_option(std::string help);
std::filesystem::path data_dir_of(const Arguments& arguments);

/// As text or, with -o json, as one object that begins with {"directory": ...}.
void print_report(const std::filesystem::path& directory, const storage::FsckReport& report, bool json);

}  // namespace geminga::cli

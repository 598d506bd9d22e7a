#include "base/file_system.hpp"
#include "cli/output.hpp"
#include "cli/stored_data.hpp"
#include "cli/verb.hpp"
#include "storage/backup.hpp"

namespace geminga::cli {
namespace {

Outcome run(const Arguments& arguments) {
  const std::filesystem::path target = data_dir_of(arguments);
  const auto report = storage::copy_directory(base::FileSystem::system(), arguments.text("BACKUP"), target);
  if (!report && report.error().code == ErrorCode::invalid_argument) return usage(report.error().message);
  if (!report) return failed(report.error());
  print_report(target, *report, wants_json(arguments));
  return {};
}

}  // namespace

Verb restore_verb() {
  return {
      .name = "restore",
      .summary = "make a data directory from a backup",
      .about =
          "Copies the backup and checks the copy; a target that is not empty is refused, a damaged copy is "
          "left without the file that makes it a data directory. The backup stays as it is. Never run the "
          "restored directory beside the old one: both are the same bus.",
      .positionals = {{.name = "BACKUP", .help = "what `geminga backup` made"}},
      .options = {data_dir_option("what is made (./geminga-data)"), output_option()},
      .examples = {{"geminga restore /backup/2026-11-22", "then geminga serve"}},
      .run = run};
}

}  // namespace geminga::cli

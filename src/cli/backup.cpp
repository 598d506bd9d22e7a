#include "storage/backup.hpp"

#include "base/file_system.hpp"
#include "cli/output.hpp"
#include "cli/stored_data.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

Outcome run(const Arguments& arguments) {
  const std::filesystem::path target = arguments.text("TARGET");
  const auto report = storage::copy_directory(base::FileSystem::system(), data_dir_of(arguments), target);
  if (!report && report.error().code == ErrorCode::invalid_argument) return usage(report.error().message);
  if (!report) return failed(report.error());
  print_report(target, *report, wants_json(arguments));
  return {};
}

}  // namespace

Verb backup_verb() {
  return {
      .name = "backup",
      .summary = "copy a data directory, also under a running serve, and check the copy",
      .about =
          "Everything that was acknowledged before the call is in the copy: messages, positions, names, "
          "jobs. "
          "A serve that uses the directory goes on; the copy is made from its files, so run it on the same "
          "machine as the same user. The copy is itself a data directory with the same identity: look at it "
          "with `geminga fsck`, bring it back with `geminga restore`.",
      .positionals = {{.name = "TARGET", .help = "a directory that is empty or not there"}},
      .options = {data_dir_option("what is copied (./geminga-data)"), output_option()},
      .examples = {{"geminga backup /backup/$(date +%F)", "once a day"},
                   {"geminga backup copy --data-dir /var/lib/geminga", "of another directory"}},
      .run = run};
}

}  // namespace geminga::cli

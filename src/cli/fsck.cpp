#include "storage/fsck.hpp"

#include "base/file_system.hpp"
#include "cli/output.hpp"
#include "cli/stored_data.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

Outcome run(const Arguments& arguments) {
  const std::filesystem::path directory = arguments.text("DIR");
  const auto report = storage::check_directory(base::FileSystem::system(), directory);
  if (!report) {
    const ErrorCode code = report.error().code;
    // Nothing was looked at: that must not look like damage.
    if (code == ErrorCode::not_found || code == ErrorCode::directory_locked ||
        code == ErrorCode::format_too_new)
      return usage(report.error().message);
    return failed(report.error());
  }
  const bool json = wants_json(arguments);
  print_report(directory, *report, json);
  if (report->sound()) return {};
  return failed(json ? ""
                     : "there is damage; nothing was changed. Topics that are not named are whole; restore a "
                       "backup for those that are");
}

}  // namespace

Verb fsck_verb() {
  return {
      .name = "fsck",
      .summary = "check a data directory that nobody uses",
      .about =
          "Reads everything: metadata, checkpoint, each segment, each group of the journal, and whether "
          "they fit together. Says what is damaged, which topics it hurts and how much of them is in reach. "
          "Changes nothing. Exit 0 sound, 1 damage, 2 there is nothing to check or a process uses it.",
      .positionals = {{.name = "DIR", .help = "the data directory, or a backup"}},
      .options = {output_option()},
      .examples = {{"geminga fsck ./geminga-data", "is everything there"},
                   {"geminga fsck backup -o json | jq .hurtTopics", "for programs"}},
      .run = run};
}

}  // namespace geminga::cli

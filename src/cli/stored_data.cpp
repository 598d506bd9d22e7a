#include "cli/stored_data.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/output.hpp"
#include "storage/fsck.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

void print_as_json(const std::filesystem::path& directory, const storage::FsckReport& report) {
  ordered_json findings = ordered_json::array();
  for (const auto& finding : report.findings)
    findings.push_back({{"damage", finding.damage}, {"file", finding.file}, {"found", finding.text}});
  ordered_json hurt = ordered_json::array();
  for (const auto& [id, topic] : report.hurt)
    hurt.push_back(
        {{"id", id.value}, {"topic", topic.name}, {"entries", topic.entries}, {"inReach", topic.in_reach}});
  print_json({{"directory", directory.string()},
              {"uuid", report.uuid},
              {"sound", report.sound()},
              {"topics", report.topics},
              {"segments", report.segments},
              {"extents", report.extents},
              {"journalGroups", report.journal_groups},
              {"lastGroup", report.last_group},
              {"findings", std::move(findings)},
              {"hurtTopics", std::move(hurt)}});
}

}  // namespace

Option data_dir_option(std::string help) {
  return {.name = "data-dir",
          .value = Value::directory,
          .metavar = "DIR",
          .help = std::move(help),
          .environment = "GEMINGA_DATA_DIR"};
}

std::filesystem::path data_dir_of(const Arguments& arguments) {
  const char* environment = std::getenv("GEMINGA_DATA_DIR");
  const bool set = environment != nullptr && *environment != '\0';
  return arguments.text("data-dir", set ? environment : "./geminga-data");
}

void print_report(const std::filesystem::path& directory, const storage::FsckReport& report, bool json) {
  if (json) return print_as_json(directory, report);
  for (const auto& finding : report.findings) {
    print_line(fmt::format("{}  {}: {}",
                           finding.damage ? styled("bad ", Style::bad) : styled("note", Style::dim),
                           printable(finding.file), printable(finding.text)));
  }
  Table hurt({"HURT TOPIC", "ENTRIES", "IN REACH"});
  for (const auto& [id, topic] : report.hurt) {
    hurt.add({topic.name.empty() ? fmt::format("(id {})", id.value) : topic.name,
              std::to_string(topic.entries), std::to_string(topic.in_reach)});
  }
  if (!hurt.empty()) hurt.print();
  print_line(fmt::format("{}  {}: {} topics, {} segments with {} extents, {} journal groups up to number {}",
                         report.sound() ? styled("ok  ", Style::good) : styled("bad ", Style::bad),
                         directory.string(), report.topics, report.segments, report.extents,
                         report.journal_groups, report.last_group));
}

}  // namespace geminga::cli

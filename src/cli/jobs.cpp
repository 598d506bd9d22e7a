#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/utf8.hpp"
#include "cli/answer.hpp"
#include "cli/event_lines.hpp"
#include "cli/hops.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kJobs = "/api/orchestrator/jobs";

std::string job_path(const Arguments& arguments, std::string_view what = {}) {
  return fmt::format("{}/{}{}", kJobs, url_encoded(arguments.text("JOB")), what);
}

Style style_of(std::string_view status) {
  if (status == "COMPLETED") return Style::good;
  if (status == "FAILED") return Style::bad;
  return status == "CANCELLED" ? Style::dim : Style::warning;
}

// --- list
// ----------------------------------------------------------------------------------------------------

/// Pages through the list until `limit` jobs were seen.
Outcome each_job(Remote& remote, const Arguments& arguments,
                 const std::function<void(const ordered_json&)>& visit) {
  std::uint64_t left = arguments.number("limit", 50);
  std::string after;
  while (left > 0) {
    std::string path = fmt::format("{}?limit={}", kJobs, std::min<std::uint64_t>(left, 100));
    if (arguments.has("status")) path += "&status=" + arguments.text("status");
    if (arguments.has("session")) path += "&sessionId=" + url_encoded(arguments.text("session"));
    if (!after.empty()) path += "&after=" + url_encoded(after);
    GEMINGA_CLI_TRY(const ordered_json page, remote.get(path));
    const auto jobs = page.value("jobs", ordered_json::array());
    for (const auto& job : jobs) {
      if (left-- == 0) return {};
      visit(job);
    }
    after = page.value("next", "");
    if (jobs.empty() || after.empty()) return {};
  }
  return {};
}

Outcome list(const Arguments& arguments) {
  Remote remote(arguments);
  if (wants_json(arguments))
    return each_job(remote, arguments, [](const ordered_json& job) { print_json(job); });
  Table table({"JOB", "STATUS", "ATTEMPTS", "CREATED", "QUERY"});
  const Outcome outcome = each_job(remote, arguments, [&](const ordered_json& job) {
    table.add({job.value("jobId", ""), job.value("status", ""), std::to_string(job.value("attempts", 0)),
               job.value("createdAt", ""), job.value("query", "")});
  });
  if (!outcome) return outcome;
  if (table.empty()) {
    note("no job yet; `geminga query SENTENCE` makes one");
  } else {
    table.print();
  }
  return {};
}

// --- show
// ----------------------------------------------------------------------------------------------------

void print_field(std::string_view name, const ordered_json& job, const char* key) {
  if (!job.contains(key) || job[key].is_null()) return;
  const std::string text = job[key].is_string() ? job[key].get<std::string>() : job[key].dump();
  print_line(fmt::format("{:<12}{}", name, printable(text)));
}

/// None, and a word about it, where the topic of executions cannot be read (a role may ask and not read
/// topics): the job is shown all the same.
std::vector<Hop> hops_of_job(Remote& remote, const ordered_json& job) {
  const auto created = base::parse_iso8601(job.value("createdAt", ""));
  auto hops = hops_of(remote, job.value("requestId", ""), created ? *created : Timestamp{});
  if (hops) return *std::move(hops);
  note("the times of its hops cannot be shown: " + hops.error().text);
  return {};
}

Outcome show(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(ordered_json job, remote.get(job_path(arguments)));
  const auto hops = hops_of_job(remote, job);
  if (wants_json(arguments)) {
    job["hops"] = ordered_json::array();
    for (const Hop& hop : hops) job["hops"].push_back(hop_json(hop));
    print_json(job);
    return {};
  }
  const std::string status = job.value("status", "");
  print_field("job", job, "jobId");
  print_field("request", job, "requestId");
  print_field("query", job, "query");
  print_field("session", job, "sessionId");
  print_line(fmt::format("{:<12}{}", "status", styled(status, style_of(status))));
  print_field("attempts", job, "attempts");
  print_field("created", job, "createdAt");
  print_field("completed", job, "completedAt");
  print_field("error", job, "error");
  if (job.contains("result") && !job["result"].is_null()) {
    print_line("");
    print_answer(job);
  }
  print_line("");
  print_hops(hops, false);
  return {};
}

// --- cancel, submit, watch
// -----------------------------------------------------------------------------------

Outcome cancel(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const ordered_json job, remote.post(job_path(arguments, "/cancel")));
  if (wants_json(arguments)) {
    print_json(job);
  } else {
    print_line(fmt::format("{} {}", job.value("jobId", ""), job.value("status", "")));
  }
  return {};
}

/// Prints what happened and happens to a job until it has ended; the status that it ended with.
std::expected<std::string, Failure> follow(Remote& remote, const Arguments& arguments,
                                           const std::string& job_id) {
  std::string last_status;
  EventLines lines([&](const std::string& event, const std::string& data) {
    const auto value = ordered_json::parse(data, nullptr, false);
    if (!value.is_object()) return true;
    if (wants_json(arguments)) {
      print_json(value);
    } else {
      print_line(fmt::format(
          "{}  {:<11} {}", value.value("at", value.value("time", "")), value.value("event", event),
          value.contains("detail") && !value["detail"].is_null() ? value["detail"].dump() : ""));
    }
    const std::string status = value.value("event", value.value("status", event));
    if (status == "COMPLETED" || status == "FAILED" || status == "CANCELLED") last_status = status;
    return true;  // the server ends the stream; an end in the history may be that of a generation before
  });
  Remote::Call call{.path = fmt::format("{}/{}/events", kJobs, url_encoded(job_id))};
  call.timeout = std::chrono::milliseconds{0};
  std::string refused;
  call.on_data = [&](std::string_view piece) {
    if (refused.size() < 4'096) refused += piece;
    return lines.take(piece);
  };
  GEMINGA_CLI_TRY(Reply reply, remote.send(std::move(call)));
  if (!reply.good()) {
    reply.body = refused;
    return std::unexpected(failure_of(reply));
  }
  return last_status;
}

Outcome end_of(const std::string& status) {
  if (status == "COMPLETED") return {};
  return std::unexpected(
      Failure{kExitFailed, status.empty() ? "the server closed the stream before the job ended" : ""});
}

Outcome watch(const Arguments& arguments) {
  Remote remote(arguments);
  GEMINGA_CLI_TRY(const std::string status, follow(remote, arguments, arguments.text("JOB")));
  return end_of(status);
}

std::expected<ordered_json, Failure> submit_one(Remote& remote, const Arguments& arguments,
                                                const std::string& sentence) {
  ordered_json request{{"query", sentence}};
  if (arguments.has("session")) request["sessionId"] = arguments.text("session");
  Remote::Call call{.method = "POST", .path = std::string(kJobs), .body = body_text(request)};
  call.idempotency_key = arguments.text("idempotency-key");
  GEMINGA_CLI_TRY(const Reply reply, remote.send(std::move(call)));
  return json_of(reply);
}

Outcome submit_lines(Remote& remote, const Arguments& arguments, std::istream& in) {
  std::vector<std::string> sentences;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!base::is_utf8(line))
      return failed(fmt::format("line {} is not UTF-8; nothing was submitted", number));
    if (line.find_first_not_of(" \t\r") != std::string::npos) sentences.push_back(line);
  }
  Progress progress("submitting", sentences.size());
  for (const auto& sentence : sentences) {
    GEMINGA_CLI_TRY(const ordered_json job, submit_one(remote, arguments, sentence));
    if (wants_json(arguments))
      print_json(job);
    else
      print_line(job.value("jobId", ""));
    progress.advance();
  }
  return {};
}

Outcome submit(const Arguments& arguments) {
  Remote remote(arguments);
  if (arguments.has("file")) {
    if (arguments.has("SENTENCE")) return usage("a sentence and --file exclude each other");
    if (arguments.has("idempotency-key"))
      return usage("--idempotency-key names one job; --file may hold many");
    if (arguments.text("file") == "-") return submit_lines(remote, arguments, std::cin);
    std::ifstream in(arguments.text("file"));
    if (!in) return failed(fmt::format("cannot read {}", arguments.text("file")));
    return submit_lines(remote, arguments, in);
  }
  if (!arguments.has("SENTENCE")) return usage("a sentence or --file is needed");
  GEMINGA_CLI_TRY(const std::string sentence, sentence_of(arguments));
  GEMINGA_CLI_TRY(const ordered_json job, submit_one(remote, arguments, sentence));
  if (wants_json(arguments))
    print_json(job);
  else
    print_line(job.value("jobId", ""));
  if (!arguments.has("watch")) return {};
  GEMINGA_CLI_TRY(const std::string status, follow(remote, arguments, job.value("jobId", "")));
  return end_of(status);
}

// --- the table
// -----------------------------------------------------------------------------------------------

const Positional kJob{.name = "JOB", .help = "the job's id"};

Verb list_verb() {
  return {
      .name = "list",
      .summary = "the newest jobs",
      .options = {{.name = "status",
                   .value = Value::choice,
                   .metavar = "STATUS",
                   .help = "only these",
                   .choices = {"PENDING", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"}},
                  {.name = "session", .value = Value::text, .metavar = "ID", .help = "only of this session"},
                  {.name = "limit",
                   .letter = 'n',
                   .value = Value::number,
                   .metavar = "N",
                   .help = "at most so many (50)"},
                  output_option(),
                  server_option(),
                  token_option()},
      .examples = {{"geminga jobs list --status FAILED -n 10", "what went wrong lately"}},
      .run = list};
}

Verb submit_verb() {
  return {
      .name = "submit",
      .summary = "ask without waiting; prints the job's id",
      .positionals = {{.name = "SENTENCE", .help = "what you want", .required = false, .repeated = true}},
      .options = {{.name = "file",
                   .letter = 'f',
                   .value = Value::file,
                   .metavar = "FILE",
                   .help = "one job for each line; - is stdin"},
                  {.name = "watch", .letter = 'w', .help = "stay and print what happens to it"},
                  {.name = "session",
                   .value = Value::text,
                   .metavar = "ID",
                   .help = "a session id that the job keeps"},
                  {.name = "idempotency-key",
                   .value = Value::text,
                   .metavar = "KEY",
                   .help = "submitted again with the same key, it is the same job"},
                  output_option(),
                  server_option(),
                  token_option()},
      .examples = {{"geminga jobs submit --watch Echo hello", "exit 0 when it completed, 1 when it failed"},
                   {"geminga jobs submit -f sentences.txt -o json", "many, one object a line"}},
      .run = submit};
}

}  // namespace

Verb jobs_verb() {
  return {.name = "jobs",
          .summary = "what was asked, how it ended, and what happened on the way",
          .verbs = {list_verb(),
                    {.name = "show",
                     .summary = "one job with its answer and the time of each hop",
                     .positionals = {kJob},
                     .options = {output_option(), server_option(), token_option()},
                     .run = show},
                    submit_verb(),
                    {.name = "watch",
                     .summary = "print what happens to a job until it has ended",
                     .positionals = {kJob},
                     .options = {output_option(), server_option(), token_option()},
                     .run = watch},
                    {.name = "cancel",
                     .summary = "end a job that has not ended",
                     .positionals = {kJob},
                     .options = {output_option(), server_option(), token_option()},
                     .run = cancel}}};
}

}  // namespace geminga::cli

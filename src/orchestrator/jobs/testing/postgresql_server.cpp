#include "orchestrator/jobs/testing/postgresql_server.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

extern char** environ;

namespace geminga::orchestrator::testing {

using nlohmann::json;

namespace {

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kScript = GEMINGA_SOURCE_DIR "/tests/brokers/postgresql.py";

[[noreturn]] void broken(const std::string& what) {
  throw std::runtime_error("the PostgreSQL of the tests: " + what);
}

}  // namespace

PostgresqlServer::PostgresqlServer() {
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) broken("no pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  // Syncs are for power cuts; tests of the store kill processes only.
  std::array arguments{kPython, "-B", kScript, "--no-fsync", static_cast<const char*>(nullptr)};
  const int failed = ::posix_spawn(&process_, kPython, &actions, nullptr,
                                   const_cast<char* const*>(arguments.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  if (failed != 0) broken("python3 could not be started");
  commands_ = ::fdopen(input[1], "w");
  answers_ = ::fdopen(output[0], "r");
  url_ = answer().at("url").get<std::string>();
}

PostgresqlServer::~PostgresqlServer() {
  std::fclose(commands_);  // this is its sign to end
  ::waitpid(process_, nullptr, 0);
  std::fclose(answers_);
}

PostgresqlServer& PostgresqlServer::shared() {
  static const auto kServer = std::make_unique<PostgresqlServer>();
  return *kServer;
}

json PostgresqlServer::answer() {
  char* line = nullptr;
  std::size_t size = 0;
  const auto length = ::getline(&line, &size, answers_);
  const std::unique_ptr<char, void (*)(void*)> owned(line, std::free);
  if (length <= 0) broken("it ended; is Debian's package postgresql installed?");
  auto parsed = json::parse(line);
  if (parsed.contains("error")) broken(parsed["error"].get<std::string>());
  return parsed;
}

json PostgresqlServer::ask(const json& command) {
  const auto line = command.dump() + "\n";
  if (std::fputs(line.c_str(), commands_) < 0 || std::fflush(commands_) != 0) broken("it takes no commands");
  return answer();
}

std::string PostgresqlServer::socket() const {
  std::string folder = url_.substr(url_.find('@') + 1);
  folder.resize(folder.find(':'));
  for (auto at = folder.find("%2F"); at != std::string::npos; at = folder.find("%2F"))
    folder.replace(at, 3, "/");
  return folder;
}

void PostgresqlServer::start() {
  ask({{"do", "start"}});
}
void PostgresqlServer::stop() {
  ask({{"do", "stop"}});
}
void PostgresqlServer::kill() {
  ask({{"do", "kill"}});
}

std::string PostgresqlServer::sql(const std::string& text) {
  const auto rows = ask({{"do", "sql"}, {"text", text}}).at("rows");
  return rows.empty() ? "" : rows[0].at(0).get<std::string>();
}

}  // namespace geminga::orchestrator::testing

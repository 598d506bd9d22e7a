#include "mcp/registry_fixture.hpp"

#include <condition_variable>
#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <poll.h>

namespace geminga::mcp {
namespace {

std::string read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

bool is_alive(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(')');
  return end != std::string::npos && stat.at(end + 2) != 'Z';
}

std::vector<pid_t> processes_with(const std::string& marker) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read_file(entry.path() / "cmdline").find(marker) == std::string::npos) continue;
    const pid_t pid = std::stoi(name);
    if (pid != ::getpid() && is_alive(pid)) found.push_back(pid);
  }
  return found;
}

RegistryFixture::RegistryFixture() {
  std::string name = (std::filesystem::temp_directory_path() / "geminga_mcp_XXXXXX").native();
  folder_ = ::mkdtemp(name.data());
  log_ = folder_ / "invocations";
  options_.config_file = folder_ / "mcp.json";
  options_.reaper_program = GEMINGA_MCP_REAPER;
  options_.reaper_arguments = {"reaper"};
  options_.restart_delay_min = std::chrono::milliseconds{20};
}

RegistryFixture::~RegistryFixture() {
  if (registry_) registry_->stop();
  EXPECT_TRUE(eventually([&] { return processes_with(folder_).empty(); }, std::chrono::seconds{2}))
      << "a process was left behind";
  std::filesystem::remove_all(folder_);
}

nlohmann::json RegistryFixture::fixture_server(std::vector<std::string> more) const {
  std::vector<std::string> args{"--log", log_.native()};
  args.insert(args.end(), more.begin(), more.end());
  return {{"command", GEMINGA_MCP_FIXTURE}, {"args", args}};
}

void RegistryFixture::write_config(const nlohmann::json& servers) const {
  const std::filesystem::path fresh = folder_ / "mcp.json.new";
  std::ofstream(fresh) << nlohmann::json{{"mcpServers", servers}};
  std::filesystem::rename(fresh, options_.config_file);
}

void RegistryFixture::open() {
  auto opened = open_registry(options_);
  ASSERT_TRUE(opened) << opened.error().message;
  registry_ = *std::move(opened);
  ASSERT_TRUE(eventually([&] { return registry_->settled(); }));
}

CallOutcome RegistryFixture::call(const std::string& server, const std::string& tool,
                                  const nlohmann::json& arguments, CallOptions options) {
  auto promise = std::make_shared<std::promise<CallOutcome>>();
  auto future = promise->get_future();
  registry_->call(server, tool, arguments.dump(), std::move(options),
                  [promise](CallOutcome outcome) { promise->set_value(std::move(outcome)); });
  if (future.wait_for(std::chrono::seconds{20}) != std::future_status::ready)
    return std::unexpected(CallFailure{.error = {ErrorCode::internal, "no outcome within 20 s"}});
  return future.get();
}

std::string RegistryFixture::text_of(const CallOutcome& outcome) {
  if (!outcome) return "(error) " + outcome.error().error.message;
  const auto content = nlohmann::json::parse(outcome->content);
  return content.empty() ? "" : content.at(0).value("text", std::string());
}

ServerStatus RegistryFixture::status(const std::string& server) {
  for (ServerStatus& one : registry_->status().servers) {
    if (one.name == server) return std::move(one);
  }
  ADD_FAILURE() << "no server " << server;
  return {};
}

bool RegistryFixture::wait_for_state(const std::string& server, ServerState state) {
  return eventually([&] { return status(server).state == state; });
}

std::size_t RegistryFixture::log_lines(const std::string& what) const {
  std::ifstream stream(log_);
  std::size_t count = 0;
  for (std::string line; std::getline(stream, line);) count += line.find(what) != std::string::npos ? 1 : 0;
  return count;
}

}  // namespace geminga::mcp

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcp/registry_fixture.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

std::size_t open_descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class HostileServerTest : public RegistryFixture {
 protected:
  // Opens one server and says why it cannot be used.
  std::string reason_of(const json& server) {
    open({{"s", server}});
    EXPECT_TRUE(wait_for_state("s", ServerState::failed));
    const auto outcome = call("s", "echo");
    EXPECT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, FailureClass::not_executed);
    return status("s").reason;
  }
};

TEST_F(HostileServerTest, ACommandThatIsMissing) {
  const std::string reason = reason_of({{"command", "no-such-mcp-server"}});
  EXPECT_NE(reason.find("'no-such-mcp-server' is not on the PATH"), std::string::npos) << reason;
}

TEST_F(HostileServerTest, AFileThatIsMissingOrNoProgram) {
  EXPECT_NE(reason_of({{"command", "/no/such/file"}}).find("No such file"), std::string::npos);
}

TEST_F(HostileServerTest, AFileThatIsNoProgram) {
  EXPECT_NE(
      reason_of({{"command", "/etc/passwd"}}).find("'/etc/passwd' cannot be started: Permission denied"),
      std::string::npos);
}

TEST_F(HostileServerTest, AWorkingDirectoryThatIsMissing) {
  json server = fixture_server();
  server["cwd"] = "/no/such/folder";
  EXPECT_NE(reason_of(server).find("'/no/such/folder' does not exist"), std::string::npos);
}

TEST_F(HostileServerTest, ExitsAtOnceAndSaysWhyOnStderr) {
  const std::string reason = reason_of(fixture_server({"--exit", "7"}));
  EXPECT_NE(reason.find("exited with code 7"), std::string::npos) << reason;
  EXPECT_NE(reason.find("cannot work today"), std::string::npos) << reason;
  EXPECT_EQ(status("s").stderr_tail, std::vector<std::string>{"fixture: cannot work today"});
  EXPECT_TRUE(eventually([&] { return status("s").restarts >= 2; }));
}

TEST_F(HostileServerTest, NeverAnswersInitialize) {
  options_.settings["s"].start_timeout = milliseconds{200};
  EXPECT_NE(reason_of(fixture_server({"--silent"})).find("within 200 ms"), std::string::npos);
}

TEST_F(HostileServerTest, ASilentServerHoldsUpReadinessOnlyUntilTheDeadline) {
  options_.settle_deadline = milliseconds{300};
  open({{"good", fixture_server()}, {"silent", fixture_server({"--silent"})}});
  EXPECT_EQ(status("silent").state, ServerState::starting);
  EXPECT_TRUE(call("good", "echo"));
  const auto waiting = call("silent", "echo", json::object(), {.timeout = milliseconds{50}});
  EXPECT_EQ(waiting.error().kind, FailureClass::not_executed);
}

TEST_F(HostileServerTest, WritesGarbageWithoutEnd) {
  options_.settings["s"].start_timeout = milliseconds{300};
  reason_of(fixture_server({"--garbage"}));
  EXPECT_GT(status("s").noise_lines, 100U);
}

TEST_F(HostileServerTest, SpeaksAVersionThatNobodyKnows) {
  EXPECT_NE(reason_of(fixture_server({"--version", "1999-12-31"})).find("'1999-12-31'"), std::string::npos);
}

TEST_F(HostileServerTest, ListsWithoutEnd) {
  EXPECT_NE(reason_of(fixture_server({"--endless-cursor"})).find("repeats the cursor"), std::string::npos);
}

TEST_F(HostileServerTest, NoiseAndDamagedTextDoNotHideTheAnswer) {
  open({{"s", fixture_server()}});
  EXPECT_EQ(text_of(call("s", "noise")), "a\xEF\xBF\xBDz");
  EXPECT_EQ(status("s").noise_lines, 4U);
  EXPECT_EQ(status("s").late_answers, 1U);
}

TEST_F(HostileServerTest, FloodsStderr) {
  open({{"s", fixture_server()}});
  EXPECT_EQ(text_of(call("s", "flood", {{"lines", 200'000}})), "flooded");
  EXPECT_TRUE(eventually([&] {
    return status("s").stderr_tail.size() == 20 && status("s").stderr_tail.back() == "flood line 199999";
  }));
}

TEST_F(HostileServerTest, AnAnswerOverTheLimitIsRefusedAndTheServerStays) {
  options_.settings["s"].max_message_bytes = 1'000'000;
  open({{"s", fixture_server()}});
  EXPECT_EQ(text_of(call("s", "big", {{"bytes", 900'000}})).size(), 900'000U);
  const auto refused = call("s", "big", {{"bytes", 100'000'000}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureClass::final);
  EXPECT_EQ(refused.error().error.code, ErrorCode::too_large);
  EXPECT_NE(refused.error().error.message.find("max_message_bytes"), std::string::npos);
  EXPECT_EQ(status("s").state, ServerState::ready);
  EXPECT_TRUE(call("s", "echo"));
}

TEST_F(HostileServerTest, AsksOnAndOnAndReadsNoAnswer) {
  open({{"s", fixture_server()}});
  const auto outcome = call("s", "pester");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, FailureClass::outcome_unknown);
  EXPECT_NE(outcome.error().error.message.find("does not take the answers"), std::string::npos)
      << outcome.error().error.message;
  EXPECT_TRUE(eventually([&] { return text_of(call("s", "echo", {{"text", "again"}})) == "again"; }));
}

TEST_F(HostileServerTest, ClosesItsStdoutAndLivesOn) {
  open({{"s", fixture_server()}});
  const auto outcome = call("s", "close_stdout");
  EXPECT_EQ(outcome.error().kind, FailureClass::outcome_unknown);
  EXPECT_NE(outcome.error().error.message.find("closed its stdout"), std::string::npos);
  EXPECT_TRUE(
      eventually([&] { return status("s").restarts == 1 && status("s").state == ServerState::ready; }));
}

TEST_F(HostileServerTest, AStubbornDaemonGoesWithItsServer) {
  open({{"s", fixture_server({"--ignore-term"})}});
  const pid_t daemon = std::stoi(text_of(call("s", "stubborn_daemon")));
  ASSERT_TRUE(is_alive(daemon));
  const auto start = std::chrono::steady_clock::now();
  registry_->stop();
  EXPECT_FALSE(is_alive(daemon));
  EXPECT_TRUE(processes_with(folder_).empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{2});
}

TEST_F(HostileServerTest, ADaemonGoesWhenItsServerDies) {
  open({{"s", fixture_server()}});
  const pid_t daemon = std::stoi(text_of(call("s", "stubborn_daemon")));
  EXPECT_FALSE(call("s", "die"));
  EXPECT_TRUE(eventually([&] { return !is_alive(daemon); }, milliseconds{2'000}));
}

TEST_F(HostileServerTest, NothingOutlivesASigkillOfTheParent) {
  write_config({{"s", fixture_server({"--ignore-term"})}});
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {  // what serve does, in a process of its own
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    auto registry = open_registry(options_);
    if (!registry) ::_exit(1);
    (*registry)->call("s", "stubborn_daemon", "", {}, [&](CallOutcome outcome) {
      const pid_t daemon = outcome ? std::stoi(text_of(outcome)) : 0;
      if (::write(pipe_fds[1], &daemon, sizeof daemon) < 0) ::_exit(1);
    });
    while (true) ::pause();
  }
  pid_t daemon = 0;
  ASSERT_EQ(::read(pipe_fds[0], &daemon, sizeof daemon), static_cast<ssize_t>(sizeof daemon));
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  ASSERT_TRUE(is_alive(daemon));
  ASSERT_GE(processes_with(log_).size(), 2U);  // reaper and server
  ASSERT_EQ(::kill(parent, SIGKILL), 0);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(
      eventually([&] { return !is_alive(daemon) && processes_with(log_).empty(); }, milliseconds{2'000}));
}

TEST_F(HostileServerTest, AReaperThatIsKilledTakesTheServerWithIt) {
  open({{"s", fixture_server({"--ignore-term"})}});
  for (const pid_t pid : processes_with(folder_)) {
    char name[64] = {};
    std::ifstream("/proc/" + std::to_string(pid) + "/comm").getline(name, sizeof name);
    if (std::string_view(name).starts_with("geminga_mcp_rea")) ::kill(pid, SIGKILL);
  }
  EXPECT_TRUE(
      eventually([&] { return status("s").restarts == 1 && status("s").state == ServerState::ready; }));
  EXPECT_TRUE(eventually([&] { return processes_with(folder_).size() == 2; }, milliseconds{2'000}));
}

// Everything that a server does wrong, at once and over and over; `./dev e2e hostile` is the long form.
TEST_F(HostileServerTest, TheWholeKitLeavesNothingBehind) {
  const char* wish = std::getenv("GEMINGA_HOSTILE_ROUNDS");
  const int rounds = wish == nullptr ? 2 : std::stoi(wish);
  for (const char* name : {"silent", "garbage", "good", "stubborn"}) {
    options_.settings[name].start_timeout = milliseconds{500};
    options_.settings[name].max_message_bytes = 1'000'000;
  }
  options_.settings["good"].start_timeout = options_.settings["stubborn"].start_timeout =
      std::chrono::seconds{20};
  std::size_t descriptors = 0;
  for (int round = 0; round < rounds; ++round) {
    open({{"good", fixture_server()},
          {"stubborn", fixture_server({"--ignore-term"})},
          {"exits", fixture_server({"--exit", "7"})},
          {"silent", fixture_server({"--silent"})},
          {"garbage", fixture_server({"--garbage"})},
          {"missing", {{"command", "no-such-mcp-server"}}}});
    EXPECT_EQ(call("good", "never", json::object(), {.timeout = milliseconds{20}}).error().kind,
              FailureClass::outcome_unknown);
    EXPECT_EQ(text_of(call("good", "noise")), "a\xEF\xBF\xBDz")
        << "lines that are none, a wrong id, no UTF-8";
    EXPECT_EQ(text_of(call("good", "flood", {{"lines", 20'000}})), "flooded");
    EXPECT_EQ(call("good", "big", {{"bytes", 100'000'000}}).error().error.code, ErrorCode::too_large);
    EXPECT_TRUE(call("good", "stubborn_daemon"));
    EXPECT_TRUE(call("stubborn", "stubborn_daemon"));
    for (const char* tool : {"die", "close_stdout", "pester"})
      EXPECT_EQ(call("good", tool).error().kind, FailureClass::outcome_unknown) << tool;
    EXPECT_EQ(text_of(call("good", "echo", {{"text", "still here"}})), "still here");
    registry_->stop();
    registry_.reset();
    ASSERT_TRUE(eventually([this] { return processes_with(folder_).empty(); }))
        << "orphans in round " << round;
    if (round == 0) descriptors = open_descriptors();
    ASSERT_EQ(open_descriptors(), descriptors) << "descriptors in round " << round;
  }
}

TEST_F(HostileServerTest, ManyRestartsLeaveNoDescriptorAndNoZombie) {
  options_.restart_delay_max = milliseconds{20};
  open({{"s", fixture_server()}});
  EXPECT_FALSE(call("s", "die"));
  ASSERT_TRUE(call("s", "echo"));
  const std::size_t descriptors = open_descriptors();
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(call("s", "die").error().kind, FailureClass::outcome_unknown);
    EXPECT_TRUE(call("s", "echo")) << i;
  }
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(status("s").restarts, 16U);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), 0) << "a zombie: the one child is the reaper that runs";
}

}  // namespace
}  // namespace geminga::mcp

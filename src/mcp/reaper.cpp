#include "mcp/reaper.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "mcp/clean_signals.hpp"
#include "mcp/reaper_protocol.hpp"

extern char** environ;

// States: spawn -> watch (server runs) -> end (no child left). Events: control pipe closed, told or SIGTERM
// -> end; a child died -> reaped, and when it was the server -> end. Invariant: nothing that the server
// started outlives this process, because orphans become our children (subreaper) and we leave only when there
// is no child.
namespace geminga::mcp {
namespace {

using Clock = std::chrono::steady_clock;

// SIGTERM at once, SIGKILL after this: together well within the second that is promised.
constexpr std::chrono::milliseconds kGrace{600};
constexpr std::chrono::milliseconds kRound{10};

void report(std::string_view line) {
  [[maybe_unused]] const ssize_t written = ::write(kReaperStatusFd, line.data(), line.size());
}

void close_on_exec(int descriptor) {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

// Process to parent, of the whole machine; /proc/<pid>/task/*/children is not in every kernel.
std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> result;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return result;
  while (const dirent* entry = ::readdir(proc)) {
    const std::string_view name(entry->d_name);
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc()) continue;
    const int file = ::open(fmt::format("/proc/{}/stat", name).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    char text[512];
    const ssize_t length = ::read(file, text, sizeof text);
    ::close(file);
    // "pid (name) state ppid ...": the name may hold anything, also ")".
    const std::string_view stat(text, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    const std::size_t end = stat.rfind(')');
    if (end == std::string_view::npos || end + 4 >= stat.size()) continue;
    pid_t parent = 0;
    std::from_chars(stat.data() + end + 4, stat.data() + stat.size(), parent);
    result.emplace(pid, parent);
  }
  ::closedir(proc);
  return result;
}

void signal_descendants(int signal) {
  const std::map<pid_t, pid_t> parent_of = parents();
  const pid_t self = ::getpid();
  for (const auto& [pid, parent] : parent_of) {
    pid_t above = parent;
    for (int depth = 0; above > 1 && above != self && depth < 1'000; ++depth) {
      const auto next = parent_of.find(above);
      above = next == parent_of.end() ? 0 : next->second;
    }
    if (above == self) ::kill(pid, signal);
  }
}

// Reaps what has ended. False when there is no child any more.
bool reap(pid_t server, int& server_status) {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid == server) server_status = status;
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

void end_tree(pid_t server, int& server_status) {
  const Clock::time_point start = Clock::now();
  signal_descendants(SIGTERM);
  for (bool term = true; reap(server, server_status);) {
    if (term && Clock::now() - start >= kGrace) term = false;
    if (!term) signal_descendants(SIGKILL);
    ::poll(nullptr, 0, static_cast<int>(kRound.count()));
  }
}

// Waits until the server has ended or nobody wants it any more.
void watch(pid_t server, int signals, int& server_status, bool& server_ended) {
  pollfd sources[2] = {{kReaperControlFd, POLLIN, 0}, {signals, POLLIN, 0}};
  while (true) {
    if (::poll(sources, 2, -1) < 0) continue;
    if (sources[0].revents != 0) return;  // told to, or the other end is gone
    if ((sources[1].revents & POLLIN) == 0) continue;
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGCHLD) return;
    server_status = -1;
    const bool any_left = reap(server, server_status);
    server_ended = server_status != -1 || !any_left;
    if (server_ended) return;
  }
}

int spawn_server(char** argv, pid_t& server) {
  const CleanSignals clean;
  return ::posix_spawn(&server, argv[0], nullptr, clean.get(), argv + 1, environ);
}

// The server's stdout must end for serve when the server and its children have gone, so no copy stays here.
void let_go_of_stdio() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int descriptor : {0, 1, 2}) ::dup2(null, descriptor);
  if (null > 2) ::close(null);
}

int block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &set, SFD_CLOEXEC);
}

}  // namespace

int reaper_main(int argc, char** argv) {
  if (argc < 2 || ::fcntl(kReaperControlFd, F_GETFD) < 0 || ::fcntl(kReaperStatusFd, F_GETFD) < 0) return 2;
  close_on_exec(kReaperControlFd);
  close_on_exec(kReaperStatusFd);
  ::setsid();
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    report(fmt::format("{}{}\n", kReaperSpawnFailed, errno));
    return 1;
  }
  const int signals = block_signals();
  pid_t server = 0;
  if (const int error = spawn_server(argv, server); error != 0) {
    report(fmt::format("{}{}\n", kReaperSpawnFailed, error));
    return 1;
  }
  let_go_of_stdio();
  report(fmt::format("{}{}\n", kReaperSpawned, server));
  int status = 0;
  bool ended = false;
  watch(server, signals, status, ended);
  if (ended) report(fmt::format("{}{}\n", kReaperEnded, status));
  end_tree(server, status);
  return 0;
}

}  // namespace geminga::mcp

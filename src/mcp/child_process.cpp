#include "mcp/child_process.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/try.hpp"
#include "mcp/clean_signals.hpp"
#include "mcp/reaper_protocol.hpp"

namespace geminga::mcp {
namespace {

constexpr std::array<const char*, 9> kInherited{"PATH", "HOME", "USER", "LOGNAME", "SHELL",
                                                "TERM", "LANG", "TZ",   "TMPDIR"};
// Above every descriptor that the reaper gets a meaning for, so that dup2 never overwrites one that is still
// needed.
constexpr int kFirstFreeFd = 10;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Result<Descriptor> move_up(Descriptor from) {
  Descriptor moved(::fcntl(from.get(), F_DUPFD_CLOEXEC, kFirstFreeFd));
  if (moved.get() < 0)
    return fail(ErrorCode::spawn_failed, fmt::format("no descriptor for a pipe: {}", std::strerror(errno)));
  return moved;
}

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0)
    return fail(ErrorCode::spawn_failed, fmt::format("no pipe: {}", std::strerror(errno)));
  Descriptor read(fds[0]);
  Descriptor write(fds[1]);
  Pipe pipe;
  GEMINGA_TRY(pipe.read, move_up(std::move(read)));
  GEMINGA_TRY(pipe.write, move_up(std::move(write)));
  return pipe;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

bool is_executable_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

// The reaper's descriptors 0 to 4, in this order.
int spawn(const ReaperCommand& reaper, std::vector<std::string> arguments,
          std::vector<std::string> environment, const std::filesystem::path& cwd,
          const std::array<int, 5>& descriptors, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (std::size_t i = 0; i < descriptors.size(); ++i)
    posix_spawn_file_actions_adddup2(&actions, descriptors[i], static_cast<int>(i));
  // Not every library of ours opens with O_CLOEXEC: a listening socket or the lock of the data directory must
  // not live on in a child when we die.
  posix_spawn_file_actions_addclosefrom_np(&actions, static_cast<int>(descriptors.size()));
  if (!cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, cwd.c_str());
  const CleanSignals clean;
  const int error = ::posix_spawn(&pid, reaper.program.c_str(), &actions, clean.get(),
                                  pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

Result<std::string> find_command(const std::string& command) {
  if (command.find('/') != std::string::npos) return command;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const std::filesystem::path candidate = std::filesystem::path(folder.empty() ? "." : folder) / command;
    if (is_executable_file(candidate)) return std::filesystem::absolute(candidate).native();
  }
  return fail(
      ErrorCode::spawn_failed,
      fmt::format("command '{}' is not on the PATH ({}); install it, or write its full path in mcp.json",
                  command, path == nullptr ? "unset" : path));
}

std::vector<std::string> child_environment(const StdioEndpoint& endpoint) {
  std::map<std::string, std::string> variables = endpoint.env;
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name); value != nullptr) variables.emplace(name, value);
  }
  std::vector<std::string> result;
  result.reserve(variables.size());
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

Result<ChildProcess> spawn_under_reaper(const StdioEndpoint& endpoint, const ReaperCommand& reaper) {
  std::error_code ignored;
  if (!endpoint.cwd.empty() && !std::filesystem::is_directory(endpoint.cwd, ignored)) {
    return fail(ErrorCode::spawn_failed,
                fmt::format("the working directory '{}' does not exist; correct 'cwd' in mcp.json",
                            endpoint.cwd.native()));
  }
  GEMINGA_TRY(std::string program, find_command(endpoint.command));
  GEMINGA_TRY(Pipe input, make_pipe());
  GEMINGA_TRY(Pipe output, make_pipe());
  GEMINGA_TRY(Pipe errors, make_pipe());
  GEMINGA_TRY(Pipe control, make_pipe());
  GEMINGA_TRY(Pipe status, make_pipe());
  for (const int ours :
       {input.write.get(), output.read.get(), errors.read.get(), control.write.get(), status.read.get()})
    ::fcntl(ours, F_SETFL, O_NONBLOCK);

  std::vector<std::string> arguments{"geminga"};
  arguments.insert(arguments.end(), reaper.arguments.begin(), reaper.arguments.end());
  arguments.push_back(std::move(program));
  arguments.push_back(endpoint.command);
  arguments.insert(arguments.end(), endpoint.args.begin(), endpoint.args.end());
  ChildProcess child;
  const int error = spawn(
      reaper, std::move(arguments), child_environment(endpoint), endpoint.cwd,
      {input.read.get(), output.write.get(), errors.write.get(), control.read.get(), status.write.get()},
      child.reaper);
  if (error != 0) {
    return fail(ErrorCode::spawn_failed, fmt::format("the reaper '{}' cannot be started: {}",
                                                     reaper.program.native(), std::strerror(error)));
  }
  child.stdin_fd = input.write.release();
  child.stdout_fd = output.read.release();
  child.stderr_fd = errors.read.release();
  child.control_fd = control.write.release();
  child.status_fd = status.read.release();
  return child;
}

}  // namespace geminga::mcp

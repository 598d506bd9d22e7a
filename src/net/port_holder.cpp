#include "net/port_holder.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/core.h>

namespace geminga::net {

namespace {

namespace fs = std::filesystem;

/// Inodes of the listening sockets of that port, from a table of the form of /proc/net/tcp (proc(5)).
void collect_inodes(const char* table, std::uint16_t port, std::set<std::string>& inodes) {
  std::ifstream in(table);
  const std::string suffix = fmt::format(":{:04X}", port);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    if (state == "0A" && local.ends_with(suffix)) inodes.insert(fmt::format("socket:[{}]", inode));
  }
}

bool holds_one(const fs::path& process, const std::set<std::string>& inodes) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error)) {
    std::error_code unreadable;
    if (inodes.contains(fs::read_symlink(fd->path(), unreadable).string())) return true;
  }
  return false;
}

}  // namespace

std::string describe_port_holder(std::uint16_t port) {
  std::set<std::string> inodes;
  collect_inodes("/proc/net/tcp", port, inodes);
  collect_inodes("/proc/net/tcp6", port, inodes);
  if (inodes.empty()) return {};
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end;
       process.increment(error)) {
    const std::string pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!holds_one(process->path(), inodes)) continue;
    std::string name;
    std::getline(std::ifstream(process->path() / "comm") >> std::ws, name);
    return fmt::format("process {} ({})", pid, name);
  }
  return {};
}

}  // namespace geminga::net

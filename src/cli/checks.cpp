#include "cli/checks.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/remote.hpp"
#include "mcp/child_process.hpp"
#include "net/http_url.hpp"
#include "orchestrator/matching/rules.hpp"

namespace geminga::cli {
namespace {

namespace fs = std::filesystem;
constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

Finding good(std::string check, std::string found) {
  return {.check = std::move(check), .verdict = Verdict::good, .found = std::move(found)};
}
Finding warning(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Verdict::warning, std::move(found), std::move(remedy)};
}
Finding bad(std::string check, std::string found, std::string remedy) {
  return {std::move(check), Verdict::bad, std::move(found), std::move(remedy)};
}

/// The directory itself, or the nearest one above it that exists.
fs::path existing_part(fs::path path) {
  std::error_code ignored;
  path = fs::absolute(path, ignored);
  while (!fs::exists(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path;
}

std::vector<Finding> check_config(const ServeSettings& settings, const Arguments&) {
  const std::string file =
      settings.config_file.empty() ? "no geminga.toml named" : settings.config_file.string();
  return {good("config", file), good("bus", fmt::format("{} ({})", settings.bus_url, settings.bus_reason))};
}

std::vector<Finding> check_data_dir(const ServeSettings& settings, const Arguments&) {
  const fs::path there = existing_part(settings.data_dir);
  std::vector<Finding> findings;
  if (::access(there.c_str(), W_OK | X_OK) != 0) {
    return {bad("data dir",
                fmt::format("{} is not writable for this user: {}", there.string(), std::strerror(errno)),
                "give it to this user (chown), or name another with --data-dir")};
  }
  findings.push_back(
      good("data dir",
           settings.data_dir.string() + (there == fs::absolute(settings.data_dir) ? "" : " (will be made)")));
  struct statvfs space{};
  if (::statvfs(there.c_str(), &space) == 0) {
    const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
    const double total = static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize);
    const std::string text = fmt::format("{:.1f} GiB free of {:.1f}", free / kGibibyte, total / kGibibyte);
    const double needed = std::max(2.0 * kGibibyte, total * 0.05);
    findings.push_back(free > needed
                           ? good("disk space", text)
                           : warning("disk space", text,
                                     "free some space: publishing is refused when the disk is nearly full"));
  }
  return findings;
}

/// p50 and p99 in milliseconds of 4 KiB written and made durable.
struct SyncTimes {
  double p50 = 0;
  double p99 = 0;
};

std::optional<SyncTimes> measure_sync(const fs::path& folder) {
  std::string name = (folder / ".geminga-doctor-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  if (file < 0) return std::nullopt;
  ::unlink(name.c_str());
  constexpr std::size_t kRounds = 100;
  const std::array<char, 4096> block{};
  std::vector<double> times;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    const auto offset = static_cast<off_t>(round * block.size());
    if (::pwrite(file, block.data(), block.size(), offset) < 0 || ::fdatasync(file) != 0) break;
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  ::close(file);
  if (times.size() < kRounds) return std::nullopt;
  std::sort(times.begin(), times.end());
  return SyncTimes{.p50 = times[kRounds / 2], .p99 = times[kRounds - 1 - kRounds / 100]};
}

std::vector<Finding> check_fsync(const ServeSettings& settings, const Arguments&) {
  const auto times = measure_sync(existing_part(settings.data_dir));
  if (!times) {
    return {bad("fsync", "a small file could not be written and made durable there",
                "look at the disk and at the rights of the directory")};
  }
  const std::string text =
      fmt::format("4 KiB durable in {:.2f} ms (p50), {:.2f} ms (p99)", times->p50, times->p99);
  if (times->p50 > 20) {
    return {warning("fsync", text,
                    "every acknowledgement waits for this; put the data directory on a faster disk")};
  }
  if (times->p50 < 0.01) {
    return {warning("fsync", text,
                    "too fast for a disk: this looks like memory (tmpfs) or a device that lies; data may not "
                    "survive a power cut")};
  }
  return {good("fsync", text)};
}

std::vector<Finding> check_port(const ServeSettings& settings, const Arguments&) {
  const auto endpoint = parse_endpoint(settings.http, "the HTTP address");
  if (!endpoint) return {bad("http", endpoint.error().message, "")};
  if (endpoint->port == 0) return {good("http", settings.http + " (a free port)")};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error =
          ::getaddrinfo(endpoint->host.c_str(), std::to_string(endpoint->port).c_str(), &hints, &found);
      error != 0) {
    return {bad("http", fmt::format("{} does not resolve: {}", endpoint->host, ::gai_strerror(error)),
                "write an address of this machine")};
  }
  const int listener = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free = ::bind(listener, found->ai_addr, found->ai_addrlen) == 0;
  const int why = errno;
  ::close(listener);
  ::freeaddrinfo(found);
  if (free) return {good("http", settings.http + " is free")};
  if (why == EADDRINUSE) {
    return {warning("http", settings.http + " is in use",
                    "fine if that is a running geminga; otherwise name another port with --http")};
  }
  return {bad("http", fmt::format("{}: {}", settings.http, std::strerror(why)),
              "name another address with --http; ports below 1024 need root")};
}

std::vector<Finding> check_limits(const ServeSettings&, const Arguments&) {
  constexpr rlim_t kWanted = 4'096;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const std::string text = fmt::format("{} open files (at most {})", files.rlim_cur, files.rlim_max);
  if (files.rlim_cur >= kWanted) return {good("limits", text)};
  return {
      warning("limits", text, "`ulimit -n 65536` in the shell, or LimitNOFILE=65536 in the systemd unit")};
}

std::vector<Finding> check_clock(const ServeSettings&, const Arguments&) {
  constexpr auto kBuilt = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
  if (std::chrono::system_clock::now() < kBuilt) {
    return {bad("clock", "the clock of this machine is years behind",
                "set it, and let systemd-timesyncd or chrony keep it")};
  }
  timex state{};
  const bool synchronised = ::adjtimex(&state) != TIME_ERROR;
  if (synchronised) return {good("clock", "kept by a time service")};
  return {warning("clock", "no time service keeps it (delays and retention follow it)",
                  "install systemd-timesyncd or chrony, unless the host keeps the time of this container")};
}

Finding check_command(const std::string& server, const mcp::StdioEndpoint& program) {
  const auto path = mcp::find_command(program.command);
  if (!path) return bad("mcp", fmt::format("{}: {}", server, path.error().message), "");
  const fs::path file = program.cwd / *path;
  if (::access(file.c_str(), X_OK) == 0) return good("mcp", fmt::format("{}: {}", server, file.string()));
  return bad("mcp", fmt::format("{}: {}: {}", server, file.string(), std::strerror(errno)),
             "install it, or correct 'command' in mcp.json");
}

std::vector<Finding> check_mcp(const ServeSettings& settings, const Arguments&) {
  if (settings.mcp.empty()) {
    return {warning("mcp", "no mcp.json is named",
                    "without servers every question ends in a plan; name one with --mcp")};
  }
  const auto set = mcp::load_servers(settings.mcp, settings.servers);
  if (!set) return {bad("mcp", set.error().message, "")};
  std::vector<Finding> findings{
      good("mcp", fmt::format("{}: {} {}", settings.mcp.string(), set->servers.size(),
                              set->servers.size() == 1 ? "server" : "servers"))};
  for (const auto& text : set->warnings) findings.push_back(warning("mcp", text, "this key has no effect"));
  for (const auto& server : set->servers) {
    const auto* program = std::get_if<mcp::StdioEndpoint>(&server.endpoint);
    if (program == nullptr) {
      findings.push_back(
          good("mcp", fmt::format("{}: {}", server.name,
                                  net::loggable_url(std::get<mcp::HttpEndpoint>(server.endpoint).url))));
      continue;
    }
    findings.push_back(check_command(server.name, *program));
  }
  return findings;
}

std::vector<Finding> check_rules(const ServeSettings& settings, const Arguments&) {
  if (settings.rules.empty()) return {good("rules", "the built-in ones")};
  const auto rules = orchestrator::RuleSet::load(settings.rules);
  if (!rules) return {bad("rules", rules.error().message, "")};
  return {good("rules", fmt::format("{}: {} rules", settings.rules.string(), rules->size()))};
}

std::vector<Finding> check_server(const ServeSettings&, const Arguments& arguments) {
  Remote remote(arguments);
  const auto ready = remote.send({.path = "/readyz", .timeout = std::chrono::seconds{5}});
  if (!ready)
    return {warning("serve", "none answers at " + remote.url(),
                    "start it with `geminga serve`, or name it with --server")};
  if (!ready->good())
    return {warning("serve", fmt::format("{} answers but is not ready: {}", remote.url(), error_text(*ready)),
                    "wait, or look at its log")};
  return {good("serve", remote.url() + " is ready")};
}

}  // namespace

std::vector<Check> all_checks() {
  return {check_config, check_data_dir, check_fsync, check_port,  check_limits,
          check_clock,  check_mcp,      check_rules, check_server};
}

}  // namespace geminga::cli

#pragma once

#include <functional>
#include <memory>

#include "mcp/registry.hpp"
#include "mcp/upstream.hpp"

namespace geminga::base {
class EventLoop;
}
namespace geminga::net {
class BlockingPool;
class HttpClient;
}  // namespace geminga::net
namespace geminga::mcp::oauth {
class Authorizer;
}

namespace geminga::mcp {

enum class Era : std::uint8_t;

/// Makes what a server of the configuration is spoken to with, and writes what is kept of it. It lives on the
/// registry's loop.
class Upstreams {
 public:
  /// All of them must live longer.
  Upstreams(base::EventLoop& loop, net::HttpClient& client, const RegistryOptions& options);
  ~Upstreams();
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;

  /// Its tokens, over all lives of the server; nullptr where none may be got. `on_authorized`: a person has
  /// agreed.
  [[nodiscard]] std::shared_ptr<oauth::Authorizer> authorizer(const ServerConfig& config,
                                                              std::function<void()> on_authorized);
  /// One life of it; `era` is what is known from earlier ones.
  [[nodiscard]] std::unique_ptr<Upstream> connect(const ServerConfig& config,
                                                  const std::shared_ptr<oauth::Authorizer>& authorizer,
                                                  const std::shared_ptr<Era>& era);
  [[nodiscard]] std::filesystem::path pins_file(const ServerConfig& config) const;

  /// Runs what writes a file on a thread beside the loop, one after the other: a sync takes what the disk
  /// takes.
  void write_later(std::function<void()> write);
  /// After it all of that has been written. Blocks.
  void finish_writing();

 private:
  base::EventLoop& loop_;
  net::HttpClient& client_;
  const RegistryOptions& options_;
  std::unique_ptr<net::BlockingPool> writer_;  // while there is something to write
};

}  // namespace geminga::mcp

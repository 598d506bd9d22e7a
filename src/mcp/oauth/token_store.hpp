#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <geminga/error.hpp>

#include "mcp/oauth/metadata.hpp"
#include "mcp/oauth/requests.hpp"

namespace geminga::mcp::oauth {

/// What a grant leaves behind; with it tokens are renewed without asking anybody again.
struct Credentials {
  std::string server_url{};  ///< the MCP server that they are for
  std::string resource{};
  ServerMetadata server{};
  Client client{};
  Tokens tokens{};
};

/// One file per MCP server: JSON, mode 0600, replaced whole. An empty path keeps nothing.
class TokenStore {
 public:
  explicit TokenStore(std::filesystem::path file) : file_(std::move(file)) {}

  /// Nothing where there is no file, or one of another server.
  [[nodiscard]] std::optional<Credentials> load(const std::string& server_url) const;
  /// Neither a key nor a secret that the configuration gives is written. Blocks.
  /// Errors: those of base::FileSystem.
  Result<> save(const Credentials& credentials, bool with_secret) const;

 private:
  std::filesystem::path file_;
};

}  // namespace geminga::mcp::oauth

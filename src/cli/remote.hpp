#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "cli/verb.hpp"

namespace geminga::cli {

/// `--server URL`, for every verb that talks to a running `serve`.
Option server_option();

/// `--token-file FILE`, beside server_option().
Option token_option();

/// What the server answered. A status of 400 and above is an answer too.
struct Reply {
  int status = 0;
  std::string content_type;
  std::string body;
  [[nodiscard]] bool good() const { return status >= 200 && status < 300; }
};

/// A connection to a running `geminga serve`. Blocks; one thread at a time.
class Remote {
 public:
  /// --server, then GEMINGA_URL, then http://127.0.0.1:8080. With the token of --token-file, else that of
  /// GEMINGA_TOKEN, where there is one; send() says what is wrong with the file.
  explicit Remote(const Arguments& arguments);
  ~Remote();
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

  struct Call {
    std::string method = "GET";
    std::string path;  ///< encoded, with its query
    std::string body = {};
    std::string idempotency_key = {};
    std::chrono::milliseconds timeout{30'000};
    /// Takes the body in pieces (an event stream); false ends it.
    std::function<bool(std::string_view piece)> on_data = {};
  };
  /// Fails only when no answer came; then the text says what to do.
  std::expected<Reply, Failure> send(Call call);
  /// The answer's JSON; an error status becomes a Failure with the server's own text.
  std::expected<nlohmann::ordered_json, Failure> get(std::string path);
  std::expected<nlohmann::ordered_json, Failure> post(std::string path, const nlohmann::ordered_json& body);
  /// POST without a body.
  std::expected<nlohmann::ordered_json, Failure> post(std::string path);

 private:
  struct Impl;
  std::string url_;
  Result<std::string> token_;  ///< empty: none
  std::unique_ptr<Impl> impl_;
};

/// "not_found: job '...' does not exist", from {error, message} of a body that may be anything.
std::string error_text(const Reply& reply);
/// "not_found"; empty where the reply is good or says nothing.
std::string error_code_of(const Reply& reply);
Failure failure_of(const Reply& reply);
/// The JSON of a good reply, or its Failure.
std::expected<nlohmann::ordered_json, Failure> json_of(const Reply& reply);
/// JSON as a body; bytes that are not UTF-8 become U+FFFD.
std::string body_text(const nlohmann::ordered_json& body);
/// For one segment of a path or one value of a query.
std::string url_encoded(std::string_view text);

/// GEMINGA_TRY for Outcome and its kin.
#define GEMINGA_CLI_TRY(declaration, expression) \
  GEMINGA_CLI_TRY_INNER(declaration, expression, GEMINGA_CLI_CONCAT(cli_try_, __LINE__))
#define GEMINGA_CLI_CONCAT_INNER(a, b) a##b
#define GEMINGA_CLI_CONCAT(a, b) GEMINGA_CLI_CONCAT_INNER(a, b)
#define GEMINGA_CLI_TRY_INNER(declaration, expression, result)                             \
  auto result = (expression);                                                              \
  if (!result) return std::unexpected(::geminga::cli::Failure(std::move(result).error())); \
  declaration = *std::move(result)

}  // namespace geminga::cli

#include "cli/remote.hpp"

#include <cstdlib>
#include <future>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "cli/token_file.hpp"
#include "net/http_client.hpp"
#include "net/http_path.hpp"

namespace geminga::cli {

using nlohmann::ordered_json;

struct Remote::Impl {
  base::EventLoop loop{"remote"};
  net::HttpClient client{loop};
  ~Impl() {
    client.stop();
    loop.stop();
  }
};

Option server_option() {
  return {.name = "server",
          .value = Value::endpoint,
          .metavar = "URL",
          .help = "the running `geminga serve` (http://127.0.0.1:8080)",
          .environment = "GEMINGA_URL"};
}

Option token_option() {
  return {.name = "token-file",
          .value = Value::file,
          .metavar = "FILE",
          .help = "a file with the token that says who asks; GEMINGA_TOKEN holds one, or file:///path",
          .environment = "GEMINGA_TOKEN"};
}

Remote::Remote(const Arguments& arguments) : token_(token_of(arguments)), impl_(std::make_unique<Impl>()) {
  const char* named = std::getenv("GEMINGA_URL");
  url_ = arguments.text("server", named == nullptr || *named == '\0' ? "http://127.0.0.1:8080" : named);
  if (url_.find("://") == std::string::npos) url_ = "http://" + url_;
  while (url_.ends_with('/')) url_.pop_back();
}

Remote::~Remote() = default;

std::expected<Reply, Failure> Remote::send(Call call) {
  if (!token_) return failed(token_.error());
  net::ClientRequest request{.method = call.method, .url = url_ + call.path, .body = std::move(call.body)};
  request.timeout = call.timeout;
  request.connect_timeout = std::chrono::milliseconds{5'000};
  if (!request.body.empty()) request.headers.set("Content-Type", "application/json");
  if (!call.idempotency_key.empty()) request.headers.set("Idempotency-Key", call.idempotency_key);
  if (!token_->empty()) request.headers.set("Authorization", "Bearer " + *token_);
  std::promise<Result<net::ClientResponse>> promise;
  bool ended_by_us = false;
  int streamed_status = 0;
  std::uint64_t number = 0;
  if (call.on_data) {
    request.on_head = [&](int status, const net::HttpHeaders&) { streamed_status = status; };
    request.on_data = [&](std::string_view piece) {
      if (ended_by_us || call.on_data(piece)) return;
      ended_by_us = true;
      impl_->client.cancel(number);
    };
  }
  // The number is known to the loop before any answer is: both happen on it.
  impl_->loop.run([&] {
    number = impl_->client.send(
        std::move(request), [&](Result<net::ClientResponse> done) { promise.set_value(std::move(done)); });
  });
  Result<net::ClientResponse> done = promise.get_future().get();
  if (ended_by_us) return Reply{.status = streamed_status, .content_type = {}, .body = {}};
  if (!done) {
    return failed(
        fmt::format("no answer from {}: {}. Start it with `geminga serve`, or name a running one with "
                    "--server URL or GEMINGA_URL",
                    url_, done.error().message));
  }
  return Reply{.status = done->status,
               .content_type = std::string(done->headers.get("Content-Type")),
               .body = std::move(done->body)};
}

std::string error_text(const Reply& reply) {
  const auto body = ordered_json::parse(reply.body, nullptr, false);
  if (body.is_object() && body.contains("message") && body["message"].is_string()) {
    std::string text = body["message"].get<std::string>();
    if (body.contains("requestId") && body["requestId"].is_string()) {
      text += fmt::format(" (request {})", body["requestId"].get<std::string>());
    }
    return text;
  }
  return fmt::format("the server answered {} with something that is no answer of geminga", reply.status);
}

std::string error_code_of(const Reply& reply) {
  if (reply.good()) return {};
  const auto body = ordered_json::parse(reply.body, nullptr, false);
  return body.is_object() ? body.value("error", "") : std::string();
}

Failure failure_of(const Reply& reply) {
  const bool disk = error_code_of(reply) == "disk_error";
  return {disk ? kExitDisk : kExitFailed, error_text(reply)};
}

std::expected<ordered_json, Failure> json_of(const Reply& reply) {
  if (!reply.good()) return std::unexpected(failure_of(reply));
  auto body = ordered_json::parse(reply.body, nullptr, false);
  if (body.is_discarded()) return std::unexpected(Failure{kExitFailed, error_text(reply)});
  return body;
}

std::expected<ordered_json, Failure> Remote::get(std::string path) {
  GEMINGA_CLI_TRY(const Reply reply, send({.path = std::move(path)}));
  return json_of(reply);
}

std::expected<ordered_json, Failure> Remote::post(std::string path, const ordered_json& body) {
  GEMINGA_CLI_TRY(const Reply reply,
                  send({.method = "POST", .path = std::move(path), .body = body_text(body)}));
  return json_of(reply);
}

std::expected<ordered_json, Failure> Remote::post(std::string path) {
  GEMINGA_CLI_TRY(const Reply reply, send({.method = "POST", .path = std::move(path)}));
  return json_of(reply);
}

std::string body_text(const ordered_json& body) {
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string url_encoded(std::string_view text) {
  return net::percent_encode(text);
}

}  // namespace geminga::cli

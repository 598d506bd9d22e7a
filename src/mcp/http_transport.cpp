#include "mcp/http_transport.hpp"

#include <utility>

#include "mcp/http_core.hpp"

namespace geminga::mcp {
namespace {

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(std::shared_ptr<HttpCore> core) : core_(std::move(core)) {}
  ~HttpTransport() override { core_->let_go(); }
  void start(Events events) override { core_->start(std::move(events)); }
  void send_request(std::int64_t id, std::string text, RequestHead head) override {
    core_->post(id, std::move(text), std::move(head), {});
  }
  void send(std::string text, std::function<void()> taken) override {
    core_->post(std::nullopt, std::move(text), {}, std::move(taken));
  }
  [[nodiscard]] std::size_t unsent() const override { return core_->unsent(); }
  void forget(std::int64_t id) override { core_->forget(id); }
  // The HTTP client knows better, but when it matters (time-out, cancel, stop) the careful answer is the
  // right one.
  [[nodiscard]] bool left(std::int64_t) const override { return true; }
  [[nodiscard]] bool stream_per_request() const override { return true; }
  void handshake_begins() override { core_->handshake_begins(); }
  void handshake_ended(std::string_view version) override { core_->handshake_ended(version); }
  void stateless_begins(std::string_view version) override { core_->stateless_begins(version); }
  void close() override { core_->close(); }
  [[nodiscard]] std::uint64_t noise_lines() const override { return core_->noise(); }

 private:
  std::shared_ptr<HttpCore> core_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(base::EventLoop& loop, net::HttpClient& client,
                                               std::string name, HttpEndpoint endpoint,
                                               std::size_t max_message_bytes,
                                               std::shared_ptr<oauth::Authorizer> authorizer) {
  return std::make_unique<HttpTransport>(std::make_shared<HttpCore>(
      loop, client, std::move(name), std::move(endpoint), max_message_bytes, std::move(authorizer)));
}

}  // namespace geminga::mcp

#include "net/gate.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/try.hpp"
#include "net/listener.hpp"

namespace geminga::net {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAcceptAgain{100};
constexpr std::chrono::milliseconds kSweepMax{1'000};

base::MonotonicTime now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

struct Gate::Handshake {
  tcp::socket socket;
  std::unique_ptr<TlsSession> tls;
  std::string peer;
  base::MonotonicTime began = now();
};

Gate::Gate(base::EventLoop& loop, GateOptions options, OnStream on_stream)
    : loop_(loop),
      options_(std::move(options)),
      on_stream_(std::move(on_stream)),
      acceptor_(loop.context()) {}

Gate::~Gate() = default;

Result<> Gate::open(const std::string& address, std::uint16_t port) {
  GEMINGA_TRY(bound_, open_listener(acceptor_, address, port));
  endpoint_ = text_of(bound_);
  return {};
}

void Gate::start() {
  accept_again_ = std::make_unique<base::Timer>(loop_);
  sweep_ = std::make_unique<base::Timer>(loop_);
  accept();
}

void Gate::close() {
  closed_ = true;
  error_code ignored;  // a listener that does not close is closed by its destructor
  acceptor_.close(ignored);
  for (const HandshakePtr& handshake : std::exchange(handshakes_, {})) handshake->socket.close(ignored);
  accept_again_.reset();
  sweep_.reset();
}

// --- accepting --------------------------------------------------------------------------------------------

void Gate::accept() {
  if (closed_ || accepting_ || handshakes_.size() >= options_.handshakes_max) return;
  accepting_ = true;
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    accepting_ = false;
    if (!closed_) on_accept(error, std::move(socket));
  });
}

void Gate::on_accept(const error_code& error, tcp::socket socket) {
  if (error) {
    // Mostly: no descriptors left. Those that wait stay in the kernel's queue until some are free again.
    log::warn(options_.component, "cannot accept on {}: {}; trying again", endpoint_, error.message());
    return accept_again_->set_after(kAcceptAgain, [this] { accept(); });
  }
  error_code ignored;  // options only tune
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  if (secure()) {
    begin(std::move(socket));
  } else {
    on_stream_(Stream(std::move(socket)));
  }
  accept();
}

// --- handshakes -------------------------------------------------------------------------------------------

void Gate::begin(tcp::socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // gone before we came to it
  auto tls = std::make_unique<TlsSession>(options_.tls->current().get(), socket.native_handle());
  const auto handshake = std::make_shared<Handshake>(
      Handshake{.socket = std::move(socket), .tls = std::move(tls), .peer = text_of(peer)});
  handshakes_.push_back(handshake);
  if (handshakes_.size() == 1) sweep();
  go_on(handshake);
}

void Gate::go_on(const HandshakePtr& handshake) {
  if (!handshake->socket.is_open()) return;  // refused meanwhile
  switch (handshake->tls->handshake()) {
    case TlsSession::Step::done:
      return finish(handshake);
    case TlsSession::Step::wants_read:
      return wait(handshake, tcp::socket::wait_read);
    case TlsSession::Step::wants_write:
      return wait(handshake, tcp::socket::wait_write);
    case TlsSession::Step::failed:
      return refuse(handshake, handshake->tls->failure());
  }
}

void Gate::wait(const HandshakePtr& handshake, tcp::socket::wait_type what) {
  handshake->socket.async_wait(what, [this, handshake](const error_code& error) {
    if (!error && !closed_) go_on(handshake);
  });
}

void Gate::finish(const HandshakePtr& handshake) {
  Stream stream(std::move(handshake->socket), std::move(handshake->tls));
  forget(handshake);
  on_stream_(std::move(stream));
}

void Gate::refuse(const HandshakePtr& handshake, const std::string& why) {
  if (handshake->tls->silent()) {
    log::debug(options_.component, "TLS on {}: no handshake with {}: {}", endpoint_, handshake->peer, why);
  } else if (const auto left_out = refusals_.take()) {
    log::warn(options_.component, "TLS on {}: no handshake with {}: {}{}", endpoint_, handshake->peer, why,
              *left_out == 0 ? "" : fmt::format(" (and {} before it that are not shown)", *left_out));
  }
  error_code ignored;
  handshake->socket.close(ignored);
  forget(handshake);
}

void Gate::forget(const HandshakePtr& handshake) {
  handshakes_.remove(handshake);
  accept();
}

/// As long as there is a handshake.
void Gate::sweep() {
  const auto time = now();
  while (!handshakes_.empty() && time - handshakes_.front()->began > options_.handshake_timeout) {
    const HandshakePtr late = handshakes_.front();
    refuse(late, fmt::format("it did not end within {} ms", options_.handshake_timeout.count()));
  }
  if (handshakes_.empty()) return;
  sweep_->set_after(std::clamp(options_.handshake_timeout / 4, std::chrono::milliseconds(5), kSweepMax),
                    [this] { sweep(); });
}

}  // namespace geminga::net

#include "doors/pulsar/pulsar_door.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/metrics.hpp"
#include "base/try.hpp"
#include "doors/pulsar/connection.hpp"
#include "net/gate.hpp"
#include "net/origin_guard.hpp"

namespace geminga::doors {

using pulsar::Connection;
using ConnectionPtr = std::shared_ptr<Connection>;

namespace {

/// Where in "host:port" the colon is; npos: there is no port.
std::size_t port_of(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  const bool has_port = colon != std::string::npos && colon + 1 < name.size() &&
                        name.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return has_port ? colon : std::string::npos;
}

std::string with_port(const std::string& name, std::uint16_t port) {
  return name.empty() || port_of(name) != std::string::npos ? name : fmt::format("{}:{}", name, port);
}

}  // namespace

/// Accepts connections and keeps them. Members are the loop's, but for open() and stop().
class PulsarDoor::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<broker::Broker> broker, PulsarDoorOptions options)
      : host_(std::move(broker), std::move(options)) {
    base::Metrics* const metrics = host_.options.metrics;
    if (metrics == nullptr) return;
    open_connections_ = metrics->gauge("geminga_pulsar_connections", "Open connections of Pulsar clients.");
    received_ = metrics->gauge("geminga_pulsar_received_bytes",
                               "Received from Pulsar clients and not answered yet, a second ago at most.");
    metrics->gauge("geminga_pulsar_received_limit_bytes", "Where their sockets are not read.")
        .set(static_cast<double>(host_.options.received_bytes_max));
  }

  Result<> open() {
    const PulsarDoorOptions& options = host_.options;
    if (!options.address.empty() || !options.tls)
      GEMINGA_TRY_VOID(open_gate(plain_gate_, options.address, options.port, nullptr));
    if (options.tls)
      GEMINGA_TRY_VOID(open_gate(secure_gate_, options.tls_address, options.tls_port, options.tls));
    if (plain_gate_) host_.advertised = with_port(options.advertise, plain_gate_->port());
    if (secure_gate_)
      host_.advertised_tls =
          with_port(options.advertise.substr(0, port_of(options.advertise)), secure_gate_->port());
    host_.loop->run([this] {
      sweep_timer_ = std::make_unique<base::Timer>(*host_.loop);
      sweep();
      for (net::Gate* gate : {plain_gate_.get(), secure_gate_.get()})
        if (gate != nullptr) gate->start();
    });
    return {};
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    host_.loop->run([this] { close_all(); });
    host_.loop->stop();
  }

  /// nullptr: there is none.
  [[nodiscard]] const net::Gate* gate(bool secure) const {
    return (secure ? secure_gate_ : plain_gate_).get();
  }

 private:
  static constexpr std::chrono::milliseconds kSweepMax{1'000};

  Result<> open_gate(std::unique_ptr<net::Gate>& gate, const std::string& address, std::uint16_t port,
                     std::shared_ptr<net::TlsContext> tls) {
    const PulsarDoorOptions& options = host_.options;
    GEMINGA_TRY_VOID(net::check_address({.address = address,
                                         .listen_all_insecure = options.listen_all_insecure,
                                         .authenticated = options.authenticator != nullptr}));
    gate = std::make_unique<net::Gate>(*host_.loop,
                                       net::GateOptions{.component = "pulsar",
                                                        .tls = std::move(tls),
                                                        .handshake_timeout = options.handshake_timeout,
                                                        .handshakes_max = options.handshakes_max},
                                       [this](net::Stream stream) { on_stream(std::move(stream)); });
    return gate->open(address, port);
  }

  void on_stream(net::Stream stream) {
    if (connections_.size() >= host_.options.connections_max) return stream.close();
    const auto connection = std::make_shared<Connection>(
        host_, std::move(stream), [this](const ConnectionPtr& closed) { remove(closed); });
    connections_.insert(connection);
    count();
    connection->start();
  }

  void remove(const ConnectionPtr& connection) {
    connections_.erase(connection);
    count();
  }

  void count() {
    if (open_connections_) open_connections_->set(static_cast<double>(connections_.size()));
  }

  /// One timer for the time-outs of all connections.
  void sweep() {
    const auto now = host_.clock.monotonic_now();
    const Timestamp wall = host_.clock.wall_now();
    const std::vector<ConnectionPtr> all(connections_.begin(), connections_.end());
    for (const ConnectionPtr& connection : all) connection->check(now, wall);
    if (received_) received_->set(static_cast<double>(host_.received.used()));
    const PulsarDoorOptions& options = host_.options;
    const auto shortest = std::min({options.connect_timeout, options.frame_timeout, options.keep_alive,
                                    options.write_timeout, options.doubt_timeout});
    sweep_timer_->set_after(std::clamp(shortest / 4, std::chrono::milliseconds(5), kSweepMax),
                            [this] { sweep(); });
  }

  void close_all() {
    for (net::Gate* gate : {plain_gate_.get(), secure_gate_.get()})
      if (gate != nullptr) gate->close();
    const std::vector<ConnectionPtr> all(connections_.begin(), connections_.end());
    for (const ConnectionPtr& connection : all) connection->close();
    sweep_timer_.reset();
  }

  pulsar::Host host_;
  std::unique_ptr<net::Gate> plain_gate_;
  std::unique_ptr<net::Gate> secure_gate_;
  std::set<ConnectionPtr> connections_;
  std::unique_ptr<base::Timer> sweep_timer_;
  std::optional<base::Gauge> open_connections_;
  std::optional<base::Gauge> received_;
  bool stopped_ = false;
};

Result<std::unique_ptr<PulsarDoor>> PulsarDoor::listen(std::shared_ptr<broker::Broker> broker,
                                                       PulsarDoorOptions options) {
  auto listener = std::make_shared<Listener>(std::move(broker), std::move(options));
  if (auto opened = listener->open(); !opened) {
    listener->stop();
    return std::unexpected(std::move(opened).error());
  }
  return std::unique_ptr<PulsarDoor>(new PulsarDoor(std::move(listener)));
}

PulsarDoor::PulsarDoor(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}

PulsarDoor::~PulsarDoor() {
  stop();
}

std::uint16_t PulsarDoor::port() const {
  const net::Gate* const gate = listener_->gate(false);
  return gate == nullptr ? 0 : gate->port();
}

std::uint16_t PulsarDoor::tls_port() const {
  const net::Gate* const gate = listener_->gate(true);
  return gate == nullptr ? 0 : gate->port();
}

const std::string& PulsarDoor::endpoint() const {
  static const std::string none;
  const net::Gate* const gate = listener_->gate(false);
  return gate == nullptr ? none : gate->endpoint();
}

const std::string& PulsarDoor::tls_endpoint() const {
  static const std::string none;
  const net::Gate* const gate = listener_->gate(true);
  return gate == nullptr ? none : gate->endpoint();
}

void PulsarDoor::stop() {
  listener_->stop();
}

}  // namespace geminga::doors

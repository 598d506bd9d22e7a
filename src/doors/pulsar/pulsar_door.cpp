#include "doors/pulsar/pulsar_door.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/try.hpp"
#include "doors/pulsar/connection.hpp"
#include "net/listener.hpp"
#include "net/origin_guard.hpp"

namespace geminga::doors {

using boost::asio::ip::tcp;
using pulsar::Connection;
using ConnectionPtr = std::shared_ptr<Connection>;

namespace {

std::string with_port(const std::string& name, std::uint16_t port) {
  const std::size_t colon = name.rfind(':');
  const bool has_port = colon != std::string::npos && colon + 1 < name.size() &&
                        name.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return name.empty() || has_port ? name : fmt::format("{}:{}", name, port);
}

}  // namespace

/// Accepts connections and keeps them. Members are the loop's, but for open() and stop().
class PulsarDoor::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<broker::Broker> broker, PulsarDoorOptions options)
      : host_(std::move(broker), std::move(options)), acceptor_(host_.loop->context()) {
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
    GEMINGA_TRY_VOID(net::check_address({.address = options.address,
                                         .listen_all_insecure = options.listen_all_insecure,
                                         .authenticated = options.authenticator != nullptr}));
    GEMINGA_TRY(bound_, net::open_listener(acceptor_, options.address, options.port));
    endpoint_ = net::text_of(bound_);
    host_.advertised = with_port(options.advertise, bound_.port());
    host_.loop->run([this] {
      sweep_timer_ = std::make_unique<base::Timer>(*host_.loop);
      accept_again_timer_ = std::make_unique<base::Timer>(*host_.loop);
      sweep();
      accept();
    });
    return {};
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    host_.loop->run([this] { close_all(); });
    host_.loop->stop();
  }

  [[nodiscard]] std::uint16_t port() const { return bound_.port(); }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  static constexpr std::chrono::milliseconds kSweepMax{1'000};
  static constexpr std::chrono::milliseconds kAcceptAgain{100};

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (!closing_) on_accept(error, std::move(socket));
    });
  }

  void on_accept(const boost::system::error_code& error, tcp::socket socket) {
    if (error) {
      // Mostly: no descriptors left. Those that wait stay in the kernel's queue until some are free again.
      log::warn("pulsar", "cannot accept on {}: {}; trying again", endpoint_, error.message());
      return accept_again_timer_->set_after(kAcceptAgain, [this] { accept(); });
    }
    if (connections_.size() < host_.options.connections_max) {
      const auto connection = std::make_shared<Connection>(
          host_, std::move(socket), [this](const ConnectionPtr& closed) { remove(closed); });
      connections_.insert(connection);
      count();
      connection->start();
    }
    accept();
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
    closing_ = true;
    boost::system::error_code ignored;  // a listener that does not close is closed by its destructor
    acceptor_.close(ignored);
    const std::vector<ConnectionPtr> all(connections_.begin(), connections_.end());
    for (const ConnectionPtr& connection : all) connection->close();
    sweep_timer_.reset();
    accept_again_timer_.reset();
  }

  pulsar::Host host_;
  tcp::acceptor acceptor_;
  tcp::endpoint bound_;
  std::string endpoint_;
  std::set<ConnectionPtr> connections_;
  std::unique_ptr<base::Timer> sweep_timer_;
  std::unique_ptr<base::Timer> accept_again_timer_;
  std::optional<base::Gauge> open_connections_;
  std::optional<base::Gauge> received_;
  bool closing_ = false;
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
  return listener_->port();
}

const std::string& PulsarDoor::endpoint() const {
  return listener_->endpoint();
}

void PulsarDoor::stop() {
  listener_->stop();
}

}  // namespace geminga::doors

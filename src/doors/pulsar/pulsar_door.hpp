#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <geminga/error.hpp>

namespace geminga::auth {
class Authenticator;
}
namespace geminga::base {
class Clock;
class Metrics;
}  // namespace geminga::base
namespace geminga::broker {
class Broker;
}
namespace geminga::net {
class TlsContext;
}

namespace geminga::doors {

struct PulsarDoorOptions {
  std::string address = "127.0.0.1";     ///< an IP address or a name that resolves to one; empty: only TLS
  std::uint16_t port = 0;                ///< 0: a free one, see PulsarDoor::port()
  std::shared_ptr<net::TlsContext> tls;  ///< a second listener, on the same loop
  std::string tls_address = "127.0.0.1";
  std::uint16_t tls_port = 0;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::size_t handshakes_max = 256;  ///< at once; who comes meanwhile waits
  bool listen_all_insecure =
      false;  ///< an address that other machines reach, though nobody has to say who it is
  std::shared_ptr<const auth::Authenticator> authenticator;  ///< none: everybody may do everything
  /// "host" or "host:port" that look-ups answer, without a port the one that is listened on; its port is that
  /// without TLS. Empty: clients stay at the address that they reached.
  std::string advertise;
  /// Namespaces ("tenant/namespace") that somebody else keeps: whoever is no superuser may not use them. Only
  /// asked where there is an authenticator; any thread.
  std::function<bool(std::string_view name_space)> kept;
  std::string version = "Geminga";  ///< what clients are told
  bool creates_topics =
      true;  ///< that are not there, for producers and consumers; non-persistent ones always
  std::uint32_t message_bytes_max = 5U << 20;       ///< metadata and payload of a SEND
  std::uint32_t first_frame_bytes_max = 64U << 10;  ///< before CONNECT
  std::size_t connections_max = 10'000;
  std::size_t handles_max = 10'000;  ///< producers and consumers of one connection, each
  /// Requests of one connection without an answer; at it the connection is not read. A large one counts for
  /// as many as it has KiB.
  std::uint64_t requests_max = 1'000;
  /// Of all connections, received and not answered: over it no socket is read.
  std::uint64_t received_bytes_max = 48ULL << 20;
  std::uint64_t window_bytes = 4ULL << 20;      ///< to one consumer, not yet taken by its socket
  std::uint64_t unsent_bytes_max = 4ULL << 20;  ///< of one connection; over it the connection is not read
  std::chrono::milliseconds connect_timeout{10'000};  ///< from the accept to CONNECT
  std::chrono::milliseconds frame_timeout{10'000};    ///< within a frame, without a byte
  std::chrono::milliseconds keep_alive{
      30'000};  ///< silence after which a PING goes out; after twice as much: the end
  /// For a sign of life of who is in another one's way; see TopicUser.
  std::chrono::milliseconds doubt_timeout{5'000};
  std::chrono::milliseconds refresh_timeout{30'000};  ///< for a new token in place of one that has expired
  std::chrono::milliseconds write_timeout{30'000};    ///< without progress
  base::Metrics* metrics = nullptr;                   ///< geminga_pulsar_...; must outlive the door
  base::Clock* clock = nullptr;                       ///< of tokens and time-outs; none: the system's
};

/// Pulsar's binary protocol (docs/pulsar-compatibility.md) on a broker, on one thread of its own.
class PulsarDoor {
 public:
  /// Errors: forbidden (an open address without authentication; a privileged port), config_error (an address
  /// that does not parse or resolve), conflict (in use), io_error.
  static Result<std::unique_ptr<PulsarDoor>> listen(std::shared_ptr<broker::Broker> broker,
                                                    PulsarDoorOptions options);
  /// As stop().
  ~PulsarDoor();
  PulsarDoor(const PulsarDoor&) = delete;
  PulsarDoor& operator=(const PulsarDoor&) = delete;

  /// 0: only TLS.
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::uint16_t tls_port() const;  ///< 0: there is none
  /// "127.0.0.1:6650", "[::1]:6650"; empty: only TLS.
  [[nodiscard]] const std::string& endpoint() const;
  [[nodiscard]] const std::string& tls_endpoint() const;  ///< empty: there is none
  /// Closes all connections: what their consumers hold goes back. Before the broker closes. Idempotent.
  void stop();

 private:
  class Listener;
  explicit PulsarDoor(std::shared_ptr<Listener> listener);
  const std::shared_ptr<Listener> listener_;
};

}  // namespace geminga::doors

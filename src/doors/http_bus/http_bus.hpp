#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include <geminga/bus.hpp>

namespace geminga::net {
class Router;
}

namespace geminga::doors {

struct HttpBusOptions {
  std::size_t consumers_max = 256;    ///< each has a thread of its own
  std::size_t unsettled_max = 1'000;  ///< deliveries of one consumer, neither acknowledged nor handed back
  std::chrono::milliseconds idle_timeout_default{60'000};
  std::chrono::milliseconds idle_timeout_max{3'600'000};
  std::chrono::milliseconds wait_max{60'000};  ///< how long one receive may wait
  /// Namespaces ("tenant/namespace") that somebody else keeps: whoever is no superuser may look and change
  /// nothing. Only asked where authentication is on; any thread.
  std::function<bool(std::string_view name_space)> read_only;
};

/// The bus over HTTP, under /api/bus (docs/reference/http-bus.md). A consumer lives here, by its id, until it
/// is closed or nobody asked for anything for its idle time-out.
class HttpBus {
 public:
  explicit HttpBus(Bus bus, HttpBusOptions options = {});
  /// As close().
  ~HttpBus();
  HttpBus(const HttpBus&) = delete;
  HttpBus& operator=(const HttpBus&) = delete;

  void add_routes(net::Router& router);
  /// Ends all consumers: a receive that waits is answered 503, unsettled messages go back. Before the server
  /// stops, which would otherwise wait for them. Idempotent.
  void close();

 private:
  class Service;
  std::shared_ptr<Service> service_;
};

}  // namespace geminga::doors

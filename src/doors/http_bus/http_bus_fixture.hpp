#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/uuid.hpp"
#include "doors/http_bus/http_bus.hpp"
#include "net/http_server.hpp"
#include "net/raw_client.hpp"

namespace geminga::doors::testing {

using namespace std::chrono_literals;
using nlohmann::json;

/// The door on a real embedded bus and a real socket.
class HttpBusTest : public ::testing::Test {
 protected:
  struct Answer {
    int status = 0;
    json body;
  };

  void SetUp() override { open({}); }
  void TearDown() override {
    shut();
    std::filesystem::remove_all(directory_);
  }

  void open(HttpBusOptions options) {
    shut();
    open(Bus::open("embedded:" + directory_.string()).value(), options);
  }
  void open(Bus bus, HttpBusOptions options) {
    bus_.emplace(std::move(bus));
    door_ = std::make_unique<HttpBus>(*bus_, options);
    net::Router router;
    door_->add_routes(router);
    server_ = net::HttpServer::listen({}, std::move(router)).value();
  }
  void shut() {
    if (door_) door_->close();
    server_.reset();
    door_.reset();
    if (!bus_) return;
    EXPECT_TRUE(bus_->close());
    bus_.reset();
  }

  Answer call(std::string_view method, std::string_view path, const json& body = nullptr) {
    net::testing::RawClient client(server_->port());
    const std::string text = body.is_null() ? "" : body.dump();
    client.send(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", method, path,
                            text.size(), text));
    const auto response = client.read_response();
    return {response.status, response.body.empty() ? json() : json::parse(response.body)};
  }
  json ok(std::string_view method, std::string_view path, const json& body = nullptr) {
    const Answer answer = call(method, path, body);
    EXPECT_TRUE(answer.status >= 200 && answer.status < 300)
        << method << ' ' << path << ": " << answer.status << ' ' << answer.body;
    return answer.body;
  }
  json publish(std::string_view topic, const std::vector<std::string>& bodies) {
    json messages = json::array();
    for (const std::string& body : bodies) messages.push_back({{"body", body}});
    return ok("POST", fmt::format("/api/bus/topics/{}/messages", topic), {{"messages", messages}})["ids"];
  }
  std::string consumer(json options) {
    options.emplace("topic", "t");
    options.emplace("subscription", "s");
    options.emplace("initial_position", "earliest");
    return ok("POST", "/api/bus/consumers", options)["id"];
  }
  json receive(const std::string& id, std::size_t max = 10, int wait_ms = 5000) {
    return ok("POST", "/api/bus/consumers/" + id + "/receive",
              {{"max", max}, {"wait_ms", wait_ms}})["messages"];
  }
  /// Repeats receive until that many are there, or five seconds are over.
  std::vector<json> receive_all(const std::string& id, std::size_t count) {
    std::vector<json> all;
    for (const auto end = std::chrono::steady_clock::now() + 5s;
         all.size() < count && std::chrono::steady_clock::now() < end;)
      for (json& message : receive(id, count - all.size(), 500)) all.push_back(std::move(message));
    return all;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("geminga-http-bus-" + base::random_uuid());
  std::optional<Bus> bus_;
  std::unique_ptr<HttpBus> door_;
  std::unique_ptr<net::HttpServer> server_;
};

inline std::vector<std::string> bodies(const std::vector<json>& messages) {
  std::vector<std::string> all;
  all.reserve(messages.size());
  for (const json& message : messages) all.push_back(message.at("body"));
  return all;
}

}  // namespace geminga::doors::testing

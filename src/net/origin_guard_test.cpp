#include "net/origin_guard.hpp"

#include <gtest/gtest.h>

#include "net/http_server.hpp"

namespace geminga::net {
namespace {

const Route kReads{.method = "GET", .pattern = "/r", .handler = nullptr, .content_types = {}};
const Route kWrites{.method = "POST", .pattern = "/w", .handler = nullptr};
const Route kEmptyPost{.method = "POST", .pattern = "/e", .handler = nullptr, .content_types = {}};
const Route kDeletes{.method = "DELETE", .pattern = "/d", .handler = nullptr, .content_types = {}};
const Route kUploads{
    .method = "POST", .pattern = "/u", .handler = nullptr, .content_types = {"application/schema+json"}};

/// 0: let through.
int status(const OriginGuardOptions& options, const Route* route, HttpHeaders headers) {
  HttpRequest head;
  head.method = route != nullptr ? route->method : "GET";
  head.headers = std::move(headers);
  const auto refusal = OriginGuard::create(options).value()(head, route);
  return refusal ? refusal->status : 0;
}

const OriginGuardOptions kLoopback{.address = "127.0.0.1", .advertised_hosts = {"bus.example.org"}};

TEST(OriginGuard, HostMustBeThisMachineOrTheAdvertisedName) {
  const struct {
    std::string host;
    int status;
  } cases[] = {
      {"localhost", 0},
      {"localhost:8080", 0},
      {"LocalHost:1", 0},
      {"127.0.0.1:8080", 0},
      {"127.9.9.9", 0},
      {"[::1]:8080", 0},
      {"[::1]", 0},
      {"bus.example.org:80", 0},
      {"BUS.example.org", 0},
      {"", 403},
      {"evil.example", 403},
      {"localhost.evil.example", 403},
      {"localhost.", 403},
      {"bus.example.org.", 403},
      {"localhost:80:80", 403},
      {"localhost:", 403},
      {"localhost:80x", 403},
      {"user@localhost", 403},
      {"[::1", 403},
      {"[::2]", 403},
      {"::1", 403},
      {"[::ffff:127.0.0.1]", 403},
      {"127.1", 403},
      {"0.0.0.0", 403},
      {"2130706433", 403},
      {"0x7f000001", 403},
      {"192.168.1.1", 403},
  };
  for (const auto& [host, expected] : cases) {
    EXPECT_EQ(status(kLoopback, &kReads, {{"Host", host}}), expected) << host;
    EXPECT_EQ(status(kLoopback, nullptr, {{"Host", host}}), expected) << "no route, " << host;
  }
}

TEST(OriginGuard, OriginIfPresentMustBeTheSame) {
  const struct {
    std::string origin;
    int status;
  } cases[] = {
      {"http://localhost:8080", 0},
      {"https://localhost:8080", 0},
      {"HTTP://LOCALHOST:8080", 0},
      {"http://localhost", 403},
      {"http://localhost:8081", 403},
      {"http://localhost.:8080", 403},
      {"http://127.0.0.1:8080", 403},
      {"http://[::1]:8080", 403},
      {"http://evil.example", 403},
      {"http://localhost:8080.evil.example", 403},
      {"http://localhost:8080/", 403},
      {"ftp://localhost:8080", 403},
      {"null", 403},
      {"", 403},
  };
  for (const auto& [origin, expected] : cases)
    for (const Route* route : {&kReads, &kDeletes, &kEmptyPost})
      EXPECT_EQ(status(kLoopback, route, {{"Host", "localhost:8080"}, {"Origin", origin}}), expected)
          << route->method << ' ' << origin;
  EXPECT_EQ(
      status(kLoopback, &kReads,
             {{"Host", "localhost"}, {"Origin", "http://localhost"}, {"Origin", "http://evil.example"}}),
      403);
}

TEST(OriginGuard, WhatChangesSomethingMustNotComeFromAnotherSite) {
  for (const std::string site : {"cross-site", "same-site"}) {
    EXPECT_EQ(status(kLoopback, &kEmptyPost, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}}), 403) << site;
    EXPECT_EQ(status(kLoopback, &kReads, {{"Host", "localhost"}, {"Sec-Fetch-Site", site}}), 0) << site;
  }
  EXPECT_EQ(status(kLoopback, &kEmptyPost, {{"Host", "localhost"}, {"Sec-Fetch-Site", "same-origin"}}), 0);
  EXPECT_EQ(status(kLoopback, &kEmptyPost, {{"Host", "localhost"}, {"Sec-Fetch-Site", "none"}}), 0);
}

TEST(OriginGuard, ABodyMustHaveATypeThatNoFormCanSend) {
  const struct {
    const Route* route;
    HttpHeaders headers;
    int status;
  } cases[] = {
      {&kWrites, {{"Content-Type", "application/json"}, {"Content-Length", "2"}}, 0},
      {&kWrites, {{"Content-Type", "Application/JSON; charset=utf-8"}, {"Content-Length", "2"}}, 0},
      {&kWrites, {{"Content-Type", "text/plain"}, {"Content-Length", "2"}}, 415},
      {&kWrites, {{"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Length", "2"}}, 415},
      {&kWrites, {{"Content-Type", "multipart/form-data; boundary=application/json"}}, 415},
      {&kWrites, {{"Content-Type", "text/plain; application/json"}}, 415},
      {&kWrites, {{"Content-Type", "application/json"}, {"Content-Type", "text/plain"}}, 415},
      {&kWrites, {}, 415},
      {&kWrites, {{"Content-Length", "2"}}, 415},
      {&kUploads, {{"Content-Type", "application/schema+json"}}, 0},
      {&kUploads, {{"Content-Type", "application/json"}}, 415},
      {&kEmptyPost, {}, 0},
      {&kEmptyPost, {{"Content-Length", "0"}}, 0},
      {&kEmptyPost, {{"Content-Type", "application/json"}, {"Content-Length", "2"}}, 0},
      {&kEmptyPost, {{"Content-Type", "text/plain"}}, 415},
      {&kEmptyPost, {{"Content-Length", "2"}}, 415},
      {&kEmptyPost, {{"Transfer-Encoding", "chunked"}}, 415},
      {&kDeletes, {}, 0},
  };
  for (auto [route, headers, expected] : cases) {
    headers.add("Host", "localhost");
    EXPECT_EQ(status(kLoopback, route, headers), expected)
        << route->pattern << ' ' << headers.get("Content-Type") << ' ' << headers.get("Content-Length");
  }
}

TEST(OriginGuard, OnlyLoopbackWithoutTheExplicitConsent) {
  for (const std::string address : {"127.0.0.1", "127.0.0.2", "::1", "localhost"})
    EXPECT_TRUE(OriginGuard::create({.address = address})) << address;
  for (const std::string address : {"0.0.0.0", "::", "192.168.1.1", "bus.example.org", ""}) {
    const auto guard = OriginGuard::create({.address = address});
    ASSERT_FALSE(guard) << address;
    EXPECT_EQ(guard.error().code, ErrorCode::forbidden);
  }
}

TEST(OriginGuard, ListenAllInsecureLiftsTheHostCheckAlone) {
  const OriginGuardOptions open{.address = "0.0.0.0", .listen_all_insecure = true};
  EXPECT_EQ(status(open, &kReads, {{"Host", "anything:1"}}), 0);
  EXPECT_EQ(status(open, &kReads, {{"Host", "anything:1"}, {"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(status(open, &kWrites, {{"Host", "anything:1"}, {"Content-Type", "text/plain"}}), 415);
}

}  // namespace
}  // namespace geminga::net

#include "net/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "net/http_message.hpp"

namespace geminga::net::testing {

RawClient::RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  GEMINGA_ASSERT(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

RawClient::~RawClient() {
  close();
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool RawClient::get(std::string_view path, std::string_view more) {
  return send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, more));
}

bool RawClient::post(std::string_view path, std::string_view json, std::string_view more) {
  return send(
      fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\n{}\r\n{}",
                  path, json.size(), more, json));
}

std::string RawClient::Response::header(std::string_view name) const {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos && at + 2 < head.size();
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name))
      return std::string(line.substr(colon + 2));
  }
  return {};
}

RawClient::Response RawClient::read_response(bool head_only) {
  Response response;
  response.head = read_until("\r\n\r\n");
  if (response.head.size() < 12) return response;
  response.status = std::stoi(response.head.substr(9, 3));
  const std::string length = response.header("Content-Length");
  const std::size_t bytes = head_only || length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < bytes && fill()) {
  }
  response.body = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return response;
}

std::string RawClient::read_until(std::string_view end) {
  while (buffer_.find(end) == std::string::npos && fill()) {
  }
  const std::size_t at = buffer_.find(end);
  const std::size_t size = at == std::string::npos ? buffer_.size() : at + end.size();
  std::string bytes = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return bytes;
}

bool RawClient::closed_within(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    if (left.count() < 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
    char bytes[4096];
    if (::recv(fd_, bytes, sizeof bytes, 0) <= 0) return true;
  }
}

void RawClient::shut_sending() {
  ::shutdown(fd_, SHUT_WR);
}

void RawClient::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void RawClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool RawClient::fill() {
  char bytes[16 << 10];
  const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

}  // namespace geminga::net::testing

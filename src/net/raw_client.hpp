#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace geminga::net::testing {

/// A socket for tests that sends exactly the bytes it is given. Blocking, each call at most five seconds.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the peer has closed.
  bool send(std::string_view bytes);
  /// "GET path HTTP/1.1" with a Host header, and `more` header lines ("A: b\r\n").
  bool get(std::string_view path, std::string_view more = {});
  bool post(std::string_view path, std::string_view json, std::string_view more = {});

  struct Response {
    int status = 0;  ///< 0: none came
    std::string head;
    std::string body;
    [[nodiscard]] std::string header(std::string_view name) const;
  };
  /// The next answer, by Content-Length, or of an unfinished chunked one the head.
  Response read_response(bool head_only = false);
  /// Bytes until `end` is seen (with it), or what came before the peer closed.
  std::string read_until(std::string_view end);
  /// True when the peer closes (or resets) within the time; what it sends before is dropped.
  bool closed_within(std::chrono::milliseconds time);
  void shut_sending();
  /// Closes with a reset instead of a farewell.
  void reset();
  void close();

 private:
  bool fill();
  int fd_ = -1;
  std::string buffer_;
};

}  // namespace geminga::net::testing

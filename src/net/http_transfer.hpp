#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <curl/curl.h>

#include "net/http_client.hpp"

namespace geminga::net {

/// What runs on the loop of the one who asked; shared with what is posted there.
struct HttpCallbacks {
  std::function<void(int, const HttpHeaders&)> on_head;
  std::function<void(std::string_view)> on_data;
  std::atomic<std::size_t> backlog_bytes{0};  // handed to the loop and not taken yet
  HttpClient::Done done;
};

/// One exchange as libcurl sees it: what it is asked, how its callbacks are answered, what an error means. On
/// the client's thread once it runs.
struct HttpTransfer {
  HttpTransfer(std::uint64_t number, ClientRequest what, HttpClient::Done done, base::EventLoop& loop,
               std::function<void(std::uint64_t)> resume)
      : id(number),
        request(std::move(what)),
        easy(curl_easy_init()),
        loop_(loop),
        resume_(std::move(resume)) {
    callbacks->on_head = std::move(request.on_head);
    callbacks->on_data = std::move(request.on_data);
    callbacks->done = std::move(done);
  }
  ~HttpTransfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(header_list_);
  }
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  /// Everything libcurl needs to know; before it is added to the multi handle.
  void prepare();
  /// libcurl has taken all of the request, so the other side may have it.
  [[nodiscard]] bool request_left() const;
  [[nodiscard]] Error error_of(CURLcode code) const;

  const std::uint64_t id;
  ClientRequest request;
  CURL* easy;
  std::shared_ptr<HttpCallbacks> callbacks = std::make_shared<HttpCallbacks>();
  ClientResponse response;

 private:
  void set_method();
  void add_header(const std::string& line);
  void header_line(std::string_view line);
  std::size_t body_piece(std::string_view piece);
  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self);
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);

  base::EventLoop& loop_;
  const std::function<void(std::uint64_t)>
      resume_;  // a paused one may go on; any thread, outlives the client
  curl_slist* header_list_ = nullptr;
  std::size_t body_taken_ = 0;
  bool over_limit_ = false;
  bool refused_address_ = false;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace geminga::net

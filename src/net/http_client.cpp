#include "net/http_client.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/event_loop.hpp"

namespace geminga::net {
namespace {

// Servers drop idle connections after 5 s (Node, uvicorn) or later; a request on a dead one has an unknown
// outcome.
constexpr long kIdleConnectionSeconds = 4;
constexpr std::size_t kStreamBacklogMax = std::size_t{8} << 20U;

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using UrlHandle = std::unique_ptr<CURLU, UrlDeleter>;

UrlHandle parse_url(const std::string& text) {
  UrlHandle url(curl_url());
  return curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK ? std::move(url) : nullptr;
}

std::string part(const UrlHandle& url, CURLUPart which) {
  char* text = nullptr;
  if (url == nullptr || curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

Result<> check_url(const std::string& text) {
  const UrlHandle url = parse_url(text);
  const std::string scheme = part(url, CURLUPART_SCHEME);
  if (scheme == "http" || scheme == "https") return {};
  return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no http or https URL", loggable_url(text)));
}

struct Callbacks {
  std::function<void(int, const HttpHeaders&)> on_head;
  std::function<void(std::string_view)> on_data;
  std::atomic<std::size_t> backlog_bytes{0};  // handed to the loop and not taken yet
  HttpClient::Done done;
};

}  // namespace

std::string loggable_url(const std::string& text) {
  const UrlHandle url = parse_url(text);
  if (url == nullptr) {  // no URL at all, but what stands before an "@" may be a password even so
    const std::string shown = text.substr(0, text.find_first_of("?#"));
    const std::size_t user = shown.rfind('@');
    return user == std::string::npos ? shown : shown.substr(user + 1);
  }
  const std::string port = part(url, CURLUPART_PORT);
  return fmt::format("{}://{}{}{}{}", part(url, CURLUPART_SCHEME), part(url, CURLUPART_HOST),
                     port.empty() ? "" : ":", port, part(url, CURLUPART_PATH));
}

struct HttpClient::Impl : std::enable_shared_from_this<Impl> {
  struct Transfer;

  explicit Impl(base::EventLoop& owner);
  ~Impl();

  void run();
  void take_commands();
  void start(std::unique_ptr<Transfer> transfer);
  void finish_completed();
  void finish(std::uint64_t id, Result<ClientResponse> result);
  void close_all();
  // Under the mutex.
  void wake_up() {
    if (multi != nullptr) curl_multi_wakeup(multi);
  }

  base::EventLoop& loop;
  CURLM* multi = nullptr;  // the client's thread, and wake_up(); gone after the stop
  std::thread thread;

  std::mutex mutex;  // what stands below, up to the next blank line
  std::uint64_t next_id = 1;
  bool stopping = false;
  std::vector<std::unique_ptr<Transfer>> to_start;
  std::vector<std::uint64_t> to_cancel;
  std::vector<std::uint64_t> to_resume;

  std::map<std::uint64_t, std::unique_ptr<Transfer>> running;  // the client's thread
};

struct HttpClient::Impl::Transfer {
  Transfer(std::uint64_t number, ClientRequest what, Done done, Impl& owner)
      : id(number), request(std::move(what)), impl(owner), easy(curl_easy_init()) {
    callbacks->on_head = std::move(request.on_head);
    callbacks->on_data = std::move(request.on_data);
    callbacks->done = std::move(done);
  }
  ~Transfer() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(header_list);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void prepare();
  void set_method();
  void header_line(std::string_view line);
  std::size_t body_piece(std::string_view piece);
  [[nodiscard]] bool request_left() const;
  [[nodiscard]] Error error_of(CURLcode code) const;

  static std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* self);
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);

  const std::uint64_t id;
  ClientRequest request;
  Impl& impl;
  CURL* easy;
  curl_slist* header_list = nullptr;
  std::shared_ptr<Callbacks> callbacks = std::make_shared<Callbacks>();
  std::size_t body_taken = 0;
  ClientResponse response;
  bool over_limit = false;
  std::array<char, CURL_ERROR_SIZE> error_text{};
};

HttpClient::Impl::Impl(base::EventLoop& owner) : loop(owner) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi = curl_multi_init();
}

HttpClient::Impl::~Impl() = default;

std::size_t HttpClient::Impl::Transfer::on_read(char* buffer, std::size_t size, std::size_t count,
                                                void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t length = std::min(size * count, transfer.request.body.size() - transfer.body_taken);
  std::memcpy(buffer, transfer.request.body.data() + transfer.body_taken, length);
  transfer.body_taken += length;
  return length;
}

std::size_t HttpClient::Impl::Transfer::on_write(char* data, std::size_t size, std::size_t count,
                                                 void* self) {
  return static_cast<Transfer*>(self)->body_piece({data, size * count});
}

std::size_t HttpClient::Impl::Transfer::on_header(char* data, std::size_t size, std::size_t count,
                                                  void* self) {
  static_cast<Transfer*>(self)->header_line({data, size * count});
  return size * count;
}

void HttpClient::Impl::Transfer::header_line(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of an interim answer too: the last one stays
    response.headers = {};
    return;
  }
  if (!line.empty()) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    response.headers.add(std::string(line.substr(0, colon)), std::string(value));
    return;
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (response.status < 200 || !callbacks->on_head) return;
  impl.loop.post([callbacks = callbacks, final_status = response.status, headers = response.headers] {
    callbacks->on_head(final_status, headers);
  });
}

std::size_t HttpClient::Impl::Transfer::body_piece(std::string_view piece) {
  if (!callbacks->on_data) {
    over_limit = response.body.size() + piece.size() > request.max_response_bytes;
    if (over_limit) return CURL_WRITEFUNC_ERROR;
    response.body.append(piece);
    return piece.size();
  }
  if (callbacks->backlog_bytes > kStreamBacklogMax) return CURL_WRITEFUNC_PAUSE;
  callbacks->backlog_bytes += piece.size();
  impl.loop.post(
      [callbacks = callbacks, text = std::string(piece), owner = impl.shared_from_this(), number = id] {
        callbacks->on_data(text);
        const std::size_t before = callbacks->backlog_bytes.fetch_sub(text.size());
        if (before <= kStreamBacklogMax || before - text.size() > kStreamBacklogMax) return;
        const std::lock_guard lock(owner->mutex);
        owner->to_resume.push_back(number);
        owner->wake_up();
      });
  return piece.size();
}

void HttpClient::Impl::Transfer::set_method() {
  if (request.method == "GET") {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    return;
  }
  if (!request.body.empty() || request.method == "POST") {
    // A read function that cannot be rewound, not CURLOPT_POSTFIELDS: otherwise libcurl sends the request a
    // second time by itself when a kept connection dies before the answer.
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Transfer::on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, this);
  }
  if (request.method != "POST") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void HttpClient::Impl::Transfer::prepare() {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                   1L);  // a name server that does not answer must not hold up a cancel
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kIdleConnectionSeconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  if (is_loopback(part(parse_url(request.url), CURLUPART_HOST))) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  set_method();
  request.headers.add("Expect", "");  // an empty value takes the field away
  if (!request.headers.has("Content-Type")) request.headers.add("Content-Type", "");
  for (const auto& [name, value] : request.headers) {
    header_list =
        curl_slist_append(header_list, fmt::format("{}:{}{}", name, value.empty() ? "" : " ", value).c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list);
}

bool HttpClient::Impl::Transfer::request_left() const {
  long head_bytes = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &head_bytes);
  return head_bytes > 0 && body_taken == request.body.size();
}

Error HttpClient::Impl::Transfer::error_of(CURLcode code) const {
  const std::string what =
      fmt::format("{} {}: {}", request.method, loggable_url(request.url),
                  error_text.front() != '\0' ? error_text.data() : curl_easy_strerror(code));
  if (over_limit) {
    return {ErrorCode::too_large,
            fmt::format("{} {}: the answer is over the limit of {} bytes", request.method,
                        loggable_url(request.url), request.max_response_bytes)};
  }
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return {ErrorCode::invalid_argument, what};
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PROXY:
      return {ErrorCode::not_sent, what};
    default:
      return {request_left() ? ErrorCode::outcome_unknown : ErrorCode::not_sent, what};
  }
}

void HttpClient::Impl::start(std::unique_ptr<Transfer> transfer) {
  const std::uint64_t id = transfer->id;
  CURL* easy = transfer->easy;
  const Result<> usable = check_url(transfer->request.url);
  transfer->prepare();
  running.emplace(id, std::move(transfer));
  if (!usable) return finish(id, std::unexpected(usable.error()));
  if (const CURLMcode code = curl_multi_add_handle(multi, easy); code != CURLM_OK)
    finish(id, fail(ErrorCode::not_sent, curl_multi_strerror(code)));
}

void HttpClient::Impl::finish(std::uint64_t id, Result<ClientResponse> result) {
  const auto found = running.find(id);
  if (found == running.end()) return;
  curl_multi_remove_handle(multi, found->second->easy);
  std::shared_ptr<Callbacks> callbacks = found->second->callbacks;
  running.erase(found);
  loop.post([callbacks = std::move(callbacks), result = std::move(result)]() mutable {
    callbacks->done(std::move(result));
  });
}

void HttpClient::Impl::finish_completed() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* pointer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &pointer);
    Transfer& transfer = *reinterpret_cast<Transfer*>(pointer);
    const CURLcode code = message->data.result;
    if (code == CURLE_OK) {
      finish(transfer.id, std::move(transfer.response));
    } else {
      finish(transfer.id, std::unexpected(transfer.error_of(code)));
    }
  }
}

void HttpClient::Impl::take_commands() {
  std::vector<std::unique_ptr<Transfer>> starts;
  std::vector<std::uint64_t> cancels;
  std::vector<std::uint64_t> resumes;
  {
    const std::lock_guard lock(mutex);
    starts.swap(to_start);
    cancels.swap(to_cancel);
    resumes.swap(to_resume);
  }
  for (auto& transfer : starts) start(std::move(transfer));
  for (const std::uint64_t id : resumes) {
    if (const auto found = running.find(id); found != running.end())
      curl_easy_pause(found->second->easy, CURLPAUSE_CONT);
  }
  for (const std::uint64_t id : cancels) {
    const auto found = running.find(id);
    if (found == running.end()) continue;
    const ErrorCode code = found->second->request_left() ? ErrorCode::outcome_unknown : ErrorCode::not_sent;
    finish(id, fail(code, fmt::format("{} {}: cancelled", found->second->request.method,
                                      loggable_url(found->second->request.url))));
  }
}

void HttpClient::Impl::close_all() {
  take_commands();
  while (!running.empty())
    finish(running.begin()->first, fail(ErrorCode::closed, "the HTTP client was stopped"));
  const std::lock_guard lock(mutex);
  curl_multi_cleanup(std::exchange(multi, nullptr));
}

void HttpClient::Impl::run() {
  pthread_setname_np(pthread_self(), "http-client");
  while (true) {
    {
      const std::lock_guard lock(mutex);
      if (stopping) break;
    }
    take_commands();
    int active = 0;
    curl_multi_perform(multi, &active);
    finish_completed();
    curl_multi_poll(multi, nullptr, 0, 1'000, nullptr);
  }
  close_all();
}

HttpClient::HttpClient(base::EventLoop& loop) : impl_(std::make_shared<Impl>(loop)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

HttpClient::~HttpClient() {
  stop();
}

std::uint64_t HttpClient::send(ClientRequest request, Done done) {
  const std::lock_guard lock(impl_->mutex);
  const std::uint64_t id = impl_->next_id++;
  if (impl_->stopping) {
    impl_->loop.post(
        [done = std::move(done)]() mutable { done(fail(ErrorCode::closed, "the HTTP client was stopped")); });
    return id;
  }
  impl_->to_start.push_back(
      std::make_unique<Impl::Transfer>(id, std::move(request), std::move(done), *impl_));
  impl_->wake_up();
  return id;
}

void HttpClient::cancel(std::uint64_t request) {
  const std::lock_guard lock(impl_->mutex);
  impl_->to_cancel.push_back(request);
  impl_->wake_up();
}

void HttpClient::stop() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->wake_up();
  }
  if (impl_->thread.joinable()) impl_->thread.join();
}

}  // namespace geminga::net

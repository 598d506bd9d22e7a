#include "net/http_client.hpp"

#include <map>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "net/http_transfer.hpp"
#include "net/http_url.hpp"

namespace geminga::net {

struct HttpClient::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(base::EventLoop& owner);
  ~Impl();

  void run();
  void take_commands();
  void start(std::unique_ptr<HttpTransfer> transfer);
  void finish_completed();
  void finish(std::uint64_t id, Result<ClientResponse> result);
  void close_all();
  void resume(std::uint64_t id);
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
  std::vector<std::unique_ptr<HttpTransfer>> to_start;
  std::vector<std::uint64_t> to_cancel;
  std::vector<std::uint64_t> to_resume;

  std::map<std::uint64_t, std::unique_ptr<HttpTransfer>> running;  // the client's thread
};

HttpClient::Impl::Impl(base::EventLoop& owner) : loop(owner) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  multi = curl_multi_init();
}

HttpClient::Impl::~Impl() = default;

void HttpClient::Impl::start(std::unique_ptr<HttpTransfer> transfer) {
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
  std::shared_ptr<HttpCallbacks> callbacks = found->second->callbacks;
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
    auto& transfer = *reinterpret_cast<HttpTransfer*>(pointer);
    const CURLcode code = message->data.result;
    if (code == CURLE_OK) {
      finish(transfer.id, std::move(transfer.response));
    } else {
      finish(transfer.id, std::unexpected(transfer.error_of(code)));
    }
  }
}

void HttpClient::Impl::take_commands() {
  std::vector<std::unique_ptr<HttpTransfer>> starts;
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

void HttpClient::Impl::resume(std::uint64_t id) {
  const std::lock_guard lock(mutex);
  to_resume.push_back(id);
  wake_up();
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
      std::make_unique<HttpTransfer>(id, std::move(request), std::move(done), impl_->loop,
                                     [impl = impl_->weak_from_this()](std::uint64_t transfer) {
                                       if (const auto self = impl.lock()) self->resume(transfer);
                                     }));
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

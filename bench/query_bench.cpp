// Asks a running `geminga serve` the same sentence again and again and prints how long the answers took, as
// one line of JSON. usage: query_bench URL PATH SENTENCE COUNT CONCURRENCY     (SENTENCE empty: GET PATH
// instead, the floor of the HTTP path)
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "net/http_client.hpp"

namespace {

using geminga::net::ClientRequest;
using geminga::net::ClientResponse;
using Clock = std::chrono::steady_clock;

/// Keeps `concurrency` requests in flight until `count` are answered. Everything runs on one loop.
class Load {
 public:
  Load(ClientRequest request, std::size_t count, std::size_t concurrency)
      : request_(std::move(request)), count_(count), concurrency_(std::min(count, concurrency)) {
    took_us_.reserve(count);
  }

  void run() {
    const auto begin = Clock::now();
    loop_.run([this] {
      for (std::size_t i = 0; i < concurrency_; ++i) next();
    });
    finished_.wait();
    seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
    client_.stop();
  }

  [[nodiscard]] nlohmann::ordered_json report() {
    std::sort(took_us_.begin(), took_us_.end());
    const auto at = [this](double part) {
      return took_us_.empty()
                 ? 0.0
                 : took_us_[static_cast<std::size_t>(part * static_cast<double>(took_us_.size() - 1))];
    };
    return {{"count", took_us_.size()},
            {"failed", failed_},
            {"concurrency", concurrency_},
            {"p50_us", at(0.5)},
            {"p99_us", at(0.99)},
            {"max_us", at(1)},
            {"per_second", static_cast<double>(took_us_.size()) / seconds_}};
  }

 private:
  void next() {
    if (started_ == count_) return;
    ++started_;
    const auto begin = Clock::now();
    client_.send(request_, [this, begin](geminga::Result<ClientResponse> answer) {
      if (!answer || answer->status != 200) {
        if (failed_++ == 0)
          fmt::print(stderr, "first failure: {}\n", answer ? answer->body : answer.error().message);
      }
      took_us_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
      if (took_us_.size() == count_) finished_.count_down();
      next();
    });
  }

  const ClientRequest request_;
  const std::size_t count_;
  const std::size_t concurrency_;
  // On the loop.
  std::size_t started_ = 0;
  std::size_t failed_ = 0;
  std::vector<double> took_us_;

  std::latch finished_{1};
  double seconds_ = 0;
  geminga::base::EventLoop loop_{"load"};
  geminga::net::HttpClient client_{loop_};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: query_bench URL PATH SENTENCE COUNT CONCURRENCY\n");
    return 2;
  }
  ClientRequest request{.method = "GET", .url = std::string(argv[1]) + argv[2]};
  if (const std::string sentence = argv[3]; !sentence.empty()) {
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.body = nlohmann::json{{"query", sentence}}.dump();
  }
  const std::size_t count = std::strtoul(argv[4], nullptr, 10);
  const std::size_t concurrency = std::strtoul(argv[5], nullptr, 10);
  if (count == 0 || concurrency == 0) {
    fmt::print(stderr, "query_bench: COUNT and CONCURRENCY must be above 0\n");
    return 2;
  }
  Load load(std::move(request), count, concurrency);
  load.run();
  const auto report = load.report();
  fmt::print("{}\n", report.dump());
  return report["failed"] == 0 ? 0 : 1;
}

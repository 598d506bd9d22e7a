// Asks a running `geminga serve` the same sentence again and again and prints how long the answers took, as
// one line of JSON. Either so many are kept in flight, or they are sent at a fixed rate whatever the answers
// do; then the time of one counts from the moment when it was due. Without a sentence: GET, the floor of
// HTTP.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/event_loop.hpp"
#include "net/http_client.hpp"

namespace {

using geminga::net::ClientRequest;
using geminga::net::ClientResponse;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::string url;
  std::string path;
  std::string sentence;
  std::size_t count = 1'000;
  std::size_t in_flight = 1;
  double per_second = 0;  ///< 0: `in_flight` counts
};

/// Everything runs on one loop.
class Load {
 public:
  explicit Load(const Settings& settings)
      : settings_(settings), request_{.method = "GET", .url = settings.url + settings.path} {
    if (!settings.sentence.empty()) {
      request_.method = "POST";
      request_.headers.set("Content-Type", "application/json");
      request_.body = nlohmann::json{{"query", settings.sentence}}.dump();
    }
    took_us_.reserve(settings.count);
  }

  void run() {
    begin_ = Clock::now();
    loop_.run([this] {
      if (settings_.per_second > 0) return send_due();
      for (std::size_t i = 0; i < std::min(settings_.count, settings_.in_flight); ++i) send(Clock::now());
    });
    finished_.wait();
    seconds_ = std::chrono::duration<double>(Clock::now() - begin_).count();
    loop_.run([this] { timer_.reset(); });
    client_.stop();
  }

  [[nodiscard]] nlohmann::ordered_json report() {
    std::sort(took_us_.begin(), took_us_.end());
    const auto at = [this](double part) {
      return took_us_.empty()
                 ? 0.0
                 : took_us_[static_cast<std::size_t>(part * static_cast<double>(took_us_.size() - 1))];
    };
    return {{"count", took_us_.size()}, {"failed", failed_},
            {"p50_us", at(0.5)},        {"p99_us", at(0.99)},
            {"max_us", at(1)},          {"per_second", static_cast<double>(took_us_.size()) / seconds_}};
  }

 private:
  void send_due() {
    const double now = std::chrono::duration<double>(Clock::now() - begin_).count();
    while (started_ < settings_.count && static_cast<double>(started_) <= now * settings_.per_second)
      send(begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(started_) / settings_.per_second)));
    if (started_ < settings_.count) timer_->set_after(std::chrono::milliseconds(1), [this] { send_due(); });
  }

  void send(Clock::time_point due) {
    ++started_;
    client_.send(request_, [this, due](geminga::Result<ClientResponse> answer) {
      if (!answer || answer->status != 200) {
        if (failed_++ == 0)
          fmt::print(stderr, "first failure: {}\n", answer ? answer->body : answer.error().message);
      }
      took_us_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - due).count());
      if (took_us_.size() == settings_.count) finished_.count_down();
      if (settings_.per_second == 0 && started_ < settings_.count) send(Clock::now());
    });
  }

  const Settings settings_;
  ClientRequest request_;
  Clock::time_point begin_;
  // On the loop.
  std::size_t started_ = 0;
  std::size_t failed_ = 0;
  std::vector<double> took_us_;

  std::latch finished_{1};
  double seconds_ = 0;
  geminga::base::EventLoop loop_{"load"};
  std::unique_ptr<geminga::base::Timer> timer_ = std::make_unique<geminga::base::Timer>(loop_);
  geminga::net::HttpClient client_{loop_};
};

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Measures how fast a running server answers; prints JSON");
  app.add_option("url", settings.url, "the server, http://HOST:PORT")->required();
  app.add_option("path", settings.path, "what is asked")->required();
  app.add_option("--sentence", settings.sentence, "POST {\"query\": SENTENCE} instead of GET");
  app.add_option("--count", settings.count, "requests")->check(CLI::PositiveNumber);
  app.add_option("--in-flight", settings.in_flight, "at once")->check(CLI::PositiveNumber);
  app.add_option("--rate", settings.per_second, "so many each second instead")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  Load load(settings);
  load.run();
  const auto report = load.report();
  fmt::print("{}\n", report.dump());
  return report["failed"] == 0 ? 0 : 1;
}

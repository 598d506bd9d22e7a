#include <future>
#include <mutex>
#include <sstream>

#include <gmock/gmock.h>

#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::eventually;
using testing::FakeRegistry;
using testing::World;

/// Name and id of each event of a stream's text.
std::vector<std::pair<std::string, std::string>> events_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> events;
  std::istringstream lines(text);
  std::string name;
  std::string id;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("event: ")) name = line.substr(7);
    if (line.starts_with("id: ")) id = line.substr(4);
    if (line.empty() && !id.empty()) events.emplace_back(std::exchange(name, {}), std::exchange(id, {}));
  }
  return events;
}

std::vector<std::string> names_of(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& [name, id] : events_of(text)) names.push_back(name);
  return names;
}

/// A client that listens until the server ends its stream.
class Listener {
 public:
  Listener(const std::string& endpoint, const std::string& job_id) {
    net::ClientRequest request;
    request.url = "http://" + endpoint + "/api/orchestrator/jobs/" + job_id + "/events";
    request.timeout = std::chrono::seconds{20};
    request.on_data = [this](std::string_view piece) {
      const std::lock_guard lock(mutex_);
      text_ += piece;
    };
    client_.send(std::move(request), [this](const Result<net::ClientResponse>&) { ended_.set_value(); });
  }
  ~Listener() {
    client_.stop();
    loop_.stop();
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  bool ended() { return future_.wait_for(milliseconds{0}) == std::future_status::ready; }

 private:
  std::mutex mutex_;
  std::string text_;  // under mutex_
  std::promise<void> ended_;
  std::future<void> future_ = ended_.get_future();
  base::EventLoop loop_{"listener"};
  net::HttpClient client_{loop_};
};

class EventStreamsTest : public ::testing::Test {
 protected:
  /// Hangs in its first call and answers in the later ones.
  void add_work() {
    world_.registry.add_tool("work",
                             [](std::size_t number, const std::string&) -> std::optional<mcp::CallOutcome> {
                               if (number == 0) return std::nullopt;
                               return FakeRegistry::text("done");
                             });
  }
  World world_;
};

TEST_F(EventStreamsTest, WhoWasCutOffByARestartMissesNothingAndSeesNothingTwice) {
  add_work();
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  std::string before;
  {
    Listener listener(world_.endpoint(), id);
    eventually("two events", [&] {
      return names_of(listener.text()) == std::vector<std::string>{"PENDING", "PROCESSING"};
    });
    world_.stop();
    eventually("the stream is cut", [&] { return listener.ended(); });
    before = listener.text();
  }
  world_.start();
  const auto rest = world_.event_stream(id, events_of(before).back().second);
  EXPECT_THAT(names_of(rest), ElementsAre("RETRY", "COMPLETED"));
  auto both = events_of(before);
  for (const auto& event : events_of(rest)) both.push_back(event);
  EXPECT_EQ(both, events_of(world_.event_stream(id)));
}

TEST_F(EventStreamsTest, EveryPlaceToGoOnFromGivesTheRestAndNoMore) {
  world_.start();
  const auto id = world_.submit("echo streamed");
  world_.ended(id);
  const auto whole = events_of(world_.event_stream(id));
  ASSERT_EQ(whole.size(), 3U);
  for (std::size_t seen = 1; seen < whole.size(); ++seen) {
    const auto rest = events_of(world_.event_stream(id, whole[seen - 1].second));
    EXPECT_EQ(rest, (std::vector(whole.begin() + static_cast<std::ptrdiff_t>(seen), whole.end())));
  }
}

TEST_F(EventStreamsTest, WhoHasSeenTheEndIsToldNotToComeAgain) {
  world_.start();
  const auto id = world_.submit("echo over");
  world_.ended(id);
  const auto path = "/api/orchestrator/jobs/" + id + "/events";
  const auto last = events_of(world_.event_stream(id)).back().second;
  EXPECT_EQ(world_.get(path, {{"Last-Event-ID", last}}).status, 204);
  EXPECT_EQ(world_.get(path, {{"Last-Event-ID", "no number"}}).status, 200);
}

TEST_F(EventStreamsTest, ALateResultBehindTheEndDoesNotHoldTheStreamOpen) {
  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  world_.start();
  const auto id = world_.submit("run work");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/" + id + "/cancel", "").status, 200);
  eventually("the late result is noted",
             [&] { return names_of(world_.event_stream(id)).back() == "LATE_RESULT"; });
  EXPECT_THAT(names_of(world_.event_stream(id)),
              ElementsAre("PENDING", "PROCESSING", "CANCELLED", "LATE_RESULT"));
}

TEST_F(EventStreamsTest, WhatAnotherProcessWritesToASharedStoreIsStreamedToo) {
  world_.options.exclusive_store = false;
  add_work();
  world_.start();
  auto other = open_sqlite_job_store({.file = world_.options.store_path});
  ASSERT_TRUE(other) << other.error().message;
  const auto id = world_.submit("run work");
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  Listener listener(world_.endpoint(), id);
  eventually("two events",
             [&] { return names_of(listener.text()) == std::vector<std::string>{"PENDING", "PROCESSING"}; });
  const auto cancelled = testing::await<Job>([&](auto done) { (*other)->cancel_job(id, std::move(done)); });
  ASSERT_TRUE(cancelled) << cancelled.error().message;
  eventually("the stream ends", [&] { return listener.ended(); });
  EXPECT_THAT(names_of(listener.text()), ElementsAre("PENDING", "PROCESSING", "CANCELLED"));
  (*other)->stop();
}

}  // namespace
}  // namespace geminga::orchestrator

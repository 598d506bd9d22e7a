#include <algorithm>
#include <future>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include "orchestrator/services/ingress.hpp"
#include "orchestrator/services/intakes.hpp"
#include "orchestrator/services/matcher_service.hpp"
#include "orchestrator/services/plan_fallback.hpp"
#include "orchestrator/services/retry_worker.hpp"
#include "orchestrator/services/waiting_queries.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using testing::await;
using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Bus, store and loop without the services: the test starts the one that it is about.
class SingleServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto bus = Bus::open("embedded:" + (folder_.path() / "bus").string());
    ASSERT_TRUE(bus) << bus.error().message;
    OrchestratorOptions options;
    options.bus = *bus;
    options.registry = &registry_;
    options.metrics = &metrics_;
    options.settings.plan_window = milliseconds{400};
    options.plan_look_again = milliseconds{20};
    options.publish_sweep = milliseconds{50};
    options.settings.retry = RetryMode::topics;
    options.topics =
        Topics::resolve(TopicStyle::pulsar, [](const char*) -> const char* { return nullptr; }).value();
    auto store = open_sqlite_job_store({.file = folder_.path() / "jobs.sqlite"});
    ASSERT_TRUE(store) << store.error().message;
    auto admin = bus->admin();
    ASSERT_TRUE(set_up_topics(admin, options.topics));
    core_ = std::make_shared<Core>(std::move(options), *std::move(store));
  }

  void TearDown() override {
    core_->store->stop();
    core_->loop.stop();
    EXPECT_TRUE(core_->bus.close());
  }

  void finish_claim(const std::string& request, const std::string& result) {
    TakeClaim take;
    take.request_id = request;
    take.owner = core_->owner;
    take.complete_with = result;
    ASSERT_TRUE(await<TakenClaim>([&](auto done) { core_->store->take_claim(take, std::move(done)); }));
  }

  void publish_request(const std::string& request_id) {
    UserRequest request;
    request.request_id = request_id;
    request.normalized_query = "nobody decides about this";
    request.timestamp = core_->now();
    auto producer = core_->bus.create_producer({.topic = core_->topic(TopicRole::user_requests)}).value();
    OutgoingMessage message;
    message.body = to_json(request);
    message.key = request_id;
    ASSERT_TRUE(producer.send(message));
  }

  std::vector<Message> messages(TopicRole role) {
    auto admin = core_->bus.admin();
    return admin.browse(core_->topic(role), std::nullopt, 10).value();
  }
  std::vector<Message> plans() { return messages(TopicRole::plans); }

  std::vector<StoredDecision> decisions(const std::string& request_id) {
    return await<std::vector<StoredDecision>>(
               [&](auto done) { core_->store->find_decisions({request_id}, std::move(done)); })
        .value_or(std::vector<StoredDecision>{});
  }
  void in_the_store(const char* sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open((folder_.path() / "jobs.sqlite").c_str(), &raw), SQLITE_OK);
    sqlite3_busy_timeout(raw, 10'000);
    EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }

  testing::TemporaryFolder folder_;
  base::Metrics metrics_;  // of its own: counts of other tests must not show
  testing::FakeRegistry registry_;
  std::shared_ptr<Core> core_;
};

TEST_F(SingleServiceTest, ItsTopicsAnswerFromTheDiskWhateverTheirNamespaceSays) {
  auto admin = core_->bus.admin();
  ASSERT_TRUE(admin.set_namespace_policies("mcp-core/orchestrator",
                                           {.durability = Durability{std::chrono::milliseconds(1'000)}}));
  for (const std::string& name : core_->options.topics.names)
    EXPECT_EQ(admin.stats(name)->durability, Durability{}) << name;
}

TEST_F(SingleServiceTest, AWaiterFindsTheAnswerInTheStoreWhenTheNotificationIsLost) {
  auto waiting = std::make_shared<WaitingQueries>(core_);
  ASSERT_TRUE(waiting->open());
  std::promise<Result<std::string>> promise;
  auto future = promise.get_future();
  const auto began = std::chrono::steady_clock::now();
  waiting->wait("r1", waiting->take_place().value(),
                [&](Result<std::string> result) { promise.set_value(std::move(result)); });
  finish_claim("r1", "the bytes");
  ASSERT_EQ(future.wait_for(std::chrono::seconds{10}), std::future_status::ready);
  EXPECT_EQ(future.get().value(), "the bytes");
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds{900});
  waiting->stop();
}

TEST_F(SingleServiceTest, AWaiterLooksNotAgainBeforeTheStoreHasAnswered) {
  auto waiting = std::make_shared<WaitingQueries>(core_);
  ASSERT_TRUE(waiting->open());
  std::promise<void> slow;  // no other read is answered before this callback returns
  core_->store->list_jobs(
      {}, [held = slow.get_future().share()](const Result<std::vector<Job>>&) { held.wait(); });
  std::promise<Result<std::string>> promise;
  auto future = promise.get_future();
  const auto began = std::chrono::steady_clock::now();
  waiting->wait("r1", waiting->take_place().value(),
                [&](Result<std::string> result) { promise.set_value(std::move(result)); });
  finish_claim("r1", "the bytes");
  eventually("two looks were due",
             [&] { return std::chrono::steady_clock::now() - began > milliseconds{3'300}; });
  slow.set_value();
  EXPECT_EQ(future.get().value(), "the bytes");
  // Behind a look that was piled up.
  ASSERT_TRUE(await<std::vector<Job>>([&](auto done) { core_->store->list_jobs({}, std::move(done)); }));
  EXPECT_EQ(metrics_
                .counter("geminga_orchestrator_results_found_by_look_total",
                         "Results that a waiter found in the store, not on the bus")
                .value(),
            1);
  waiting->stop();
}

TEST_F(SingleServiceTest, AnEndThatThisProcessWroteNeedsNoNotification) {
  auto waiting = std::make_shared<WaitingQueries>(core_);
  ASSERT_TRUE(waiting->open());
  std::vector<std::string> answers;
  for (int i = 0; i < 2; ++i)
    waiting->wait("r1", waiting->take_place().value(),
                  [&](const Result<std::string>& result) { answers.push_back(result.value()); });
  waiting->ended("r2", "of another");
  EXPECT_THAT(answers, IsEmpty());
  waiting->ended("r1", "the bytes");
  EXPECT_THAT(answers, ElementsAre("the bytes", "the bytes"));
  waiting->ended("r1", "the bytes");  // the copy that comes by the bus finds nobody
  EXPECT_EQ(waiting->size(), 0U);
  EXPECT_THAT(answers, SizeIs(2));
  waiting->stop();
}

TEST_F(SingleServiceTest, WhoComesAfterTheStopIsRefusedAtOnce) {
  auto waiting = std::make_shared<WaitingQueries>(core_);
  ASSERT_TRUE(waiting->open());
  auto place = waiting->take_place();
  waiting->stop();
  EXPECT_EQ(waiting->take_place().error().code, ErrorCode::unavailable);
  std::promise<Result<std::string>> promise;
  waiting->wait("r1", *std::move(place),
                [&](Result<std::string> result) { promise.set_value(std::move(result)); });
  EXPECT_EQ(promise.get_future().get().error().code, ErrorCode::unavailable);
}

TEST_F(SingleServiceTest, WhatWasSweptIsNotPublishedAgainWhileTheStoreIsSlow) {
  auto job = testing::new_job("r1");
  job.outbox.topic = core_->topic(TopicRole::user_requests);
  ASSERT_TRUE(await<InsertedJob>([&](auto done) { core_->store->insert_job(job, std::move(done)); }));
  std::promise<void> slow;  // no other write is committed before this callback returns
  core_->store->insert_job(testing::new_job("r2"), [waiting = slow.get_future().share()](
                                                       const Result<InsertedJob>&) { waiting.wait(); });
  const auto published = [&] {
    auto admin = core_->bus.admin();
    return admin.browse(core_->topic(TopicRole::user_requests), std::nullopt, 10).value().size();
  };
  auto pool = std::make_shared<net::BlockingPool>("orch-admin", 1);
  auto ingress = std::make_shared<Ingress>(
      core_, std::make_shared<TenantSpaces>(core_, pool, [](const std::string&) { return Result<>{}; }));
  core_->loop.run([&] { ingress->start(); });
  eventually("the sweep has published it", [&] { return published() > 0; });
  const auto began = std::chrono::steady_clock::now();
  eventually("ten more sweeps", [&] { return std::chrono::steady_clock::now() - began > milliseconds{600}; });
  EXPECT_EQ(published(), 1U);
  slow.set_value();
  const auto marked = [&] {
    return await<Job>([&](auto done) { core_->store->find_job("job-r1", std::move(done)); })->published_at;
  };
  eventually("its row says so", [&] { return marked().has_value(); });
  core_->loop.run([&] { ingress->stop(); });
}

TEST_F(SingleServiceTest, ANamespaceThatIsOpenedWhileTheServicePausesIsNotConsumed) {
  std::function<void()> pause;
  Intakes intakes(core_, "late", TopicRole::plans, "late", [&](const std::string&) -> Result<bool> {
    pause();
    return true;
  });
  pause = [&] { intakes.pause(); };
  const auto opened = intakes.open([](const Item&) {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(intakes.consuming());
  const auto stats = core_->bus.admin().stats(core_->topic(TopicRole::plans)).value();
  for (const auto& each : stats.subscriptions) EXPECT_EQ(each.consumers, 0U) << each.name;
}

TEST_F(SingleServiceTest, ARetryThatIsDueSoonFindsRoomAmongThoseThatAreDueLate) {
  auto worker = std::make_shared<RetryWorker>(core_, IntakeLimits{.deliveries = 2});
  auto producer = core_->bus.create_producer({.topic = core_->topic(TopicRole::first_retry)}).value();
  const auto publish = [&](const std::string& id, milliseconds after) {
    OutgoingMessage message;
    message.body = "{}";
    message.key = id;
    const auto due = core_->now() + after;
    message.properties = {{"requestId", id},
                          {"dueAt", std::to_string(due.time_since_epoch() / milliseconds{1})}};
    ASSERT_TRUE(producer.send(message));
  };
  for (const auto* far : {"far-1", "far-2", "far-3"}) publish(far, std::chrono::hours{1});
  ASSERT_TRUE(worker->consume());
  const auto& tier = *worker->tiers()[0];
  eventually("it holds two", [&] { return tier.counts().handed_back > 0 && tier.counts().in_progress == 2; });
  publish("near", milliseconds{100});
  eventually("the near one is sent on", [&] { return messages(TopicRole::tool_signals).size() == 1; });
  ASSERT_THAT(messages(TopicRole::tool_signals), SizeIs(1));
  EXPECT_EQ(messages(TopicRole::tool_signals)[0].key, "near");
  eventually("one of the others is held", [&] { return tier.counts().in_progress == 1; });
  worker->stop();
}

TEST_F(SingleServiceTest, AServiceHoldsSoMuchAndNoMore) {
  std::mutex mutex;
  std::vector<Item> held;
  std::size_t most = 0;
  Intakes intakes(core_, "holding", TopicRole::user_requests, "holding", nullptr, {.deliveries = 3});
  for (int i = 0; i < 20; ++i) publish_request("r" + std::to_string(i));
  ASSERT_TRUE(intakes.open([&](const Item& item) {
    const std::lock_guard lock(mutex);
    held.push_back(item);
    most = std::max(most, held.size());
  }));
  eventually("one settles after the other", [&] {
    const std::lock_guard lock(mutex);
    if (held.size() < 3 && intakes.counts().received < 20) return false;
    if (!held.empty()) {
      held.back().acknowledge();
      held.pop_back();
    }
    return intakes.counts().done == 20;
  });
  EXPECT_EQ(most, 3U);
  intakes.close();
}

TEST_F(SingleServiceTest, AServiceThatHoldsAllItMayClosesAtOnce) {
  std::mutex mutex;
  std::vector<Item> held;
  Intakes intakes(core_, "holding", TopicRole::user_requests, "holding", nullptr, {.bytes = 1});
  for (int i = 0; i < 3; ++i) publish_request("r" + std::to_string(i));
  ASSERT_TRUE(intakes.open([&](const Item& item) {
    const std::lock_guard lock(mutex);
    held.push_back(item);
  }));
  eventually("one is held, however large", [&] { return intakes.counts().in_progress == 1; });
  intakes.close();
  EXPECT_THAT(held, SizeIs(1)) << "the others have found no room";
  held.clear();
  const auto stats = core_->bus.admin().stats(core_->topic(TopicRole::user_requests)).value();
  const auto ours = std::ranges::find(stats.subscriptions, "holding", &SubscriptionStats::name);
  ASSERT_NE(ours, stats.subscriptions.end());
  EXPECT_EQ(ours->backlog, 3U);
}

TEST_F(SingleServiceTest, ASignalNeedNotWaitForTheRecordOfItsDecision) {
  registry_.add_tool(
      "nobody_decides", [](std::size_t, const std::string&) { return testing::FakeRegistry::text("so"); }, {},
      "Nobody decides about this");
  auto matcher = std::make_shared<MatcherService>(core_);
  ASSERT_TRUE(matcher->load());
  core_->loop.run([&] { ASSERT_TRUE(matcher->watch()); });
  in_the_store("ALTER TABLE decisions RENAME TO away");
  ASSERT_TRUE(matcher->consume());
  publish_request("r1");
  eventually("a signal", [&] { return messages(TopicRole::tool_signals).size() == 1; });
  EXPECT_THAT(decisions("r1"), IsEmpty());
  in_the_store("ALTER TABLE away RENAME TO decisions");
  eventually("the record", [&] { return decisions("r1").size() == 1; });
  EXPECT_TRUE(decisions("r1")[0].matched);
  EXPECT_EQ(decisions("r1")[0].signal_json, messages(TopicRole::tool_signals)[0].body);
  matcher->intake().close();
  core_->loop.run([&] { matcher->unwatch(); });
}

TEST_F(SingleServiceTest, WithoutAMatchTheRecordComesFirst) {
  auto matcher = std::make_shared<MatcherService>(core_);
  ASSERT_TRUE(matcher->load());
  in_the_store("ALTER TABLE decisions RENAME TO away");
  ASSERT_TRUE(matcher->consume());
  publish_request("r1");
  eventually("the request goes back", [&] { return matcher->intake().counts().handed_back == 1; });
  EXPECT_EQ(matcher->intake().counts().done, 0U);
  in_the_store("ALTER TABLE away RENAME TO decisions");
  eventually("the request is done with", [&] { return matcher->intake().counts().done == 1; });
  ASSERT_THAT(decisions("r1"), SizeIs(1));
  EXPECT_FALSE(decisions("r1")[0].matched);
  matcher->intake().close();
}

TEST_F(SingleServiceTest, TheFallbackPlansWhenTheMatcherSaysNothingWithinTheWindow) {
  auto fallback = std::make_shared<PlanFallback>(core_, nullptr, nullptr);
  ASSERT_TRUE(fallback->consume());
  const auto began = std::chrono::steady_clock::now();
  publish_request("r1");
  eventually("a plan", [&] { return plans().size() == 1; });
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds{400});
  EXPECT_THAT(plans()[0].body, HasSubstr("no decision within 400 ms"));
  EXPECT_THAT(plans()[0].body, HasSubstr("model"));
  EXPECT_EQ(fallback->intake().counts().handed_back, 0U) << "what is undecided is held, not turned over";
  fallback->intake().close();
  fallback->stop();
}

TEST_F(SingleServiceTest, TheWindowStandsStillWhileTheMatcherDoesNotConsume) {
  auto fallback = std::make_shared<PlanFallback>(core_, nullptr, nullptr);
  fallback->freeze();
  ASSERT_TRUE(fallback->consume());
  publish_request("r1");
  eventually("it looked for longer than the window",
             [&] { return fallback->intake().counts().handed_back > 20; });
  EXPECT_TRUE(plans().empty());
  fallback->intake().close();
  fallback->stop();
}

}  // namespace
}  // namespace geminga::orchestrator

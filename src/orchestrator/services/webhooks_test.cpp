#include "orchestrator/services/webhooks.hpp"

#include <atomic>
#include <ctime>

#include <gmock/gmock.h>

#include "orchestrator/testing/receiver.hpp"
#include "orchestrator/testing/world.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::AllOf;
using testing::eventually;
using testing::FakeRegistry;
using ::testing::HasSubstr;
using testing::Receiver;
using ::testing::SizeIs;
using testing::World;

constexpr const char* kSecretKey = "data:;base64,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

class WebhooksTest : public ::testing::Test {
 protected:
  WebhooksTest() {
    world_.options.settings.webhook_secret_key = kSecretKey;
    world_.options.settings.webhook_private_network = true;
    world_.options.publish_sweep = milliseconds{250};
    world_.registry.add_tool("work", [](std::size_t, const std::string&) {
      return FakeRegistry::failure(mcp::FailureClass::final, "refused");
    });
  }
  std::string submit(const std::string& sentence, const std::string& url) {
    const auto answer =
        world_.post("/api/orchestrator/jobs", json{{"query", sentence}, {"webhook", url}}.dump());
    EXPECT_EQ(answer.status, 202) << answer.body;
    return answer.body.value("jobId", "");
  }
  /// How the attempts of a request ended, as its timeline shows them.
  std::vector<std::string> outcomes() {
    std::vector<std::string> found;
    for (const auto& message : world_.messages(TopicRole::executions)) {
      const auto record = json::parse(message.body);
      if (record["step"] == "webhook") found.push_back(record["outcome"]);
    }
    return found;
  }
  World world_;
};

TEST_F(WebhooksTest, TheEndOfAJobIsToldOnceAndSigned) {
  Receiver receiver;
  world_.start();
  const auto trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto answer =
      world_.post("/api/orchestrator/jobs", json{{"query", "echo told"}, {"webhook", receiver.url()}}.dump(),
                  {{"traceparent", trace}});
  const std::string id = answer.body["jobId"];
  receiver.wait_for(1);
  const auto told = receiver.requests().at(0);
  EXPECT_EQ(told.header("webhook-id"), id + ".0");
  EXPECT_EQ(told.header("traceparent"), trace);
  EXPECT_EQ(told.header("Content-Type"), "application/json");
  const auto timestamp = std::stoll(std::string(told.header("webhook-timestamp")));
  EXPECT_NEAR(static_cast<double>(timestamp), static_cast<double>(std::time(nullptr)), 5);
  const auto signer = WebhookSigner::open(kSecretKey).value();
  EXPECT_EQ(told.header("webhook-signature"), signer.sign("", id + ".0", timestamp, told.body).value());
  const auto body = json::parse(told.body);
  EXPECT_EQ(body["type"], "job.completed");
  EXPECT_EQ(body["data"], world_.job(id));
  EXPECT_EQ(body["data"]["result"]["content"][0]["text"], "told");
  eventually("a record of it", [&] { return outcomes() == std::vector<std::string>{"ok"}; });
  world_.ended(world_.submit("echo nobody is told"));
  EXPECT_THAT(world_.messages(TopicRole::webhooks), SizeIs(1));
}

TEST_F(WebhooksTest, FailedAndCancelledAreToldTooAndSoIsEachGeneration) {
  Receiver receiver;
  world_.options.settings.max_attempts = 1;
  std::atomic<bool> mended = false;
  world_.registry.add_tool("work", [&](std::size_t, const std::string&) {
    if (mended) return FakeRegistry::text("mended");
    return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  world_.start();
  const auto id = submit("run work", receiver.url());
  receiver.wait_for(1);
  EXPECT_EQ(json::parse(receiver.requests()[0].body)["type"], "job.failed");
  mended = true;
  const auto letters = world_.dead_letters();
  ASSERT_THAT(letters, SizeIs(1));
  const auto path = "/api/orchestrator/dlq/" + letters[0]["id"].get<std::string>() + "/replay";
  EXPECT_EQ(world_.post(path, "").status, 202);
  receiver.wait_for(2);
  EXPECT_EQ(receiver.requests()[1].header("webhook-id"), id + ".1");
  EXPECT_EQ(json::parse(receiver.requests()[1].body)["type"], "job.completed");

  world_.registry.add_tool("work", [](std::size_t, const std::string&) -> std::optional<mcp::CallOutcome> {
    return std::nullopt;
  });
  const auto cancelled = submit("run work", receiver.url());
  eventually("the call runs", [&] { return world_.registry.hanging() == 1; });
  EXPECT_EQ(world_.post("/api/orchestrator/jobs/" + cancelled + "/cancel", "").status, 200);
  receiver.wait_for(3);
  EXPECT_EQ(json::parse(receiver.requests()[2].body)["type"], "job.cancelled");
}

TEST_F(WebhooksTest, AReceiverThatFailsIsAskedAgainAfterTheDelaysAndNeverEarly) {
  Receiver receiver([](std::size_t number) { return number < 2 ? 500 : 200; });
  world_.start();
  const auto id = submit("echo persistent", receiver.url());
  receiver.wait_for(3);
  const auto times = receiver.times();
  EXPECT_GE(times[1] - times[0], milliseconds{150});
  EXPECT_GE(times[2] - times[1], milliseconds{300});
  EXPECT_LT(times[2] - times[0], milliseconds{2'450});
  for (const auto& request : receiver.requests()) EXPECT_EQ(request.header("webhook-id"), id + ".0");
  eventually("three records",
             [&] { return outcomes() == std::vector<std::string>{"unknown_error", "unknown_error", "ok"}; });
  EXPECT_THAT(world_.dead_letters(), SizeIs(0));
}

TEST_F(WebhooksTest, TheWaitMayBeInTheTopicsOfTheTiers) {
  world_.options.settings.retry = RetryMode::topics;
  Receiver receiver([](std::size_t number) { return number < 2 ? 500 : 200; });
  world_.start();
  const auto id = submit("echo by topics", receiver.url());
  receiver.wait_for(3);
  const auto times = receiver.times();
  EXPECT_GE(times[1] - times[0], milliseconds{150});
  EXPECT_GE(times[2] - times[1], milliseconds{300});
  EXPECT_EQ(receiver.requests()[2].header("webhook-id"), id + ".0");
  EXPECT_THAT(world_.messages(TopicRole::first_retry), SizeIs(1));
  EXPECT_THAT(world_.messages(TopicRole::later_retry), SizeIs(1));
}

TEST_F(WebhooksTest, ExhaustedItIsADeadLetterWithEveryReasonAndTheJobIsAsItWas) {
  std::atomic<bool> mended = false;
  Receiver receiver([&](std::size_t) { return mended ? 200 : 503; });
  world_.start();
  const auto id = submit("echo unheard", receiver.url());
  const auto job = world_.ended(id);
  EXPECT_EQ(job["status"], "COMPLETED");
  eventually("a dead letter", [&] { return world_.dead_letters().size() == 1; });
  const auto letter = world_.dead_letters().at(0);
  EXPECT_EQ(letter["requestId"], job["requestId"]);
  EXPECT_THAT(letter["reason"].get<std::string>(),
              AllOf(HasSubstr("webhook to http://"), HasSubstr("3 of 3")));
  ASSERT_THAT(letter["attempts"], SizeIs(3));
  EXPECT_THAT(letter["attempts"][0]["error"].get<std::string>(), HasSubstr("503"));
  EXPECT_EQ(letter["event"]["jobId"], id);
  EXPECT_THAT(receiver.requests(), SizeIs(3));
  EXPECT_EQ(world_.job(id), job);

  mended = true;
  const auto path = "/api/orchestrator/dlq/" + letter["id"].get<std::string>();
  EXPECT_EQ(world_.post(path + "/replay", "").status, 202);
  receiver.wait_for(4);
  EXPECT_EQ(receiver.requests()[3].header("webhook-id"), id + ".0");
  EXPECT_EQ(world_.job(id), job) << "only its end is told again";
  EXPECT_EQ(world_.post(path + "/discard", "").status, 200);
  EXPECT_THAT(world_.dead_letters(), SizeIs(0));
  const auto refused = world_.post(path + "/replay", "");
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body["message"].get<std::string>(), HasSubstr("was discarded"));
}

TEST_F(WebhooksTest, DiscardingItsDeadLetterLeavesThatOfTheRequest) {
  Receiver receiver([](std::size_t) { return 410; });
  world_.options.settings.max_attempts = 1;
  world_.registry.add_tool("work", [](std::size_t, const std::string&) {
    return FakeRegistry::failure(mcp::FailureClass::unknown, "broke");
  });
  world_.start();
  submit("run work", receiver.url());
  eventually("two dead letters", [&] { return world_.dead_letters().size() == 2; });
  for (const auto& letter : world_.dead_letters()) {
    if (!letter["event"].contains("url")) continue;
    const auto path = "/api/orchestrator/dlq/" + letter["id"].get<std::string>() + "/discard";
    EXPECT_EQ(world_.post(path, "").status, 200);
  }
  ASSERT_THAT(world_.dead_letters(), SizeIs(1));
  const auto left = world_.dead_letters()[0]["id"].get<std::string>();
  EXPECT_EQ(world_.post("/api/orchestrator/dlq/" + left + "/replay", "").status, 202);
}

TEST_F(WebhooksTest, AReceiverThatIsGoneForGoodIsNotAskedAgain) {
  Receiver receiver([](std::size_t) { return 410; });
  world_.start();
  submit("echo gone", receiver.url());
  eventually("a dead letter", [&] { return world_.dead_letters().size() == 1; });
  EXPECT_THAT(receiver.requests(), SizeIs(1));
}

TEST_F(WebhooksTest, AReceiverThatNeverAnswersHoldsUpNeitherJobsNorOtherReceivers) {
  world_.options.settings.webhook_timeout = std::chrono::seconds{60};
  Receiver silent([](std::size_t) { return 0; });
  Receiver other;
  world_.start();
  for (int i = 0; i < 30; ++i) submit("echo to nobody", silent.url());
  eventually("its share is taken", [&] { return silent.requests().size() == 8; });
  const auto id = submit("echo to somebody", other.url());
  EXPECT_EQ(world_.ended(id)["status"], "COMPLETED");
  other.wait_for(1);
  EXPECT_EQ(world_.query("echo still here").status, 200);
  EXPECT_THAT(silent.requests(), SizeIs(8));
}

TEST_F(WebhooksTest, TheWaitForTheNextAttemptOutlivesARestart) {
  world_.options.settings.retry_delays = {milliseconds{1'500}};
  Receiver receiver([](std::size_t number) { return number == 0 ? 500 : 200; });
  world_.start();
  const auto id = submit("echo durable", receiver.url());
  eventually("the first attempt is noted", [&] { return outcomes().size() == 1; });
  world_.stop();
  world_.start();
  receiver.wait_for(2);
  EXPECT_GE(receiver.times()[1] - receiver.times()[0], milliseconds{1'500});
  EXPECT_EQ(receiver.requests()[1].header("webhook-id"), id + ".0");
}

TEST_F(WebhooksTest, AnEndThatNeverReachedTheBusIsFoundInTheStore) {
  Receiver receiver;
  world_.start();
  world_.stop();
  {
    auto store = open_sqlite_job_store({.file = world_.options.store_path}).value();
    auto row = testing::new_job(base::random_uuid());
    row.webhook_url = receiver.url();
    row.outbox.topic = world_.topic(TopicRole::user_requests);
    ASSERT_TRUE(testing::await<InsertedJob>([&](auto done) { store->insert_job(row, std::move(done)); }));
    ASSERT_TRUE(testing::await<Job>([&](auto done) { store->cancel_job(row.id, std::move(done)); }));
    store->stop();
  }
  world_.start();
  receiver.wait_for(1);
  EXPECT_EQ(json::parse(receiver.requests()[0].body)["type"], "job.cancelled");
}

TEST_F(WebhooksTest, WhereNobodyElseIsNamedTheConfiguredReceiverIsTold) {
  Receiver ours;
  Receiver theirs;
  world_.options.settings.webhook_url = ours.url();
  world_.options.settings.webhook_private_network = false;  // that is for what jobs name
  world_.start();
  const auto id = world_.submit("echo ours");
  ours.wait_for(1);
  EXPECT_EQ(ours.requests()[0].header("webhook-id"), id + ".0");
  EXPECT_THAT(theirs.requests(), SizeIs(0));
}

TEST_F(WebhooksTest, WhatAJobMayNotNameIsRefusedAtTheDoor) {
  struct Case {
    json webhook;
    const char* named;
  };
  const Case cases[] = {
      {7, "must be a string"},
      {"", "1 to 2048 bytes"},
      {"https://example.com/" + std::string(2'048, 'x'), "1 to 2048 bytes"},
      {"no url", "http or https"},
      {"ftp://example.com/", "http or https"},
      {"file:///etc/passwd", "http or https"},
      {"http://example.com/", "must be https"},
      {"https://localhost/", "this machine"},
      {"https://127.0.0.1/", "this machine"},
      {"https://[::1]/", "this machine"},
  };
  world_.options.settings.webhook_private_network = false;
  world_.start();
  for (const auto& row : cases) {
    const auto answer =
        world_.post("/api/orchestrator/jobs", json{{"query", "echo x"}, {"webhook", row.webhook}}.dump());
    EXPECT_EQ(answer.status, 400) << row.webhook;
    EXPECT_THAT(answer.body.value("message", ""), HasSubstr(row.named)) << row.webhook;
  }
  EXPECT_THAT(world_.get("/api/orchestrator/jobs").body["jobs"], SizeIs(0));
}

TEST_F(WebhooksTest, ATenantsAreSignedWithItsOwnSecretAndLieInItsNamespace) {
  using auth::Permission;
  auth::AuthSettings roles;
  roles.roles["b"] = {.tenant = "b",
                      .permissions = {Permission::query, Permission::consume, Permission::admin}};
  world_.with_roles(std::move(roles));
  world_.options.settings.max_attempts = 1;
  std::atomic<bool> mended = false;
  Receiver receiver([&](std::size_t) { return mended ? 200 : 503; });
  world_.start();
  const auto as_b = World::as("b");
  const auto answer = world_.post("/api/orchestrator/jobs",
                                  json{{"query", "echo of b"}, {"webhook", receiver.url()}}.dump(), as_b);
  ASSERT_EQ(answer.status, 202) << answer.body;
  const auto id = answer.body["jobId"].get<std::string>() + ".0";
  receiver.wait_for(1);
  const auto told = receiver.requests().at(0);
  const auto timestamp = std::stoll(std::string(told.header("webhook-timestamp")));
  EXPECT_EQ(told.header("webhook-signature"),
            WebhookSigner::open(kSecretKey).value().sign("b", id, timestamp, told.body).value());
  const auto letters = [&] { return world_.get("/api/orchestrator/dlq", as_b).body["deadLetters"]; };
  eventually("a dead letter of b", [&] { return letters().size() == 1; });
  EXPECT_THAT(world_.messages(TopicRole::webhooks), SizeIs(0));
  EXPECT_THAT(world_.messages(TopicRole::dead_letters), SizeIs(0));

  mended = true;
  const auto path = "/api/orchestrator/dlq/" + letters()[0]["id"].get<std::string>() + "/replay";
  EXPECT_EQ(world_.post(path, "", as_b).status, 202);
  receiver.wait_for(2);
  EXPECT_EQ(receiver.requests()[1].header("webhook-id"), id);
}

TEST_F(WebhooksTest, WithoutASecretNobodyCanBeNamed) {
  world_.options.settings.webhook_secret_key.clear();
  world_.start();
  const auto answer =
      world_.post("/api/orchestrator/jobs", R"({"query": "echo x", "webhook": "https://example.com/"})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body.value("message", ""), HasSubstr("webhook_secret_key"));
}

TEST_F(WebhooksTest, AnAddressOfThisMachineIsNotReachedWhateverItsNameWas) {
  Receiver receiver([](std::size_t) { return 500; });
  world_.options.settings.retry_delays = {milliseconds{1'000}};
  world_.start();
  submit("echo inside", receiver.url());
  eventually("the first attempt is noted", [&] { return outcomes().size() == 1; });
  world_.stop();
  world_.options.settings.webhook_private_network = false;
  world_.start();
  eventually("a dead letter", [&] { return world_.dead_letters().size() == 1; });
  EXPECT_THAT(world_.dead_letters()[0]["reason"].get<std::string>(), HasSubstr("private network"));
  EXPECT_THAT(receiver.requests(), SizeIs(1));
}

TEST_F(WebhooksTest, AMessageCannotSendAJobToWhereTheJobDidNotSay) {
  Receiver named;
  Receiver forged;
  world_.start();
  const auto id = submit("echo mine", named.url());
  named.wait_for(1);
  const auto message = world_.messages(TopicRole::webhooks).at(0);
  auto event = parse_webhook(message.body).value();
  event.url = forged.url();
  auto producer = world_.bus().create_producer({.topic = world_.topic(TopicRole::webhooks)}).value();
  OutgoingMessage outgoing;
  outgoing.body = to_json(event);
  outgoing.properties = message.properties;
  ASSERT_TRUE(producer.send(outgoing));
  outgoing.body = "no webhook";
  ASSERT_TRUE(producer.send(outgoing));
  eventually("what fits no schema is a dead letter", [&] { return world_.dead_letters().size() == 1; });
  EXPECT_THAT(forged.requests(), SizeIs(0));
}

TEST(WebhookSettings, ThatCannotWorkStopTheStart) {
  const auto started = [](auto change) {
    World world;
    change(world.options.settings);
    auto bus = Bus::open("embedded:" + (world.folder() / "bus").string()).value();
    world.options.bus = bus;
    net::Router router;
    auto result = Orchestrator::start(world.options, router);
    world.options.bus.reset();
    const auto code = result ? ErrorCode::internal : result.error().code;
    if (result) (*result)->stop();
    EXPECT_TRUE(bus.close());
    return code;
  };
  EXPECT_EQ(started([](OrchestratorSettings& settings) { settings.webhook_url = "https://example.com/"; }),
            ErrorCode::config_error);
  EXPECT_EQ(started([](OrchestratorSettings& settings) { settings.webhook_secret_key = "/no/such/file"; }),
            ErrorCode::config_error);
  EXPECT_EQ(started([](OrchestratorSettings& settings) {
              settings.webhook_secret_key = kSecretKey;
              settings.webhook_url = "nowhere";
            }),
            ErrorCode::config_error);
}

}  // namespace
}  // namespace geminga::orchestrator

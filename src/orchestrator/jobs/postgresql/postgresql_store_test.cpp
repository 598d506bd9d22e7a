#include <cstdio>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "orchestrator/jobs/postgresql/database.hpp"
#include "orchestrator/jobs/postgresql/migrations.hpp"
#include "orchestrator/jobs/testing/store_fixture.hpp"

namespace geminga::orchestrator {
namespace {

using std::chrono::milliseconds;
using testing::await;
using ::testing::HasSubstr;
using testing::new_job;
using ::testing::Not;
using ::testing::SizeIs;

class PostgresqlStoreTest : public testing::StoreTest {
 protected:
  PostgresqlStoreTest() : StoreTest(std::make_unique<testing::PostgresqlPlace>()) {}
  testing::PostgresqlServer& server_ = testing::PostgresqlServer::shared();
};

TEST_F(PostgresqlStoreTest, AServerThatIsNotThereIsNamedWithTheRemedyAndWithoutThePassword) {
  const auto none =
      open_postgresql_job_store({.url = "postgresql://me:secret@127.0.0.1:1/jobs?connect_timeout=5"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::unavailable);
  EXPECT_THAT(none.error().message, HasSubstr("postgresql://me@127.0.0.1:1/jobs"));
  EXPECT_THAT(none.error().message, HasSubstr("start the server, or correct the database URL"));
  EXPECT_THAT(none.error().message, Not(HasSubstr("secret")));
  EXPECT_THAT(store_->description(), HasSubstr("postgresql://postgres@"));
}

TEST_F(PostgresqlStoreTest, ADatabaseThatCannotHoldEveryTextIsRefused) {
  server_.sql("DROP DATABASE IF EXISTS latin");
  server_.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
  auto url = server_.url();
  const auto refused = open_postgresql_job_store({.url = url.replace(url.rfind('/') + 1, url.npos, "latin")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_error);
  EXPECT_THAT(refused.error().message, HasSubstr("ENCODING 'UTF8'"));
}

TEST_F(PostgresqlStoreTest, AUserWhoMayMakeNoSchemaIsToldWhichRightIsMissing) {
  store_.reset();
  server_.sql("DROP SCHEMA geminga CASCADE");
  server_.sql("DROP USER IF EXISTS guest");
  server_.sql("CREATE USER guest");
  auto url = server_.url();
  const auto refused = open_postgresql_job_store({.url = url.replace(url.find("postgres@"), 8, "guest")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_error);
  EXPECT_THAT(refused.error().message, HasSubstr("GRANT CREATE ON DATABASE"));
}

TEST_F(PostgresqlStoreTest, CommitsAreDurableWhateverTheServersDefaultIs) {
  server_.sql("ALTER ROLE postgres SET synchronous_commit = off");
  const auto database = postgresql::Database::connect(server_.url(), nullptr);
  server_.sql("ALTER ROLE postgres RESET synchronous_commit");
  ASSERT_TRUE(database) << database.error().message;
  auto show = (*database)->prepare("SELECT current_setting('synchronous_commit')").value();
  ASSERT_TRUE(show.step().value());
  EXPECT_EQ(show.text(0), "on");
}

TEST_F(PostgresqlStoreTest, ANewerSchemaIsRefusedAndNotTouched) {
  store_.reset();
  server_.sql("UPDATE geminga.store_identity SET schema_version = 99");
  EXPECT_EQ(open_postgresql_job_store({.url = server_.url()}).error().code, ErrorCode::format_too_new);
  EXPECT_EQ(server_.sql("SELECT schema_version FROM geminga.store_identity"), "99");
}

TEST_F(PostgresqlStoreTest, EverySchemaOfBeforeIsBroughtUpToDate) {
  for (int version = 1; version <= postgresql::schema_version(); ++version) {
    store_.reset();
    server_.sql("DROP SCHEMA geminga CASCADE");
    const auto database = postgresql::Database::connect(server_.url(), nullptr).value();
    const auto id = postgresql::migrate(*database, version);
    ASSERT_TRUE(id) << id.error().message;
    server_.sql(
        "INSERT INTO geminga.orchestrator_jobs (id, request_id, query, status, created_at, updated_at, "
        "outbox_topic, outbox_body, outbox_properties) VALUES ('job-kept', 'kept', 'a sentence', 'PENDING', "
        "1, 1, 't', '{}', '{}')");
    open();
    EXPECT_EQ(store_->id(), *id);
    EXPECT_EQ(server_.sql("SELECT schema_version FROM geminga.store_identity"),
              std::to_string(postgresql::schema_version()));
    EXPECT_EQ(job("kept").query, "a sentence");
    EXPECT_FALSE(insert("new").existed);
  }
}

TEST_F(PostgresqlStoreTest, ProcessesThatStartTogetherMakeOneStore) {
  store_.reset();
  server_.sql("DROP SCHEMA geminga CASCADE");
  std::vector<std::string> ids(6);
  {
    std::vector<std::jthread> starting;
    for (auto& id : ids)
      starting.emplace_back([&] {
        auto opened = open_postgresql_job_store({.url = server_.url()});
        id = opened ? (*opened)->id() : opened.error().message;
      });
  }
  EXPECT_TRUE(base::is_uuid(ids[0])) << ids[0];
  EXPECT_THAT(ids, ::testing::Each(ids[0]));
}

TEST_F(PostgresqlStoreTest, ATextThatPostgresqlCannotHoldIsKeptWithReplacements) {
  auto row = new_job("r1");
  row.query = std::string("a\0b\xFF\xE2\x82", 6) + "\xE2\x82\xAC";
  ASSERT_TRUE(await<InsertedJob>([&](auto done) { store_->insert_job(row, std::move(done)); }));
  EXPECT_EQ(job("r1").query, "a\uFFFDb\uFFFD\uFFFD\uFFFD\u20AC");
}

TEST_F(PostgresqlStoreTest, LeasesFollowTheClockOfTheServer) {
  const auto mine = open_postgresql_job_store({.url = server_.url()}).value();
  const auto take_as = [&](const std::string& owner) {
    auto claim = signal("r1");
    claim.owner = owner;
    claim.lease = milliseconds{300};
    return await<TakenClaim>([&](auto done) { mine->take_claim(claim, std::move(done)); }).value().result;
  };
  const auto before = server_.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)");
  ASSERT_EQ(take_as("first"), TakeResult::taken);
  EXPECT_EQ(server_.sql("SELECT lease_until BETWEEN " + before + " + 300 AND " + before +
                        " + 30300 FROM "
                        "geminga.claims"),
            "t");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  auto second = take_as("second");
  while (second == TakeResult::running && std::chrono::steady_clock::now() < deadline)
    second = take_as("second");
  EXPECT_EQ(second, TakeResult::outcome_unknown) << "the lease is over by the server's clock";
}

/// What a process of its own prints.
class Claimer {
 public:
  Claimer(const std::string& url, const std::string& owner, int count)
      : output_(::popen(
            (std::string(GEMINGA_CLAIMER) + " '" + url + "' " + owner + " " + std::to_string(count)).c_str(),
            "re")) {}
  std::set<int> taken() {
    std::set<int> numbers;
    int number = 0;
    while (std::fscanf(output_, "%d", &number) == 1) numbers.insert(number);
    EXPECT_EQ(::pclose(output_), 0);
    return numbers;
  }

 private:
  std::FILE* output_;
};

TEST_F(PostgresqlStoreTest, TwoProcessesThatClaimAtOnceNeverGetTheSame) {
  constexpr int kRequests = 1'000;
  Claimer first(server_.url(), "first", kRequests);
  Claimer second(server_.url(), "second", kRequests);
  const auto running = [&] {
    return await<StoreCounts>([&](auto done) { store_->counts(std::move(done)); }).value().claims_running;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (running() < 2) ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "both are there";
  decide("go");
  const auto of_first = first.taken();
  const auto of_second = second.taken();
  EXPECT_EQ(of_first.size() + of_second.size(), static_cast<std::size_t>(kRequests)) << "each by one";
  auto all = of_first;
  all.insert(of_second.begin(), of_second.end());
  EXPECT_THAT(all, SizeIs(kRequests)) << "none by both";
  EXPECT_FALSE(of_first.empty() || of_second.empty()) << of_first.size() << " and " << of_second.size();
}

TEST(PostgresqlTexts, ParametersAndTextsAndStates) {
  using postgresql::code_of_sqlstate;
  EXPECT_EQ(postgresql::numbered_parameters("a = ? AND b = ?"), "a = $1 AND b = $2");
  EXPECT_EQ(postgresql::numbered_parameters("?2 ?12"), "$2 $12");
  EXPECT_EQ(postgresql::storable("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(code_of_sqlstate("53100"), ErrorCode::disk_full);
  EXPECT_EQ(code_of_sqlstate("58030"), ErrorCode::disk_error);
  EXPECT_EQ(code_of_sqlstate("XX001"), ErrorCode::corrupted);
  EXPECT_EQ(code_of_sqlstate("XX000"), ErrorCode::internal);
  EXPECT_EQ(code_of_sqlstate("23505"), ErrorCode::conflict);
  EXPECT_EQ(code_of_sqlstate("42501"), ErrorCode::config_error);
  EXPECT_EQ(code_of_sqlstate("42601"), ErrorCode::internal);
  for (const auto* again : {"08006", "25006", "40001", "40P01", "53300", "55P03", "57P01", "57P03"})
    EXPECT_EQ(code_of_sqlstate(again), ErrorCode::unavailable) << again;
}

}  // namespace
}  // namespace geminga::orchestrator

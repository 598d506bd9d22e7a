// The metadata name a compacted view that the log does not have whole.
#include <gmock/gmock.h>

#include "base/file_system.hpp"
#include "broker/broker_fixture.hpp"
#include "storage/backup.hpp"
#include "storage/directory.hpp"
#include "storage/fsck.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::Inbox;
using testing::kMany;
using testing::wait_for;

constexpr char kName[] = "persistent://public/default/t";

class LostViewTest : public testing::BrokerTest {
 protected:
  void SetUp() override {
    options_.trim_every = 1h;
    BrokerTest::SetUp();
    topic_ = topic();
    put("a", "old");
    put("b", "new");
    put("a", "");
    ASSERT_TRUE(compact());
  }
  void put(const std::string& key, const std::string& body) {
    std::vector<Publication> one;
    one.push_back({.topic = topic_, .append = encode_raw({.body = body, .key = key}, "", Timestamp{})});
    ASSERT_TRUE(wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(one), std::move(done)); }));
  }
  Result<> compact() {
    EXPECT_TRUE(wait_for<void>([&](auto done) { broker_->compact(topic_, std::move(done)); }));
    return wait_for<void>([&](auto done) { broker_->await_compaction(topic_, std::move(done)); });
  }
  /// What a copy would hold whose log is older than its metadata.
  void lose_an_entry_of_the_view() {
    topic_.reset();
    ASSERT_TRUE(broker_->close());
    broker_.reset();
    const auto directory =
        storage::DataDirectory::acquire(base::FileSystem::system(), options_.directory).value();
    const auto store =
        storage::MetadataStore::open(options_.directory / "metadata.db", directory->uuid(), false).value();
    const storage::TopicRow row = store->topics().value().front();
    storage::ViewRow view = row.view.value();
    view.entries += 1;
    ASSERT_TRUE(wait_for<void>([&](auto done) { store->set_view(row.id, view, std::move(done)); }));
  }
  std::shared_ptr<Inbox> read() {
    auto inbox = std::make_shared<Inbox>();
    reader_ =
        wait_for<ReaderPtr>([&](auto done) {
          broker_->create_reader(topic_, {.position = InitialPosition::earliest, .read_compacted = true},
                                 kMany, inbox, std::move(done));
        }).value();
    return inbox;
  }

  TopicPtr topic_;
  ReaderPtr reader_;
};

TEST_F(LostViewTest, IsNotTakenForASmallerOne) {
  lose_an_entry_of_the_view();
  const auto report = storage::check_directory(base::FileSystem::system(), options_.directory).value();
  EXPECT_FALSE(report.sound());
  EXPECT_TRUE(report.metadata_ahead);
  EXPECT_THAT(report.findings.at(0).text, HasSubstr(kName));
  EXPECT_THAT(report.hurt.begin()->second.name, HasSubstr("the compacted view of"));
  const auto copied =
      storage::copy_directory(base::FileSystem::system(), options_.directory, directory_ / "copy");
  EXPECT_EQ(copied.error().code, ErrorCode::corrupted);
  open();
  topic_ = topic();
  EXPECT_EQ(read()->wait_closed().code, ErrorCode::corrupted);
}

TEST_F(LostViewTest, IsMadeAnewWhereAllMessagesAreKept) {
  lose_an_entry_of_the_view();
  open();
  topic_ = topic();
  ASSERT_TRUE(compact()) << "though nothing came since";
  put("b", "more");
  const auto inbox = read();
  EXPECT_EQ(body(inbox->next()), "new");
  EXPECT_EQ(body(inbox->next()), "more");
}

TEST_F(LostViewTest, SaysWhatIsLostWhereTheyAreNot) {
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->create_subscription(topic_, "s", InitialPosition::latest, std::move(done));
  }));
  ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->trim(topic_, std::move(done)); }));
  ASSERT_EQ(stats(topic_).stored_messages, 0U);
  lose_an_entry_of_the_view();
  open();
  topic_ = topic();
  const auto again = compact();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::corrupted);
  EXPECT_THAT(again.error().message, HasSubstr("restore a backup"));
}

}  // namespace
}  // namespace geminga::broker

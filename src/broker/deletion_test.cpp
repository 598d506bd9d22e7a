// A topic goes in steps: tombstone, drop record, checkpoint, row. A stop between any two of them leaves a
// directory that the next start finishes; metadata from before a step is refused.
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/await.hpp"
#include "base/file_system.hpp"
#include "broker/broker.hpp"
#include "broker/raw_message.hpp"
#include "storage/directory.hpp"
#include "storage/metadata.hpp"

namespace geminga::broker {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kPatience{10};
constexpr char kName[] = "persistent://public/default/t";

template <class T, class Start>
Result<T> wait_for(Start start) {
  return base::await<T>([&](auto callback) { start(Done<T>(std::move(callback))); }, kPatience, "the broker");
}

class DeletionTest : public testing::Test {
 protected:
  DeletionTest() {
    std::string name = (fs::temp_directory_path() / "geminga-deletion-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = name;
  }
  ~DeletionTest() override {
    broker_.reset();
    fs::remove_all(root_);
  }
  [[nodiscard]] fs::path data() const { return root_ / "data"; }

  Result<> open() {
    auto opened = Broker::open({.directory = data(), .journal_file_bytes = 1 << 20});
    if (!opened) return std::unexpected(opened.error());
    broker_ = std::move(*opened);
    return {};
  }
  void stop() {
    ASSERT_TRUE(broker_->close());
    broker_.reset();
  }
  void publish() {
    const TopicPtr topic =
        wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, true, std::move(done)); }).value();
    std::vector<Publication> one;
    one.push_back({.topic = topic, .append = encode_raw({.body = "x"}, "", Timestamp{})});
    ASSERT_TRUE(wait_for<std::vector<MessageId>>(
        [&](auto done) { broker_->publish(std::move(one), std::move(done)); }));
  }
  void remove() {
    ASSERT_TRUE(wait_for<void>([&](auto done) { broker_->delete_topic(kName, true, std::move(done)); }));
  }
  /// What the kernel has when the process is killed now.
  void keep(const char* name) {
    fs::create_directory(root_ / name);
    for (const auto& file : fs::directory_iterator(data())) {
      std::error_code renamed;  // the next journal file gets its name meanwhile; nothing stands in it
      if (file.path().extension() != ".tmp") fs::copy(file.path(), root_ / name, renamed);
    }
  }
  /// The directory as it was kept.
  void go_back(const char* name) {
    fs::remove_all(data());
    fs::copy(root_ / name, data(), fs::copy_options::recursive);
  }
  /// The metadata as it was kept; all else stays.
  void put_metadata_back(const char* name) {
    for (const char* file : {"metadata.db", "metadata.db-wal", "metadata.db-shm"}) {
      fs::remove(data() / file);
      if (fs::exists(root_ / name / file)) fs::copy(root_ / name / file, data() / file);
    }
  }
  /// Reads the rows of a closed directory.
  std::vector<storage::TopicRow> rows() {
    const auto directory = storage::DataDirectory::acquire(base::FileSystem::system(), data()).value();
    return storage::MetadataStore::open(data() / "metadata.db", directory->uuid(), false)
        .value()
        ->topics()
        .value();
  }
  /// The deletion is finished by a start and a stop, and the name is free.
  void expect_gone_after_start() {
    const auto opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(broker_->topics("public/default").value().empty());
    stop();
    EXPECT_TRUE(rows().empty());
    ASSERT_TRUE(open());
    publish();
    stop();
    EXPECT_EQ(rows().size(), 1U);
  }

  fs::path root_;
  std::unique_ptr<Broker> broker_;
};

TEST_F(DeletionTest, AStopLeavesNoRowBehind) {
  ASSERT_TRUE(open());
  publish();
  remove();
  stop();
  expect_gone_after_start();
}

TEST_F(DeletionTest, KilledBehindTheTombstone) {
  ASSERT_TRUE(open());
  publish();
  stop();
  {
    const auto directory = storage::DataDirectory::acquire(base::FileSystem::system(), data()).value();
    const auto metadata =
        storage::MetadataStore::open(data() / "metadata.db", directory->uuid(), false).value();
    const storage::TopicId id = metadata->topics().value().at(0).id;
    ASSERT_TRUE(storage::MetadataStore::wait<void>(
        [&](auto done) { metadata->tombstone_topic(id, std::move(done)); }));
  }
  expect_gone_after_start();
}

TEST_F(DeletionTest, KilledBehindTheDropRecord) {
  ASSERT_TRUE(open());
  publish();
  remove();
  keep("dropped");
  stop();
  go_back("dropped");
  EXPECT_EQ(rows().size(), 1U);
  expect_gone_after_start();
}

TEST_F(DeletionTest, KilledBehindTheCheckpoint) {
  ASSERT_TRUE(open());
  publish();
  remove();
  keep("dropped");
  stop();
  put_metadata_back("dropped");
  EXPECT_EQ(rows().size(), 1U);
  expect_gone_after_start();
}

TEST_F(DeletionTest, AKilledDeletionThatIsKilledAgainAtTheStart) {
  ASSERT_TRUE(open());
  publish();
  remove();
  keep("dropped");
  stop();
  go_back("dropped");
  ASSERT_TRUE(open());
  keep("started");
  stop();
  go_back("started");
  expect_gone_after_start();
}

TEST_F(DeletionTest, MetadataFromBeforeTheTombstoneIsRefused) {
  ASSERT_TRUE(open());
  publish();
  keep("before");
  remove();
  stop();
  put_metadata_back("before");
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::corrupted);
  EXPECT_NE(opened.error().message.find("metadata older than the log"), std::string::npos);
}

TEST_F(DeletionTest, MetadataFromBeforeASubscriptionIsRefused) {
  ASSERT_TRUE(open());
  publish();
  keep("before");
  const TopicPtr topic =
      wait_for<TopicPtr>([&](auto done) { broker_->open_topic(kName, false, std::move(done)); }).value();
  ASSERT_TRUE(wait_for<void>([&](auto done) {
    broker_->create_subscription(topic, "s", InitialPosition::earliest, std::move(done));
  }));
  stop();
  put_metadata_back("before");
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("metadata older than the log"), std::string::npos);
}

}  // namespace
}  // namespace geminga::broker

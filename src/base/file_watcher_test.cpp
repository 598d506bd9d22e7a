#include "base/file_watcher.hpp"

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include <gtest/gtest.h>

#include "base/uuid.hpp"

namespace geminga::base {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FileWatcherTest : public ::testing::Test {
 protected:
  FileWatcherTest() : folder_(fs::temp_directory_path() / ("geminga_watch_" + random_uuid())) {
    fs::create_directories(folder_);
  }
  ~FileWatcherTest() override {
    loop_.run([&] { watcher_.reset(); });
    loop_.stop();
    fs::remove_all(folder_);
  }

  /// Watches `file` with a short quiet time and counts its changes.
  Result<> watch(const fs::path& file) {
    Result<> watching;
    loop_.run([&] {
      if (!watcher_) watcher_ = FileWatcher::open(loop_, 20ms).value();
      watching = watcher_->watch(file, [this] {
        const std::lock_guard lock(mutex_);
        ++changes_;
        changed_.notify_all();
      });
    });
    return watching;
  }
  bool wait_for_changes(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return changes_ >= count; });
  }
  /// Changes so far, after everything that was pending on the loop had its time.
  int changes_after_rest() {
    std::mutex mutex;
    std::condition_variable rested;
    bool over = false;
    std::unique_ptr<Timer> timer;
    loop_.run([&] {
      timer = std::make_unique<Timer>(loop_);
      timer->set_after(250ms, [&] {
        const std::lock_guard lock(mutex);
        over = true;
        rested.notify_all();
      });
    });
    {
      std::unique_lock lock(mutex);
      rested.wait(lock, [&] { return over; });
    }
    loop_.run([&] { timer.reset(); });
    const std::lock_guard lock(mutex_);
    return changes_;
  }
  static void write(const fs::path& file, std::string_view text) { std::ofstream(file) << text; }

  fs::path folder_;
  EventLoop loop_{"watch"};
  std::unique_ptr<FileWatcher> watcher_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int changes_ = 0;  // under mutex_
};

TEST_F(FileWatcherTest, SeesAWriteInPlace) {
  write(folder_ / "a", "one");
  ASSERT_TRUE(watch(folder_ / "a"));
  write(folder_ / "a", "other");
  EXPECT_TRUE(wait_for_changes(1));
}

TEST_F(FileWatcherTest, SeesARenameOverItAndTheNextOneToo) {
  write(folder_ / "a", "one");
  ASSERT_TRUE(watch(folder_ / "a"));
  for (int round = 1; round <= 3; ++round) {
    write(folder_ / ".a.swp", std::string(static_cast<std::size_t>(round), 'x'));
    fs::rename(folder_ / ".a.swp", folder_ / "a");
    ASSERT_TRUE(wait_for_changes(round)) << round;
  }
}

TEST_F(FileWatcherTest, SeesAFileAppearAndVanish) {
  ASSERT_TRUE(watch(folder_ / "later"));
  write(folder_ / "later", "now");
  ASSERT_TRUE(wait_for_changes(1));
  fs::remove(folder_ / "later");
  EXPECT_TRUE(wait_for_changes(2));
}

TEST_F(FileWatcherTest, SeesALinkPointedElsewhereAndAWriteToItsTarget) {
  fs::create_directories(folder_ / "data");
  write(folder_ / "data" / "v1", "one");
  write(folder_ / "data" / "v2", "two!");
  fs::create_symlink(folder_ / "data" / "v1", folder_ / "a");
  ASSERT_TRUE(watch(folder_ / "a"));
  fs::create_symlink(folder_ / "data" / "v2", folder_ / "new");
  fs::rename(folder_ / "new", folder_ / "a");
  ASSERT_TRUE(wait_for_changes(1));
  write(folder_ / "data" / "v2", "changed");
  EXPECT_TRUE(wait_for_changes(2));
}

TEST_F(FileWatcherTest, OneCallbackForABurstAndNoneForOtherFiles) {
  write(folder_ / "a", "one");
  ASSERT_TRUE(watch(folder_ / "a"));
  for (int i = 0; i < 50; ++i) write(folder_ / "b", std::string(static_cast<std::size_t>(i), 'x'));
  EXPECT_EQ(changes_after_rest(), 0);
  loop_.run([&] {  // while the loop is held here it sees the burst as one
    for (int i = 0; i < 50; ++i) write(folder_ / "a", std::string(static_cast<std::size_t>(i), 'x'));
  });
  ASSERT_TRUE(wait_for_changes(1));
  EXPECT_EQ(changes_after_rest(), 1);
}

TEST_F(FileWatcherTest, WatchesSeveralFilesOfOneFolder) {
  ASSERT_TRUE(watch(folder_ / "a"));
  ASSERT_TRUE(watch(folder_ / "b"));
  write(folder_ / "a", "1");
  ASSERT_TRUE(wait_for_changes(1));
  write(folder_ / "b", "2");
  EXPECT_TRUE(wait_for_changes(2));
}

TEST_F(FileWatcherTest, AFolderThatIsNotThereIsNamed) {
  const auto watching = watch(folder_ / "none" / "a");
  ASSERT_FALSE(watching.has_value());
  EXPECT_EQ(watching.error().code, ErrorCode::io_error);
  EXPECT_NE(watching.error().message.find("none"), std::string::npos);
}

TEST_F(FileWatcherTest, NothingRunsOnceItIsGone) {
  write(folder_ / "a", "one");
  ASSERT_TRUE(watch(folder_ / "a"));
  loop_.run([&] {
    write(folder_ / "a", "other");
    watcher_.reset();
  });
  EXPECT_EQ(changes_after_rest(), 0);
}

}  // namespace
}  // namespace geminga::base

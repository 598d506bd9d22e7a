#include "orchestrator/services/topic_reader.hpp"

#include <pthread.h>
#include <utility>

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {
constexpr std::chrono::minutes kWait{1};  // closing the reader ends it sooner
constexpr std::chrono::milliseconds kAfterFailure{1'000};
}  // namespace

TopicReader::TopicReader(std::shared_ptr<Core> core, std::string name, TopicRole topic,
                         std::string name_space, std::function<void(const Message&)> seen)
    : core_(std::move(core)),
      name_(std::move(name)),
      role_(topic),
      name_space_(std::move(name_space)),
      seen_(std::move(seen)) {}

TopicReader::~TopicReader() {
  close();
}

Result<> TopicReader::open() {
  GEMINGA_TRY_VOID(reopen());
  running_ = true;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    run();
  });
  return {};
}

Result<> TopicReader::reopen() {
  ReaderOptions options;
  options.topic = core_->topic(role_, name_space_);
  if (last_) options.start = *last_;
  GEMINGA_TRY(auto opened, core_->bus.create_reader(std::move(options)));
  const std::lock_guard lock(mutex_);
  reader_ = std::make_shared<Reader>(std::move(opened));
  return {};
}

std::shared_ptr<Reader> TopicReader::reader() {
  const std::lock_guard lock(mutex_);
  return reader_;
}

void TopicReader::run() {
  while (!stopping_) {
    const auto message = reader()->read(kWait);
    if (message) {
      last_ = message->id;
      ++count_;
      seen_(*message);
      continue;
    }
    if (message.error().code == ErrorCode::timeout || stopping_) continue;
    log::warn("orchestrator", "{}: {}; reading on in a second", name_, message.error().message);
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kAfterFailure, [this] { return stopping_.load(); })) break;
    }
    if (auto again = reopen(); !again) log::warn("orchestrator", "{}: {}", name_, again.error().message);
  }
  running_ = false;
}

void TopicReader::close() {
  std::shared_ptr<Reader> open;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    open = reader_;
  }
  wake_.notify_all();
  if (open)
    if (auto closed = open->close(); !closed && closed.error().code != ErrorCode::closed)
      log::warn("orchestrator", "closing {}: {}", name_, closed.error().message);
  if (thread_.joinable()) thread_.join();
}

}  // namespace geminga::orchestrator

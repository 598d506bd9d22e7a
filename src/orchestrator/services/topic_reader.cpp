#include "orchestrator/services/topic_reader.hpp"

#include <pthread.h>
#include <utility>

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {
constexpr std::chrono::milliseconds kWait{200};
constexpr std::chrono::milliseconds kAfterFailure{1'000};
}  // namespace

TopicReader::TopicReader(std::shared_ptr<Core> core, std::string name, TopicRole topic,
                         std::function<void(const Message&)> seen)
    : core_(std::move(core)), name_(std::move(name)), role_(topic), seen_(std::move(seen)) {}

TopicReader::~TopicReader() {
  close();
}

Result<> TopicReader::open() {
  GEMINGA_TRY(auto reader, reopen());
  running_ = true;
  thread_ = std::thread([this, reader = std::move(reader)]() mutable {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    run(std::move(reader));
  });
  return {};
}

Result<Reader> TopicReader::reopen() {
  ReaderOptions options;
  options.topic = core_->topic(role_);
  if (last_) options.start = *last_;
  return core_->bus.create_reader(std::move(options));
}

void TopicReader::run(Reader reader) {
  while (!stopping_) {
    const auto message = reader.read(kWait);
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
    if (auto again = reopen()) reader = *std::move(again);
  }
  running_ = false;
}

void TopicReader::close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace geminga::orchestrator

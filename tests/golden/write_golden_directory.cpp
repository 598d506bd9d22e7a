// Writes the golden data directory of the current format: usage: write_golden_directory DIRECTORY
// The content is what storage/golden_test.cpp expects. The log is left as a killed process leaves it.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <unistd.h>

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "storage/directory.hpp"
#include "storage/log.hpp"
#include "storage/metadata.hpp"

namespace {

using namespace geminga;
using namespace geminga::storage;

constexpr char kTopicName[] = "persistent://public/default/golden";

template <class T>
T need(Result<T> result) {
  if (result) return *std::move(result);
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}
void need(Result<> result) {
  if (result) return;
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}

class Silent final : public LogListener {
 public:
  void on_durable(std::span<const Entry>) override {}
  void on_disk_error(const Error&) override { std::exit(74); }
};

void commit(Log& log, std::vector<Operation> operations) {
  std::promise<Result<Receipt>> promise;
  auto future = promise.get_future();
  log.submit({.operations = std::move(operations),
              .done = [&](Result<Receipt> receipt) { promise.set_value(std::move(receipt)); }});
  need(future.get());
}

std::pair<TopicId, SubscriptionId> write_metadata(const std::filesystem::path& file,
                                                  const std::string& uuid) {
  const auto store = need(MetadataStore::open(file, uuid, true));
  need(MetadataStore::wait<void>([&](auto done) { store->create_tenant("public", std::move(done)); }));
  need(MetadataStore::wait<void>(
      [&](auto done) { store->create_namespace("public/default", std::move(done)); }));
  const auto topic = need(
      MetadataStore::wait<TopicRow>([&](auto done) { store->create_topic(kTopicName, std::move(done)); }));
  const auto subscription = need(MetadataStore::wait<SubscriptionRow>([&](auto done) {
    store->create_subscription(topic.id, "reader", SubscriptionType::shared, {}, std::move(done));
  }));
  need(store->close());
  return {topic.id, subscription.id};
}

Append entry(TopicId topic, std::uint64_t number) {
  Append append{.topic = topic,
                .message_count = 1,
                .deliver_at = {},
                .key_hash = static_cast<std::uint32_t>(number * 7),
                .flags = EntryFlags::kDeduplicate,
                .producer = 5,
                .sequence = number,
                .body = fmt::format("golden entry {} {}", number, std::string(number * 29 % 400, 'g'))};
  if (number % 10 == 3) append.deliver_at = Timestamp{std::chrono::milliseconds{2'000'000'000'000}};
  append.body_crc = base::crc32c(append.body);
  return append;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: write_golden_directory DIRECTORY\n");
    return 2;
  }
  auto& files = base::FileSystem::system();
  const auto directory = need(DataDirectory::acquire(files, argv[1]));
  const auto [topic, subscription] = write_metadata(directory->path() / "metadata.db", directory->uuid());
  Silent silent;
  const LogOptions options{.directory = directory->path(),
                           .directory_uuid = directory->uuid(),
                           .journal_file_bytes = 32 << 10,
                           .memory_table_bytes = 20 << 10,
                           .unsafe = {}};
  {  // a first life, closed: checkpoint and segment
    const auto log = need(Log::open(files, base::Clock::system(), options, {topic}, {}, silent));
    std::vector<Operation> first;
    first.emplace_back(SetCursor{.topic = topic, .subscription = subscription, .next = EntryId{0}});
    for (std::uint64_t i = 0; i < 30; ++i) first.emplace_back(entry(topic, i));
    commit(*log, std::move(first));
    need(log->close());
  }
  auto* log = need(Log::open(files, base::Clock::system(), options, {topic}, {}, silent)).release();
  for (std::uint64_t i = 30; i < 36; ++i) {
    std::vector<Operation> step;
    step.emplace_back(entry(topic, i));
    step.emplace_back(Acknowledge{.topic = topic,
                                  .subscription = subscription,
                                  .ranges = {{EntryId{2 * i - 58}, EntryId{2 * i - 58}}},
                                  .batches = {{.entry = EntryId{35}, .acknowledged = {i}}}});
    commit(*log, std::move(step));
  }
  std::filesystem::remove(directory->path() / "LOCK");
  ::_exit(0);  // no close: the journal is all there is of the second life
}

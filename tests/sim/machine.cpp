#include "machine.hpp"

#include <unistd.h>

#include "base/uuid.hpp"
#include "breach.hpp"

namespace geminga::sim {
namespace {

namespace fs = std::filesystem;

// SQLite syncs each commit; in memory that costs nothing.
fs::path scratch() {
  const fs::path memory = "/dev/shm";
  return ::access(memory.c_str(), W_OK) == 0 ? memory : fs::temp_directory_path();
}

void copy_files(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace

base::FaultFileSystem::Loss draw_loss(Random& random) {
  using Loss = base::FaultFileSystem::Loss;
  constexpr Loss kAll[] = {Loss::nothing, Loss::everything, Loss::tail, Loss::torn, Loss::torn, Loss::names};
  return kAll[random.below(std::size(kAll))];
}

Machine::Machine(storage::UnsafeOptions unsafe)
    : unsafe_(unsafe),
      folder_(scratch() / ("geminga-sim-" + base::random_uuid())),
      files_(std::make_unique<base::FaultFileSystem>()) {
  fs::create_directories(folder_ / "data");
}

Machine::~Machine() {
  copy_.reset();
  broker_.reset();
  fs::remove_all(folder_);
}

broker::BrokerOptions Machine::options() {
  // Small enough that rolls of the journal, flushes, checkpoints, reads from segments and delays that do not
  // fit into memory are ordinary.
  return {.directory = folder_ / "data",
          .memory_table_bytes = 48 << 10,
          .journal_bytes_max = 1 << 20,
          .journal_file_bytes = 48 << 10,
          .delayed_bytes_max = 0,
          .delayed_each_min = 4,
          .trim_every = std::chrono::hours{1},  // by Broker::trim only
          .unsafe = unsafe_,
          .clock = &clock_,
          .files = files_.get()};
}

Result<> Machine::start() {
  auto opened = broker::Broker::open(options());
  if (!opened) return std::unexpected(opened.error());
  broker_ = std::move(*opened);
  return {};
}

Result<> Machine::stop() {
  const auto closed = broker_->close();
  broker_.reset();
  return closed;
}

void Machine::cut_power_after(std::uint64_t operations) {
  cut_at_ = files_->operations() + operations;
  files_->stop_at(cut_at_);
}

void Machine::crash(base::FaultFileSystem::Loss loss, std::uint64_t seed) {
  // From here on nothing reaches the disk, so that the end of the broker changes nothing.
  if (!power_is_gone()) cut_power_after(0);
  static_cast<void>(broker_->close());
  broker_.reset();
  files_ = files_->crash(loss, seed);
  cut_at_ = 0;
}

void Machine::crash_while_starting(std::uint64_t times, Random& random) {
  for (; times > 0; --times) {
    cut_power_after(random.between(1, 40));
    auto opened = broker::Broker::open(options());
    if (opened) broker_ = std::move(*opened);
    if (!opened && !power_is_gone()) breach("it does not start: {}", opened.error().message);
    const auto loss = draw_loss(random);
    if (broker_) {
      crash(loss, random.seed());
    } else {
      files_ = files_->crash(loss, random.seed());
      cut_at_ = 0;
    }
  }
}

broker::Broker* Machine::open_copy() {
  copy_files(folder_ / "data", folder_ / "saved");
  copy_files_ = files_->crash(base::FaultFileSystem::Loss::nothing, 0);
  copy_clock_.jump(clock_.wall_now() + std::chrono::hours{24} - copy_clock_.wall_now());
  auto copy_options = options();
  copy_options.clock = &copy_clock_;
  copy_options.files = copy_files_.get();
  auto opened = broker::Broker::open(std::move(copy_options));
  if (!opened) breach("it does not start after a crash: {}", opened.error().message);
  copy_ = std::move(*opened);
  return copy_.get();
}

void Machine::close_copy() {
  if (const auto closed = copy_->close(); !closed) breach("it does not close: {}", closed.error().message);
  copy_.reset();
  copy_files_.reset();
  copy_files(folder_ / "saved", folder_ / "data");
}

}  // namespace geminga::sim

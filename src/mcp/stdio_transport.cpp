#include "mcp/stdio_transport.hpp"

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>
#include <set>
#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "base/event_loop.hpp"
#include "base/log.hpp"
#include "mcp/failure.hpp"
#include "mcp/reaper_protocol.hpp"
#include "mcp/stderr_log.hpp"
#include "wire/mcp/line_splitter.hpp"

namespace geminga::mcp {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using boost::system::error_code;

constexpr std::chrono::milliseconds kLastWords{200};  // between the server's end and the end of its output
constexpr std::chrono::milliseconds kReapAgain{5};

std::string exit_text(int status) {
  if (WIFEXITED(status)) return fmt::format("exited with code {}", WEXITSTATUS(status));
  if (WIFSIGNALED(status))
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return "ended";
}

// States: idle -> running -> down (server ended, or closed by us) -> gone (no process left). Closed by us,
// the server is first told so by the end of its stdin, then its reaper ends it and all that it started.
// Handlers of Asio hold the object, so that it may be let go at any time.
class StdioCore : public std::enable_shared_from_this<StdioCore> {
 public:
  StdioCore(base::EventLoop& loop, std::string name, StdioEndpoint endpoint, ReaperCommand reaper,
            std::size_t max_bytes)
      : name_(std::move(name)),
        endpoint_(std::move(endpoint)),
        reaper_(std::move(reaper)),
        input_(loop.context()),
        output_(loop.context()),
        errors_(loop.context()),
        control_(loop.context()),
        status_(loop.context()),
        lines_(max_bytes),
        max_message_bytes_(max_bytes),
        stderr_(name_),
        last_words_(std::make_unique<base::Timer>(loop)),
        reap_again_(std::make_unique<base::Timer>(loop)) {}

  void start(Transport::Events events);
  void write(std::optional<std::int64_t> id, std::string text);
  [[nodiscard]] bool left(std::int64_t id) const { return !unsent_.contains(id); }
  [[nodiscard]] std::size_t unsent() const { return queue_.size() - unsent_.size(); }
  void forget(std::int64_t id);
  void close();
  // The owner goes: no event any more. The processes are ended all the same.
  void let_go() {
    close();
    events_ = {};
  }

  [[nodiscard]] const StderrLog& stderr_log() const { return stderr_; }
  [[nodiscard]] std::uint64_t noise_lines() const { return noise_lines_; }

 private:
  struct Outgoing {
    std::optional<std::int64_t> id;
    std::string text;
  };

  template <class Take>
  void read(Descriptor& from, std::shared_ptr<std::array<char, 65536>> buffer, Take take);
  void take_output(std::string_view bytes);
  void take_line(const wire::mcp::LineSplitter::Line& line);
  void take_over_limit(const wire::mcp::LineSplitter::Line& line);
  void count_noise(std::string_view line, std::string_view why);
  void take_status(std::string_view bytes);
  void output_ended();
  void down_soon();
  void down(Error error);
  void end_input();
  void end_now();
  void write_next();
  void close_descriptors();
  void reap();
  void gone();
  [[nodiscard]] Error death() const;

  const std::string name_;
  const StdioEndpoint endpoint_;
  const ReaperCommand reaper_;
  Transport::Events events_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  Descriptor control_;
  Descriptor status_;
  wire::mcp::LineSplitter lines_;
  wire::mcp::LineSplitter status_lines_{4'096};
  const std::size_t max_message_bytes_;
  StderrLog stderr_;
  std::uint64_t noise_lines_ = 0;
  std::deque<Outgoing> queue_;     // waiting
  std::vector<Outgoing> writing_;  // in the current write
  std::set<std::int64_t> unsent_;  // ids in queue_
  pid_t reaper_pid_ = -1;
  bool is_down_ = false;
  bool output_open_ = true;
  std::optional<std::string> ended_;  // how the server ended, as the reaper tells
  std::unique_ptr<base::Timer> last_words_;
  std::unique_ptr<base::Timer> reap_again_;
};

template <class Take>
void StdioCore::read(Descriptor& from, std::shared_ptr<std::array<char, 65536>> buffer, Take take) {
  from.async_read_some(asio::buffer(*buffer),
                       [self = shared_from_this(), &from, buffer, take](error_code error, std::size_t count) {
                         if (error) return take(std::string_view());
                         take(std::string_view(buffer->data(), count));
                         if (from.is_open()) self->read(from, buffer, take);
                       });
}

void StdioCore::start(Transport::Events events) {
  events_ = std::move(events);
  auto child = spawn_under_reaper(endpoint_, reaper_);
  if (!child) {
    down(child.error());
    return gone();
  }
  reaper_pid_ = child->reaper;
  input_.assign(child->stdin_fd);
  output_.assign(child->stdout_fd);
  errors_.assign(child->stderr_fd);
  control_.assign(child->control_fd);
  status_.assign(child->status_fd);
  read(output_, std::make_shared<std::array<char, 65536>>(),
       [this](std::string_view bytes) { bytes.empty() ? output_ended() : take_output(bytes); });
  read(errors_, std::make_shared<std::array<char, 65536>>(),
       [this](std::string_view bytes) { stderr_.feed(bytes); });
  read(status_, std::make_shared<std::array<char, 65536>>(),
       [this](std::string_view bytes) { bytes.empty() ? reap() : take_status(bytes); });
}

void StdioCore::take_output(std::string_view bytes) {
  for (const auto& line : lines_.feed(bytes)) {
    if (is_down_) return;
    if (line.over_limit) {
      take_over_limit(line);
    } else if (!line.text.empty()) {
      take_line(line);
    }
  }
}

void StdioCore::take_line(const wire::mcp::LineSplitter::Line& line) {
  auto messages = wire::mcp::decode(line.text);
  if (!messages) return count_noise(line.text, messages.error().message);
  for (auto& message : *messages) {
    if (!is_down_) events_.on_message(std::move(message));
  }
}

void StdioCore::take_over_limit(const wire::mcp::LineSplitter::Line& line) {
  const auto id = wire::mcp::response_id_at_edges(line.text, line.tail);
  if (!id) return count_noise(line.text, "over the limit of a line");
  events_.on_request_failed(
      *id,
      {.kind = FailureClass::final,
       .error = {
           ErrorCode::too_large,
           fmt::format(
               "server '{}' answered with more than {} bytes; raise max_message_bytes in [servers.{}] of "
               "geminga.toml",
               name_, max_message_bytes_, name_)}});
}

void StdioCore::count_noise(std::string_view line, std::string_view why) {
  // The first ones tell a person what is wrong; a server that logs to stdout must not fill our log.
  if (++noise_lines_ <= 5) {
    log::warn("mcp", "server '{}' wrote a line to stdout that is no message ({}): {}", name_, why,
              std::string(line.substr(0, 200)));
  }
}

void StdioCore::take_status(std::string_view bytes) {
  for (const auto& line : status_lines_.feed(bytes)) {
    const std::string_view text = line.text;
    const std::size_t space = text.find(' ');
    int number = 0;
    std::from_chars(text.data() + std::min(space, text.size() - 1) + 1, text.data() + text.size(), number);
    if (text.starts_with(kReaperSpawnFailed)) {
      down({ErrorCode::spawn_failed,
            fmt::format("'{}' cannot be started: {}", endpoint_.command, std::strerror(number))});
    } else if (text.starts_with(kReaperEnded)) {
      ended_ = exit_text(number);
      if (is_down_) return end_now();
      output_open_ ? down_soon() : down(death());
    }
  }
}

Error StdioCore::death() const {
  const std::string last = stderr_.last_line();
  return {ErrorCode::unavailable,
          fmt::format("the server '{}' {}{}{}", endpoint_.command, ended_.value_or("closed its stdout"),
                      last.empty() ? "" : "; its last line on stderr: ", last)};
}

void StdioCore::output_ended() {
  output_open_ = false;
  if (is_down_) return;
  ended_ ? down(death()) : down_soon();
}

void StdioCore::down_soon() {
  last_words_->set_after(kLastWords, [this] { down(death()); });
}

void StdioCore::down(Error error) {
  if (is_down_) return;
  const auto self = shared_from_this();  // events may drop the owner
  is_down_ = true;
  end_now();
  if (events_.on_down) events_.on_down(std::move(error));
}

void StdioCore::close() {
  if (is_down_) return;
  is_down_ = true;
  std::erase_if(queue_, [](const Outgoing& outgoing) { return outgoing.id.has_value(); });
  last_words_->set_after(kClosingGrace, [this] { end_now(); });
  if (writing_.empty()) end_input();
}

// What a server that behaves well waits for.
void StdioCore::end_input() {
  error_code ignored;
  input_.close(ignored);
}

// The reaper ends whatever is left.
void StdioCore::end_now() {
  last_words_->cancel();
  end_input();
  error_code ignored;
  control_.close(ignored);
}

// The status pipe has ended, so the reaper has or is about to.
void StdioCore::reap() {
  if (reaper_pid_ < 0) return;
  if (!is_down_) {
    ended_ = ended_.value_or("lost its reaper (somebody killed it)");
    down(death());
  }
  // Killed itself, it has ended nobody: what is left of its group goes now, while its pid is not free yet.
  ::kill(-reaper_pid_, SIGKILL);
  int status = 0;
  const pid_t done = ::waitpid(reaper_pid_, &status, WNOHANG);
  if (done == 0) return reap_again_->set_after(kReapAgain, [self = shared_from_this()] { self->reap(); });
  reaper_pid_ = -1;
  gone();
}

void StdioCore::gone() {
  error_code ignored;
  for (Descriptor* descriptor : {&input_, &output_, &errors_, &control_, &status_})
    descriptor->close(ignored);
  if (events_.on_gone) std::exchange(events_.on_gone, nullptr)();
}

void StdioCore::write(std::optional<std::int64_t> id, std::string text) {
  if (is_down_ || !input_.is_open()) return;
  text += '\n';
  if (id) unsent_.insert(*id);
  queue_.push_back({id, std::move(text)});
  if (writing_.empty()) write_next();
}

void StdioCore::forget(std::int64_t id) {
  if (unsent_.erase(id) > 0)
    std::erase_if(queue_, [id](const Outgoing& outgoing) { return outgoing.id == id; });
}

void StdioCore::write_next() {
  std::vector<asio::const_buffer> buffers;
  while (!queue_.empty() && buffers.size() < 64) {
    if (queue_.front().id) unsent_.erase(*queue_.front().id);
    writing_.push_back(std::move(queue_.front()));
    queue_.pop_front();
    buffers.emplace_back();
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i] = asio::buffer(writing_[i].text);
  asio::async_write(input_, buffers, [self = shared_from_this()](error_code error, std::size_t) {
    self->writing_.clear();
    if (!error && !self->queue_.empty()) return self->write_next();
    if (self->is_down_) self->end_input();
    // A write that failed means that the server is gone; its reaper and its stdout say so.
  });
}

class StdioTransport final : public Transport {
 public:
  explicit StdioTransport(std::shared_ptr<StdioCore> core) : core_(std::move(core)) {}
  ~StdioTransport() override { core_->let_go(); }
  void start(Events events) override { core_->start(std::move(events)); }
  void send_request(std::int64_t id, std::string text, RequestHead) override {
    core_->write(id, std::move(text));
  }
  void send(std::string text, std::function<void()> taken) override {
    core_->write(std::nullopt, std::move(text));
    if (taken) taken();
  }
  [[nodiscard]] std::size_t unsent() const override { return core_->unsent(); }
  void forget(std::int64_t id) override { core_->forget(id); }
  [[nodiscard]] bool left(std::int64_t id) const override { return core_->left(id); }
  void close() override { core_->close(); }
  [[nodiscard]] std::vector<std::string> stderr_tail() const override { return core_->stderr_log().tail(); }
  [[nodiscard]] std::uint64_t noise_lines() const override { return core_->noise_lines(); }

 private:
  std::shared_ptr<StdioCore> core_;
};

}  // namespace

std::unique_ptr<Transport> make_stdio_transport(base::EventLoop& loop, std::string name,
                                                StdioEndpoint endpoint, ReaperCommand reaper,
                                                std::size_t max_message_bytes) {
  return std::make_unique<StdioTransport>(std::make_shared<StdioCore>(
      loop, std::move(name), std::move(endpoint), std::move(reaper), max_message_bytes));
}

}  // namespace geminga::mcp

#include "link.hpp"

#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/protocol.hpp"

namespace geminga::bench::load {

namespace {

constexpr std::size_t kCopiedBytesMax = 8 << 10;  // a smaller payload is cheaper copied than sent as a piece
constexpr std::size_t kTextBytesMax = 64 << 10;
constexpr std::size_t kPiecesMax = 256;
constexpr int kEventsMax = 256;

[[noreturn]] void system_failed(const char* what) {
  give_up(fmt::format("{}: {}", what, std::strerror(errno)));
}

int connect_to(const std::string& url) {
  constexpr std::string_view kScheme = "pulsar://";
  const std::string place = url.starts_with(kScheme) ? url.substr(kScheme.size()) : url;
  const std::size_t colon = place.rfind(':');
  if (colon == std::string::npos) give_up(fmt::format("'{}' is not pulsar://HOST:PORT", url));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(place.substr(0, colon).c_str(), place.substr(colon + 1).c_str(), &hints, &found);
  if (failed != 0) give_up(fmt::format("{}: {}", url, ::gai_strerror(failed)));
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) system_failed("a socket");
  if (::connect(socket, found->ai_addr, found->ai_addrlen) != 0) system_failed(url.c_str());
  ::freeaddrinfo(found);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

/// A broker says why it does not go on.
template <class Refusal>
void refused(const wire::Frame& frame) {
  const auto refusal = whole(wire::decode<Refusal>(frame.command));
  give_up(fmt::format("refused ({}): {}", static_cast<int>(refusal.error), refusal.message));
}

}  // namespace

void give_up(const std::string& why) {
  fmt::print(stderr, "pulsar_load: {}\n", why);
  std::exit(1);
}

// --- all --------------------------------------------------------------------------------------------------

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) system_failed("epoll");
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // in ns; the usual 50 us would count as the broker's
}

Poller::~Poller() {
  ::close(epoll_);
}

void Poller::watch(Link& link, bool writes, bool is_new) {
  epoll_event event{};
  event.events = EPOLLIN | (writes ? EPOLLOUT : 0U);
  event.data.ptr = &link;
  if (::epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, link.socket_, &event) != 0)
    system_failed("epoll");
}

void Poller::turn(Clock::time_point until) {
  const auto left = std::max(until - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  epoll_event events[kEventsMax];
  const int count = ::epoll_pwait2(epoll_, events, kEventsMax, &timeout, nullptr);
  if (count < 0 && errno != EINTR) system_failed("epoll");
  if (count > 0) last_event_ = Clock::now();
  for (int i = 0; i < count; ++i) static_cast<Link*>(events[i].data.ptr)->on_event(events[i].events);
}

// --- one --------------------------------------------------------------------------------------------------

Link::Link(Poller& poller, const std::string& url) : poller_(poller), socket_(connect_to(url)) {
  poller_.watch(*this, false, true);
  send(wire::CommandConnect{.client_version = "geminga pulsar_load",
                            .protocol_version = wire::kProtocolVersion,
                            .feature_flags = wire::FeatureFlags{}});
  flush();
}

Link::~Link() {
  if (socket_ >= 0) ::close(socket_);
}

void Link::end(const std::string& why) {
  if (!may_end_) give_up(why);
  ::close(std::exchange(socket_, -1));
  out_.clear();
}

std::string& Link::text() {
  if (out_.empty() || !out_.back().lying.empty() || out_.back().text.size() >= kTextBytesMax)
    out_.emplace_back();
  return out_.back().text;
}

void Link::send(const wire::CommandSend& command, const wire::MessageMetadata& metadata,
                std::string_view payload) {
  std::string entry;
  append_entry_head(entry, metadata, {payload});
  std::string& out = text();
  append_frame(out, command, entry.size() + payload.size());
  out += entry;
  if (payload.size() < kCopiedBytesMax)
    out += payload;
  else
    out_.push_back({.text = {}, .lying = payload});
}

void Link::flush() {
  while (socket_ >= 0 && !out_.empty()) {
    iovec pieces[kPiecesMax];
    msghdr message{};
    message.msg_iov = pieces;
    for (std::size_t i = 0; i < std::min(out_.size(), kPiecesMax); ++i) {
      const std::string_view bytes = out_[i].bytes().substr(i == 0 ? gone_ : 0);
      pieces[message.msg_iovlen++] = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    }
    const ssize_t count = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) return end(fmt::format("writing: {}", std::strerror(errno)));
    if (count < 0) break;
    sent(static_cast<std::size_t>(count));
  }
  if (socket_ >= 0 && waits_to_write_ != !out_.empty())
    poller_.watch(*this, waits_to_write_ = !out_.empty(), false);
}

void Link::sent(std::size_t bytes) {
  gone_ += bytes;
  while (!out_.empty() && gone_ >= out_.front().bytes().size()) {
    gone_ -= out_.front().bytes().size();
    out_.pop_front();
  }
}

void Link::on_event(std::uint32_t events) {
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read();
  flush();
}

void Link::read() {
  const auto room = buffer_.room();
  const ssize_t count = ::recv(socket_, room.data(), room.size(), MSG_DONTWAIT);
  if (count == 0) return end("the broker closed the connection");
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) end(fmt::format("reading: {}", std::strerror(errno)));
    return;
  }
  buffer_.filled(static_cast<std::size_t>(count));
  whole(buffer_.take([&](std::string_view frame) {
    take(frame);
    return socket_ >= 0;
  }));
}

void Link::take(std::string_view bytes) {
  const auto frame = whole(wire::parse_frame(bytes));
  switch (frame.type) {
    case wire::CommandType::connected:
      connected_ = true;
      return;
    case wire::CommandType::ping:
      ++pings_;
      return send(wire::CommandPong{});
    case wire::CommandType::error:
      return refused<wire::CommandError>(frame);
    case wire::CommandType::send_error:
      return refused<wire::CommandSendError>(frame);
    case wire::CommandType::close_producer:
    case wire::CommandType::close_consumer:
      give_up("the broker closed a producer or consumer");
    default:
      if (on_frame_) on_frame_(frame);
  }
}

void look_up(Link& link, const std::string& topic) {
  link.ask<wire::CommandPartitionedTopicMetadataResponse>(
      wire::CommandPartitionedTopicMetadata{.topic = topic, .request_id = 1}, [&](const auto& answer) {
        if (*answer.partitions > 0) give_up(topic + " has partitions; only topics without are measured");
      });
  link.ask<wire::CommandLookupTopicResponse>(
      wire::CommandLookupTopic{.topic = topic, .request_id = 2}, [&](const auto& answer) {
        if (*answer.response == wire::LookupResult::failed)
          give_up(fmt::format("looking up {}: {}", topic, *answer.message));
      });
}

}  // namespace geminga::bench::load

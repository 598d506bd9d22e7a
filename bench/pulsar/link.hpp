#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "../measure.hpp"
#include "wire/pulsar/codec.hpp"
#include "wire/pulsar/frame.hpp"
#include "wire/pulsar/frame_buffer.hpp"

/// A client of Pulsar's protocol that costs next to nothing: one thread, one epoll, no copy of large
/// payloads. Whatever goes wrong ends the program with the reason.
namespace geminga::bench::load {

namespace wire = ::geminga::wire::pulsar;

[[noreturn]] void give_up(const std::string& why);

/// What must be there to go on.
template <class T>
T whole(const wire::Parsed<T>& parsed) {
  if (!parsed) give_up(parsed.error().text());
  return *parsed;
}

class Link;

/// Waits for all links.
class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Handles what is there, or what comes first until then.
  void turn(Clock::time_point until);
  /// Turns until `done`; gives up when nothing came for a minute.
  template <std::predicate Done>
  void run(std::string_view what, const Done& done) {
    while (!done()) {
      const auto limit = last_event_ + kSilenceMax;
      if (Clock::now() > limit) give_up("nothing came for a minute while waiting for " + std::string(what));
      turn(limit);
    }
  }

 private:
  static constexpr std::chrono::seconds kSilenceMax{60};
  friend class Link;
  void watch(Link& link, bool writes, bool is_new);

  int epoll_;
  Clock::time_point last_event_ = Clock::now();
};

/// One connection. Its address must not change while it lives.
class Link {
 public:
  using OnFrame = std::function<void(const wire::Frame&)>;

  /// `url`: pulsar://HOST:PORT. CONNECT is on its way when it returns.
  Link(Poller& poller, const std::string& url);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  /// False: the broker closed it; only where `may_end`.
  [[nodiscard]] bool open() const { return socket_ >= 0; }
  void may_end() { may_end_ = true; }
  [[nodiscard]] std::uint64_t pings() const { return pings_; }
  /// Who gets what comes, but for signs of life. Errors and closed producers and consumers end the program.
  void set_on_frame(OnFrame on_frame) { on_frame_ = std::move(on_frame); }

  /// Goes out with flush(), which each turn does for links of which something came.
  template <wire::Command Command>
  void send(const Command& command) {
    append_frame(text(), command);
  }
  /// `payload` stays where it is until it is out.
  void send(const wire::CommandSend& command, const wire::MessageMetadata& metadata,
            std::string_view payload);
  void flush();

  /// Sends a request and waits for its answer, whose views live as long as `use`.
  template <wire::Command Answer, wire::Command Request, std::invocable<const Answer&> Use>
  void ask(const Request& request, const Use& use) {
    bool answered = false;
    set_on_frame([&](const wire::Frame& frame) {
      if (answered || frame.type != wire::kCommandType<Answer>) return;
      use(whole(wire::decode<Answer>(frame.command)));
      answered = true;
    });
    send(request);
    flush();
    poller_.run(Request::kName, [&] { return answered; });
    set_on_frame(nullptr);
  }

 private:
  friend class Poller;
  /// Text, or bytes that lie elsewhere.
  struct Piece {
    std::string text;
    std::string_view lying;
    [[nodiscard]] std::string_view bytes() const { return lying.empty() ? std::string_view(text) : lying; }
  };
  std::string& text();
  void on_event(std::uint32_t events);
  void read();
  void take(std::string_view bytes);
  void sent(std::size_t bytes);
  void end(const std::string& why);

  Poller& poller_;
  int socket_ = -1;
  wire::FrameBuffer buffer_;
  OnFrame on_frame_;
  std::deque<Piece> out_;
  std::size_t gone_ = 0;  ///< bytes of the first piece that are out
  bool waits_to_write_ = false;
  bool connected_ = false;
  bool may_end_ = false;
  std::uint64_t pings_ = 0;
};

/// As official clients do before they open a producer or consumer; a broker may want it.
void look_up(Link& link, const std::string& topic);

}  // namespace geminga::bench::load

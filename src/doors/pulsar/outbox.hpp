#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/pulsar/frame.hpp"

namespace geminga::doors::pulsar {

namespace wire = ::geminga::wire::pulsar;

/// Hears when what it gave has gone out.
class Sent {
 public:
  virtual ~Sent() = default;
  virtual void on_sent(std::uint64_t credit) = 0;
};

/// What a connection has to send, in order. Commands and small payloads stand together in blocks, large
/// payloads are sent from where they lie. Pure: a loop asks for pieces and says how much of them went out.
/// One thread.
class Outbox {
 public:
  /// A payload of at least so many bytes is not copied.
  static constexpr std::size_t kInPlaceBytes = 8 << 10;

  /// `on_work` is called whenever there is something to send; it must not call back.
  explicit Outbox(std::function<void()> on_work) : on_work_(std::move(on_work)) {}

  /// As if there were something to send.
  void wake() const { on_work_(); }

  template <wire::Command Command>
  void command(const Command& command) {
    append_frame(text(), command);
    added();
  }

  /// A payload that must outlive its sending lies at `owner`; `to` hears of `credit` when it is out.
  struct Payload {
    std::string_view bytes;
    std::shared_ptr<const void> owner;
    std::shared_ptr<Sent> to;
    std::uint64_t credit = 0;
  };
  /// A command, what stands in front of its payload, and the payload.
  template <wire::Command Command>
  void message(const Command& command, std::string_view head, Payload payload) {
    std::string& out = text();
    append_frame(out, command, head.size() + payload.bytes.size());
    out += head;
    put(std::move(payload));
    added();
  }

  /// Up to `pieces_max` pieces from the first byte that has not gone out; they live until sent(), and what is
  /// added meanwhile stands behind them.
  [[nodiscard]] std::vector<std::string_view> next(std::size_t pieces_max);
  /// The first `bytes` of those pieces have gone out.
  void sent(std::size_t bytes);

  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_; }
  [[nodiscard]] bool empty() const noexcept { return unsent_ == 0; }
  /// For a connection at rest: holds no memory that it does not need.
  void release();
  /// Drops everything; nobody hears of it.
  void clear();

 private:
  struct Credit {
    std::shared_ptr<Sent> to;
    std::uint64_t amount = 0;
  };
  struct Segment {
    std::string text;        ///< or
    std::string_view lying;  ///< bytes that `owner` keeps
    std::shared_ptr<const void> owner;
    std::vector<Credit> credits;
    [[nodiscard]] bool in_place() const { return lying.data() != nullptr; }
    [[nodiscard]] std::string_view bytes() const { return in_place() ? lying : std::string_view(text); }
  };
  static constexpr std::size_t kBlockBytes = 64 << 10;

  std::string& text();
  void put(Payload payload);
  void added();

  std::function<void()> on_work_;
  std::deque<Segment> segments_;
  std::size_t given_ = 0;    ///< segments whose bytes next() has given away: they do not change
  std::size_t gone_ = 0;     ///< bytes of the first segment that are out
  std::size_t counted_ = 0;  ///< bytes of the last segment that unsent_ counts
  std::size_t unsent_ = 0;
  std::string spare_;  ///< memory for the next block
};

}  // namespace geminga::doors::pulsar

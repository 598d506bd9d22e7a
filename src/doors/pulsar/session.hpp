#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "auth/principal.hpp"
#include "doors/pulsar/errors.hpp"
#include "doors/pulsar/host.hpp"
#include "doors/pulsar/open_requests.hpp"
#include "doors/pulsar/outbox.hpp"
#include "wire/pulsar/frame_buffer.hpp"
#include "wire/pulsar/protocol.hpp"

namespace geminga::doors::pulsar {

class Sender;
class Receiver;
using SenderPtr = std::shared_ptr<Sender>;
using ReceiverPtr = std::shared_ptr<Receiver>;

/// What is known of one connection, without its socket: who is there, and the producers and consumers that it
/// has. A command is a function of commands/ that gets the session.
///
///     opened --CONNECT--> connected --fault, refusal, end of the socket--> ended
///
/// The door's loop only. What the broker calls comes back to it by back().
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// Of a connection by TLS.
  struct Secured {
    std::optional<std::string> certificate_name;  ///< its client's, which was verified; see TlsSession
  };
  /// `user`: who answers for it where a topic wants a sign of life.
  Session(Host& host, Outbox& out, TopicUser& user, std::string peer, std::string local,
          std::optional<Secured> secured = std::nullopt);
  ~Session();

  // --- for the connection ---
  /// A whole frame of `received`, its size in front.
  void on_frame(std::string_view frame, wire::FrameBuffer& received);
  /// Hands to the broker what came since the last call.
  void submit();
  /// False: no further frame is to be read now.
  [[nodiscard]] bool takes_more() const;
  /// Of messages without a receipt.
  [[nodiscard]] std::uint64_t publishing_bytes() const { return publishing_bytes_; }
  /// Set: the connection ends when everything is sent.
  [[nodiscard]] const std::optional<std::string>& ended() const { return ended_; }
  [[nodiscard]] bool connected() const { return connected_; }
  /// Now and then: whether its token is still good.
  void check(base::MonotonicTime now, Timestamp wall);
  /// Lets go of its producers and consumers.
  void close();

  // --- for commands ---
  [[nodiscard]] Host& host() const { return host_; }
  [[nodiscard]] broker::Broker& broker() const { return *host_.broker; }
  [[nodiscard]] Outbox& out() const { return out_; }
  /// Where the frame lies that is being handled.
  [[nodiscard]] wire::FrameBuffer& received() const { return *received_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }    ///< "127.0.0.1:51234"
  [[nodiscard]] const std::string& local() const { return local_; }  ///< where the client reached us
  [[nodiscard]] bool secured() const { return secured_.has_value(); }
  template <wire::Command Command>
  void reply(const Command& command) {
    if (!ended_) out_.command(command);
  }
  void succeed(std::uint64_t request_id) { reply(wire::CommandSuccess{.request_id = request_id}); }
  void refuse(std::uint64_t request_id, const Error& error);
  /// The connection cannot go on; nothing more is read or said.
  void end(std::string why);

  /// What a client said of itself.
  struct Client {
    std::int32_t version = 0;  ///< that both speak
    bool refreshes_token = false;
    bool reads_broker_metadata = false;
  };
  void connect(Client client);
  [[nodiscard]] const Client& client() const { return client_; }
  /// Who is there, from a token or the connection's certificate; the same one as before where there was one.
  /// Errors: unauthorized, forbidden.
  Result<> authenticate(std::string_view method, std::string_view data);

  /// The full name of a topic that this client may use so; `needs` empty: any of produce and consume. Errors:
  /// invalid_argument, forbidden.
  [[nodiscard]] Result<std::string> topic(std::string_view name, std::optional<auth::Permission> needs) const;
  [[nodiscard]] Result<> check_namespace(std::string_view path, std::optional<auth::Permission> needs) const;

  /// A callback for the broker: `then(session, result)` runs on the door's loop, unless the session has gone.
  template <class T, class Then>
  broker::Done<T> back(Then then) {
    return [weak = weak_from_this(), loop = host_.loop, then = std::move(then)](Result<T> result) mutable {
      loop->post([weak = std::move(weak), then = std::move(then), result = std::move(result)]() mutable {
        const auto session = weak.lock();
        if (session && !session->ended_) then(*session, std::move(result));
      });
    };
  }

  /// The same for the answer to a request, which is open until then: while too many are, no further frame is
  /// read. One weighs more the larger it is, `weight` at least. Not for PRODUCER and SUBSCRIBE, which may
  /// wait for others; of them there are no more than handles.
  template <class T, class Then>
  broker::Done<T> answer(Then then, std::uint64_t weight = 1) {
    return back<T>([request = open_.begin(std::max(weight, frame_weight_)), then = std::move(then)](
                       Session& session, Result<T> result) mutable {
      const bool held_up = session.has_too_many_open();
      then(session, std::move(result));
      request.end();
      if (held_up && !session.has_too_many_open()) session.out_.wake();
    });
  }
  /// Of an answer that is as long as there are topics.
  static constexpr std::uint64_t kListWeight = 250;

  // --- its producers and consumers, by the ids that the client gave ---
  [[nodiscard]] SenderPtr sender(std::uint64_t id) const;
  [[nodiscard]] ReceiverPtr receiver(std::uint64_t id) const;
  [[nodiscard]] bool has_room() const;  ///< for one more
  void add(const SenderPtr& sender);
  void add(const ReceiverPtr& receiver);
  /// Only if it is this one: a client may have given the id again.
  void remove(const Sender& sender, bool by_broker);
  void remove(const Receiver& receiver);
  /// The broker closed it, and the client may not have heard of it yet.
  [[nodiscard]] bool was_closed(std::uint64_t producer_id) const { return closed_.contains(producer_id); }
  /// It has heard of it.
  void forget_closed(std::uint64_t producer_id) { closed_.erase(producer_id); }
  /// A reader of this name sought to a time, and comes again over this connection.
  void seeks(const std::string& topic, const std::string& subscription, Timestamp to);
  [[nodiscard]] std::optional<Timestamp> take_sought(const std::string& topic, std::string_view subscription);
  /// Bytes of messages that have no answer yet.
  void publishing(std::uint64_t bytes);
  void published(std::uint64_t bytes);

 private:
  [[nodiscard]] bool has_too_many_open() const { return open_.weight() >= host_.options.requests_max; }
  [[nodiscard]] Result<auth::Proof> prove(std::string_view method, std::string_view data) const;

  Host& host_;
  Outbox& out_;
  TopicUser& user_;
  wire::FrameBuffer* received_ = nullptr;  ///< while a frame is handled
  const std::string peer_;
  const std::string local_;
  const std::optional<Secured> secured_;
  bool connected_ = false;
  std::optional<std::string> ended_;
  Client client_;
  auth::PrincipalPtr principal_;
  std::optional<Timestamp> token_until_;
  std::optional<base::MonotonicTime> challenged_;  ///< for a new token, since then
  std::map<std::uint64_t, SenderPtr> senders_;
  std::map<std::uint64_t, ReceiverPtr> receivers_;
  std::set<std::uint64_t> closed_;  ///< the latest of them: clients count their producers upward
  std::map<std::pair<std::string, std::string>, Timestamp> sought_;  ///< by topic and subscription
  std::set<SenderPtr> sending_;                                      ///< have something for submit()
  std::uint64_t publishing_bytes_ = 0;
  OpenRequests open_;
  std::uint64_t frame_weight_ = 1;  ///< of the one that is looked at

  friend class Sender;
};

}  // namespace geminga::doors::pulsar

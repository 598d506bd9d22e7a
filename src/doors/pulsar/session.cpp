#include "doors/pulsar/session.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "auth/authenticator.hpp"
#include "base/log.hpp"
#include "base/topic_name.hpp"
#include "base/try.hpp"
#include "doors/pulsar/commands/table.hpp"
#include "doors/pulsar/receiver.hpp"
#include "doors/pulsar/sender.hpp"

namespace geminga::doors::pulsar {

namespace {

constexpr std::string_view kDefaultNamespace = "public/default";
constexpr std::size_t kWeighedBytes = 1 << 10;  ///< of a request weigh as much as another request

}  // namespace

Session::Session(Host& host, Outbox& out, TopicUser& user, std::string peer, std::string local,
                 std::optional<Secured> secured)
    : host_(host),
      out_(out),
      user_(user),
      peer_(std::move(peer)),
      local_(std::move(local)),
      secured_(std::move(secured)) {}

Session::~Session() = default;

// --- for the connection -----------------------------------------------------------------------------------

void Session::on_frame(std::string_view bytes, wire::FrameBuffer& received) {
  if (ended_) return;
  const auto frame = wire::parse_frame(bytes, UINT32_MAX);  // its size was looked at before
  if (!frame) return end(frame.error().text());
  if (connected_ == (frame->type == wire::CommandType::connect))
    return end(
        fmt::format("{} {} CONNECT", wire::command_name(frame->type), connected_ ? "after" : "before"));
  frame_weight_ = 1 + bytes.size() / kWeighedBytes;
  received_ = &received;
  run(*this, *frame);
  frame_weight_ = 1;
}

void Session::submit() {
  for (const SenderPtr& sender : std::exchange(sending_, {})) sender->submit();
}

bool Session::takes_more() const {
  return !ended_ && out_.unsent_bytes() < host_.options.unsent_bytes_max && !has_too_many_open();
}

void Session::check(base::MonotonicTime now, Timestamp wall) {
  if (ended_ || !token_until_ || wall < *token_until_) return;
  if (!client_.refreshes_token || (challenged_ && now - *challenged_ > host_.options.refresh_timeout))
    return end("its token has expired");
  if (std::exchange(challenged_, challenged_.value_or(now))) return;
  reply(wire::CommandAuthChallenge{
      .server_version = std::string_view(host_.options.version),
      .challenge = wire::AuthData{.auth_method_name = "token", .auth_data = "PulsarAuthRefresh"},
      .protocol_version = client_.version});
}

void Session::close() {
  if (!ended_) ended_ = "closed";
  sending_.clear();
  for (const auto& [id, sender] : std::exchange(senders_, {})) {
    host_.users.remove(sender->topic(), user_);
    sender->drop();
  }
  for (const auto& [id, receiver] : std::exchange(receivers_, {})) {
    host_.users.remove(receiver->topic(), user_);
    receiver->drop();
  }
  host_.received.give_back(std::exchange(publishing_bytes_, 0));
}

// --- for commands -----------------------------------------------------------------------------------------

void Session::refuse(std::uint64_t request_id, const Error& error) {
  log::debug("pulsar", "{}: {}", peer_, error.message);
  reply(wire::CommandError{
      .request_id = request_id, .error = server_error(error.code), .message = error.message});
}

void Session::end(std::string why) {
  if (ended_) return;
  log::info("pulsar", "connection of {} ends: {}", peer_, why);
  ended_ = std::move(why);
  out_.wake();
}

void Session::connect(Client client) {
  client_ = client;
  connected_ = true;
}

Result<auth::Proof> Session::prove(std::string_view method, std::string_view data) const {
  const auth::Authenticator& authenticator = *host_.options.authenticator;
  if (method == "token") return authenticator.authenticate_token(data);
  if (method == "tls")
    return authenticator.authenticate_certificate(secured_ ? secured_->certificate_name : std::nullopt);
  // What clients say that were told nothing.
  if (method.empty() || method == "none") return authenticator.authenticate_anonymous();
  return fail(ErrorCode::unauthorized,
              fmt::format("authentication by '{}' is not possible here; use a token", method));
}

Result<> Session::authenticate(std::string_view method, std::string_view data) {
  if (!host_.options.authenticator) return {};
  GEMINGA_TRY(const auth::Proof proof, prove(method, data));
  if (principal_ && principal_->role != proof.principal->role)
    return fail(ErrorCode::unauthorized, "the new token is of another role; open another connection for it");
  principal_ = proof.principal;
  token_until_ = proof.until;
  challenged_.reset();
  return {};
}

Result<std::string> Session::topic(std::string_view name, std::optional<auth::Permission> needs) const {
  GEMINGA_TRY(const auto parsed, base::TopicName::parse(name, kDefaultNamespace));
  GEMINGA_TRY_VOID(check_namespace(parsed.namespace_path(), needs));
  return parsed.full();
}

Result<> Session::check_namespace(std::string_view path, std::optional<auth::Permission> needs) const {
  GEMINGA_TRY_VOID(base::check_namespace_path(path));
  if (auth::sees_all(principal_)) return {};
  // The same words whether it is there or not.
  if (!auth::sees_tenant(principal_, path.substr(0, path.find('/'))))
    return fail(ErrorCode::forbidden,
                fmt::format("'{}' is not of the tenant '{}', which is that of the role '{}'", path,
                            principal_->tenant, principal_->role));
  const auto may = [&](auth::Permission permission) { return principal_->permissions.contains(permission); };
  const bool allowed = needs ? may(*needs) : may(auth::Permission::produce) || may(auth::Permission::consume);
  if (!allowed)
    return fail(ErrorCode::forbidden, fmt::format("the role '{}' lacks the permission '{}'", principal_->role,
                                                  to_string(needs.value_or(auth::Permission::consume))));
  if (host_.options.kept && host_.options.kept(path))
    return fail(ErrorCode::forbidden, fmt::format("'{}' is kept by the orchestrator", path));
  return {};
}

// --- producers and consumers ------------------------------------------------------------------------------

SenderPtr Session::sender(std::uint64_t id) const {
  const auto at = senders_.find(id);
  return at == senders_.end() ? nullptr : at->second;
}

ReceiverPtr Session::receiver(std::uint64_t id) const {
  const auto at = receivers_.find(id);
  return at == receivers_.end() ? nullptr : at->second;
}

bool Session::has_room() const {
  return senders_.size() < host_.options.handles_max && receivers_.size() < host_.options.handles_max;
}

void Session::add(const SenderPtr& sender) {
  forget_closed(sender->id());
  senders_[sender->id()] = sender;
  host_.users.add(sender->topic(), user_);
}

void Session::add(const ReceiverPtr& receiver) {
  receivers_[receiver->id()] = receiver;
  host_.users.add(receiver->topic(), user_);
}

void Session::remove(const Sender& sender, bool by_broker) {
  const auto at = senders_.find(sender.id());
  if (at == senders_.end() || at->second.get() != &sender) return;
  host_.users.remove(sender.topic(), user_);
  if (by_broker) closed_.insert(sender.id());
  if (closed_.size() > host_.options.handles_max) closed_.erase(closed_.begin());
  senders_.erase(at);
}

void Session::remove(const Receiver& receiver) {
  const auto at = receivers_.find(receiver.id());
  if (at == receivers_.end() || at->second.get() != &receiver) return;
  host_.users.remove(receiver.topic(), user_);
  receivers_.erase(at);
}

void Session::seeks(const std::string& topic, const std::string& subscription, Timestamp to) {
  if (sought_.size() >= host_.options.handles_max) sought_.clear();  // who does not come again
  sought_.insert_or_assign({topic, subscription}, to);
}

std::optional<Timestamp> Session::take_sought(const std::string& topic, std::string_view subscription) {
  const auto found = sought_.find({topic, std::string(subscription)});
  if (found == sought_.end()) return std::nullopt;
  const Timestamp to = found->second;
  sought_.erase(found);
  return to;
}

void Session::publishing(std::uint64_t bytes) {
  publishing_bytes_ += bytes;
  host_.received.take(bytes);
}

void Session::published(std::uint64_t bytes) {
  bytes = std::min(bytes, publishing_bytes_);  // close() gave all back
  publishing_bytes_ -= bytes;
  host_.received.give_back(bytes);
}

}  // namespace geminga::doors::pulsar

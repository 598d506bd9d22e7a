// The list of tools of a session: read page by page, read again when it may have changed.
#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "mcp/session.hpp"
#include "mcp/session_parts.hpp"
#include "wire/mcp/json_text.hpp"

namespace geminga::mcp {
namespace {

constexpr std::size_t kToolsMax = 10'000;
constexpr std::chrono::hours kRefreshMax{1};
constexpr std::chrono::milliseconds kListenAgainMin{2'000};
constexpr std::chrono::milliseconds kListenAgainMax{600'000};

}  // namespace

Tool to_tool(const std::string& server, wire::mcp::ToolDescription description) {
  return {.server = server,
          .name = std::move(description.name),
          .title = std::move(description.title),
          .description = std::move(description.description),
          .input_schema = std::move(description.input_schema),
          .output_schema = std::move(description.output_schema),
          .annotations = {.read_only = description.read_only,
                          .destructive = description.destructive,
                          .idempotent = description.idempotent,
                          .open_world = description.open_world}};
}

void Session::list() {
  list_again_ = listing_;
  if (std::exchange(listing_, true)) return;
  refresh_timer_.cancel();
  listed_.clear();
  cursors_.clear();
  listed_headers_.clear();
  fresh_for_.reset();
  if (ready_) list_timer_.set_after(options_.list_timeout, [this] { list_timed_out(); });
  list_page("");
}

void Session::list_page(const std::string& cursor) {
  list_request_ = request({.method = "tools/list"}, wire::mcp::tools_list_params(cursor),
                          [this](const Answer& answer) { take_page(answer); });
}

void Session::take_page(const Answer& answer) {
  if (down_) return;
  if (!answer) return list_failed(Error(answer.error().error).with("tools/list"));
  auto page = wire::mcp::read_tools_page(body_of(*answer));
  if (!page) return list_failed(page.error());
  if (page->unusable > 0)
    log::warn("mcp", "server '{}' lists {} tools without a name", server_, page->unusable);
  if (page->fresh_for) fresh_for_ = std::min(fresh_for_.value_or(*page->fresh_for), *page->fresh_for);
  for (auto& description : page->tools) {
    if (may_be_called(description)) listed_.push_back(to_tool(server_, std::move(description)));
  }
  if (listed_.size() > kToolsMax)
    return list_failed(
        {ErrorCode::protocol_error, fmt::format("server '{}' lists over {} tools", server_, kToolsMax)});
  if (page->next_cursor.empty()) return list_done();
  if (!cursors_.insert(page->next_cursor).second) {
    return list_failed(
        {ErrorCode::protocol_error,
         fmt::format("server '{}' repeats the cursor '{}' of tools/list, so its list has no end", server_,
                     page->next_cursor)});
  }
  list_page(page->next_cursor);
}

// A tool that wants headers which cannot be sent is left out (protocol 2026-07-28).
bool Session::may_be_called(const wire::mcp::ToolDescription& tool) {
  if (!stateless_ || !transport_->stream_per_request()) return true;
  const auto schema = wire::mcp::parse_json(tool.input_schema);
  auto params = wire::mcp::header_params(schema ? *schema : nlohmann::json());
  if (!params) {
    log::warn("mcp", "tool '{}' of server '{}' is left out: {}", tool.name, server_, params.error().message);
    return false;
  }
  if (!params->empty()) listed_headers_.emplace(tool.name, *std::move(params));
  return true;
}

void Session::list_timed_out() {
  if (down_) return;
  give_up(list_request_, "timed out");
  list_failed({ErrorCode::timeout, fmt::format("server '{}' did not answer tools/list within {} ms", server_,
                                               options_.list_timeout.count())});
}

void Session::list_failed(Error error) {
  listing_ = false;
  list_timer_.cancel();
  if (!ready_ || asking_) return down(std::move(error));
  log::warn("mcp", "server '{}' keeps the tools it had: {}", server_, error.message);
  if (std::exchange(list_again_, false)) return list();
  list_again_later(options_.refresh_min);
  send_waiting();
}

void Session::list_done() {
  listing_ = false;
  list_timer_.cancel();
  if (std::exchange(list_again_, false)) return list();
  headers_ = std::move(listed_headers_);
  if (fresh_for_) list_again_later(*fresh_for_);
  if (!ready_ || asking_) return begun(std::move(listed_));
  events_.on_tools(std::move(listed_));
  send_waiting();
}

// Another server may have come: what is known of the list, and how changes are heard of, was of the one
// before.
void Session::forget_lists() {
  for (base::Timer* timer : {&list_timer_, &refresh_timer_, &listen_timer_}) timer->cancel();
  listing_ = list_again_ = is_told_ = false;
  if (list_request_ != 0) forget(list_request_);
  if (listen_request_ != 0) forget(listen_request_);
}

// Where nobody tells us of changes, the list is asked for when the server's own time for it is over; never
// all at the same moment.
void Session::list_again_later(std::chrono::milliseconds wish) {
  if (!stateless_ || is_told_) return;
  const auto delay = std::clamp<std::chrono::milliseconds>(wish, options_.refresh_min, kRefreshMax);
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> jitter(0, delay.count() / 4);
  refresh_timer_.set_after(delay + std::chrono::milliseconds{jitter(random)}, [this] { list(); });
}

// --- what changes, told by the server
// -----------------------------------------------------------------------------

void Session::listen() {
  if (listen_request_ != 0) return;
  listen_request_ =
      request({.method = "subscriptions/listen"}, {{"notifications", {{"toolsListChanged", true}}}},
              [this](const Answer& answer) { listen_ended(answer); });
}

void Session::listen_ended(const Answer& answer) {
  listen_request_ = 0;
  const bool was_told = std::exchange(is_told_, false);
  if (down_) return;
  if (!was_told && listen_pause_ == std::chrono::milliseconds{}) {
    log::info("mcp", "server '{}' does not tell of changes: {}", server_,
              answer ? "it ended the stream" : answer.error().error.message);
  }
  const auto least = std::min(kListenAgainMin, options_.refresh_min);
  listen_pause_ = was_told ? least : std::clamp(2 * listen_pause_, least, kListenAgainMax);
  listen_timer_.set_after(listen_pause_, [this] {
    listen();
    list();  // it may have changed meanwhile, and perhaps nobody will say so
  });
}

}  // namespace geminga::mcp

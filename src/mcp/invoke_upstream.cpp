#include "mcp/invoke_upstream.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "mcp/failure.hpp"
#include "net/http_client.hpp"
#include "wire/mcp/json_text.hpp"
#include "wire/mcp/messages.hpp"

namespace geminga::mcp {
namespace {

using nlohmann::json;

std::string text_content(std::string_view text) {
  return wire::mcp::to_text(json::array({{{"type", "text"}, {"text", text}}}));
}

// {"success": false, "error": "..."}, {"error": {"message": "..."}}: how plain HTTP tools say that they
// failed.
std::optional<std::string> error_in(const json& value) {
  const auto success = value.find("success");
  const bool refused = success != value.end() && success->is_boolean() && !success->get<bool>();
  const auto error = value.find("error");
  const bool has_error = error != value.end() && !error->is_null();
  if (!refused && !has_error) return std::nullopt;
  if (has_error && error->is_string()) return error->get<std::string>();
  if (has_error && error->is_object() && error->contains("message"))
    return wire::mcp::string_member(*error, "message");
  return wire::mcp::to_text(value);
}

class InvokeUpstream final : public Upstream, public std::enable_shared_from_this<InvokeUpstream> {
 public:
  InvokeUpstream(net::HttpClient& client, std::string name, HttpEndpoint endpoint,
                 const ServerSettings& settings)
      : client_(client),
        name_(std::move(name)),
        endpoint_(std::move(endpoint)),
        declared_(settings.tools),
        max_bytes_(settings.max_message_bytes) {
    while (endpoint_.url.ends_with('/')) endpoint_.url.pop_back();
  }

  void start(Events events) override;
  std::int64_t call(Call call) override;
  bool abandon(std::int64_t call, std::string_view reason) override;
  void close() override;
  [[nodiscard]] Counters counters() const override { return {.late_answers = late_answers_}; }
  void let_go() {
    close();
    events_ = {};
  }

 private:
  using Done = std::function<void(Result<net::ClientResponse>)>;
  void send(std::int64_t id, net::ClientRequest request, Done done);
  void take_tools(const Result<net::ClientResponse>& response);
  void take_answer(std::int64_t id, const Result<net::ClientResponse>& response);
  void down(Error error);
  void maybe_gone();

  net::HttpClient& client_;
  const std::string name_;
  HttpEndpoint endpoint_;
  const std::vector<DeclaredTool> declared_;
  const std::size_t max_bytes_;
  Events events_;
  std::int64_t next_id_ = 1;
  std::map<std::int64_t, std::uint64_t> running_;  // to the number at the HTTP client
  std::map<std::int64_t, CallDone> calls_;
  std::uint64_t late_answers_ = 0;
  bool closed_ = false;
};

void InvokeUpstream::send(std::int64_t id, net::ClientRequest request, Done done) {
  for (const auto& [name, value] : endpoint_.headers) request.headers.add(name, value);
  request.headers.add("Accept", "application/json");
  request.max_response_bytes = max_bytes_;
  running_[id] = client_.send(std::move(request), [self = shared_from_this(), id, done = std::move(done)](
                                                      Result<net::ClientResponse> response) {
    self->running_.erase(id);
    done(std::move(response));
    self->maybe_gone();
  });
}

void InvokeUpstream::start(Events events) {
  events_ = std::move(events);
  send(next_id_++, {.url = endpoint_.url + "/mcp/tools"},
       [this](const Result<net::ClientResponse>& response) { take_tools(response); });
}

void InvokeUpstream::take_tools(const Result<net::ClientResponse>& response) {
  if (closed_) return;
  if (!response) return down(response.error());
  std::vector<Tool> tools;
  std::set<std::string> names;
  for (const DeclaredTool& tool : declared_) {
    names.insert(tool.name);
    tools.push_back({.server = name_,
                     .name = tool.name,
                     .description = tool.description,
                     .input_schema = tool.input_schema});
  }
  const bool no_route = response->status == 404 || response->status == 405 || response->status == 501;
  if (no_route && tools.empty()) {
    return down({ErrorCode::config_error,
                 fmt::format("server '{0}' has no GET /mcp/tools and no tool is declared; add "
                             "[[servers.{0}.tools]] to geminga.toml",
                             name_)});
  }
  if (!no_route && response->status != 200)
    return down(http_failure(response->status, response->headers, response->body).error);
  if (!no_route) {
    const auto body = wire::mcp::parse_json(response->body);
    auto page = body ? wire::mcp::read_tools_page(*body) : std::unexpected(body.error());
    if (!page) return down(page.error().with("GET /mcp/tools"));
    for (auto& description : page->tools) {
      if (names.insert(description.name).second)
        tools.push_back({.server = name_,
                         .name = std::move(description.name),
                         .title = std::move(description.title),
                         .description = std::move(description.description),
                         .input_schema = std::move(description.input_schema),
                         .output_schema = std::move(description.output_schema),
                         .annotations = {description.read_only, description.destructive,
                                         description.idempotent, description.open_world}});
    }
  }
  events_.on_ready({.name = name_, .version = "", .protocol_version = "invoke"}, std::move(tools));
}

std::int64_t InvokeUpstream::call(Call call) {
  const std::int64_t id = next_id_++;
  const auto arguments = wire::mcp::parse_json(call.arguments.empty() ? "{}" : call.arguments);
  if (!arguments || !arguments->is_object()) {
    call.done(std::unexpected(CallFailure{
        .kind = FailureClass::final,
        .error = {ErrorCode::invalid_argument, "the arguments of a tool must be a JSON object"}}));
    return id;
  }
  net::ClientRequest request{.method = "POST", .url = endpoint_.url + "/mcp/invoke"};
  request.headers.add("Content-Type", "application/json");
  if (!call.idempotency_key.empty()) request.headers.add("Idempotency-Key", call.idempotency_key);
  if (!call.traceparent.empty()) request.headers.add("traceparent", call.traceparent);
  request.body = wire::mcp::to_text(json{{"tool", call.tool}, {"arguments", *arguments}});
  request.timeout = std::chrono::milliseconds{0};  // whoever called decides when it was long enough
  calls_.emplace(id, std::move(call.done));
  send(id, std::move(request),
       [this, id](const Result<net::ClientResponse>& response) { take_answer(id, response); });
  return id;
}

void InvokeUpstream::take_answer(std::int64_t id, const Result<net::ClientResponse>& response) {
  auto node = calls_.extract(id);
  if (node.empty()) {
    late_answers_ += response ? 1 : 0;
    return;
  }
  CallDone& done = node.mapped();
  if (!response) return done(std::unexpected(http_client_failure(response.error())));
  if (response->status < 200 || response->status >= 300)
    return done(std::unexpected(http_failure(response->status, response->headers, response->body)));
  done(read_invoke_answer(response->body));
}

bool InvokeUpstream::abandon(std::int64_t call, std::string_view) {
  calls_.erase(call);
  if (const auto found = running_.find(call); found != running_.end()) client_.cancel(found->second);
  return true;
}

void InvokeUpstream::down(Error error) {
  if (closed_) return;
  closed_ = true;
  events_.on_down(std::move(error));
}

void InvokeUpstream::close() {
  if (closed_) return;
  closed_ = true;
  for (auto calls = std::exchange(calls_, {}); auto& [id, done] : calls) {
    done(std::unexpected(ended_without_answer(
        {ErrorCode::closed, fmt::format("server '{}' is being stopped", name_)}, /*left=*/true)));
  }
  for (const auto& [id, number] : running_) client_.cancel(number);
  maybe_gone();
}

void InvokeUpstream::maybe_gone() {
  if (closed_ && running_.empty() && events_.on_gone) std::exchange(events_.on_gone, nullptr)();
}

// What the registry owns: requests on their way keep the upstream itself.
class Handle final : public Upstream {
 public:
  explicit Handle(std::shared_ptr<InvokeUpstream> upstream) : upstream_(std::move(upstream)) {}
  ~Handle() override { upstream_->let_go(); }
  void start(Events events) override { upstream_->start(std::move(events)); }
  std::int64_t call(Call call) override { return upstream_->call(std::move(call)); }
  bool abandon(std::int64_t call, std::string_view reason) override {
    return upstream_->abandon(call, reason);
  }
  void close() override { upstream_->close(); }
  [[nodiscard]] Counters counters() const override { return upstream_->counters(); }

 private:
  std::shared_ptr<InvokeUpstream> upstream_;
};

}  // namespace

CallAnswer read_invoke_answer(std::string_view body) {
  auto read_body = wire::mcp::parse_json(body);
  if (!read_body) return {.content = text_content(body)};
  const auto value = std::make_shared<const json>(*std::move(read_body));
  const json* answer = value.get();
  if (answer->is_object() && !answer->contains("content") && answer->contains("result") &&
      answer->at("result").is_object() && answer->at("result").contains("content"))
    answer = &answer->at("result");
  if (auto read = wire::mcp::read_call_result(*answer))
    return {.content = std::move(read->content),
            .structured = std::move(read->structured),
            .is_error = read->is_error,
            .structured_value = {value, read->structured_value}};
  if (answer->is_string()) return {.content = text_content(answer->get_ref<const std::string&>())};
  if (!answer->is_object()) return {.content = text_content(wire::mcp::to_text(*answer))};
  if (const auto error = error_in(*answer)) return {.content = text_content(*error), .is_error = true};
  return {.content = text_content(wire::mcp::to_text(*answer)),
          .structured = wire::mcp::to_text(*answer),
          .structured_value = {value, answer}};
}

std::unique_ptr<Upstream> make_invoke_upstream(net::HttpClient& client, std::string name,
                                               HttpEndpoint endpoint, const ServerSettings& settings) {
  return std::make_unique<Handle>(
      std::make_shared<InvokeUpstream>(client, std::move(name), std::move(endpoint), settings));
}

}  // namespace geminga::mcp

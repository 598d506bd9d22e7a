#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "net/json_errors.hpp"
#include "orchestrator/api/api.hpp"
#include "orchestrator/api/json_text.hpp"
#include "orchestrator/spaces.hpp"

namespace geminga::orchestrator {
namespace {

using nlohmann::ordered_json;

constexpr std::uint32_t kPageMax = 1'000;
constexpr std::uint32_t kPage = 100;

ordered_json letter_json(const StoredDeadLetter& stored) {
  const auto& letter = stored.letter;
  ordered_json out{{"id", stored.id.to_string()}, {"requestId", letter.request_id}};
  out["server"] = letter.server_id.value_or("");
  out["tool"] = letter.tool_id.value_or("");
  out["reason"] = letter.reason;
  out["attempts"] = ordered_json::array();
  for (const auto& attempt : letter.attempts)
    out["attempts"].push_back({{"time", base::to_iso8601(attempt.time)}, {"error", attempt.error}});
  // The original as JSON where it is, as text where not.
  auto event = ordered_json::parse(letter.event, nullptr, false);
  out["event"] = event.is_discarded() ? ordered_json(letter.event) : std::move(event);
  out["topic"] = letter.topic;
  out["generation"] = stored.envelope.generation;
  out["time"] = base::to_iso8601(letter.timestamp);
  return out;
}

Result<DeadLetters::Page> page_of(const net::HttpRequest& request) {
  DeadLetters::Page page;
  GEMINGA_TRY(page.limit, number_parameter(request, "limit", kPage, kPageMax));
  if (const auto after = request.query_value("after")) {
    GEMINGA_TRY(page.after, LetterId::parse(*after));
  }
  page.request_id = request.query_value("requestId").value_or("");
  page.server = request.query_value("server").value_or("");
  page.tool = request.query_value("tool").value_or("");
  page.reason = request.query_value("reason").value_or("");
  return page;
}

}  // namespace

std::vector<std::string> Api::visible_spaces(const auth::PrincipalPtr& principal) const {
  std::vector<std::string> visible;
  if (auth::sees_all(principal)) visible.emplace_back();  // the default one
  for (auto& name : parts_.spaces->names())
    if (auth::sees_tenant(principal, tenant_of(name))) visible.push_back(std::move(name));
  return visible;
}

std::optional<LetterId> Api::letter_of(const net::HttpRequest& request, net::Responder& responder) {
  const auto text = request.param("id");
  auto id = LetterId::parse(text);
  if (!id) {
    responder.respond(id.error());
    return std::nullopt;
  }
  if (auth::sees_all(request.principal) || auth::sees_tenant(request.principal, tenant_of(id->name_space)))
    return *std::move(id);
  refuse(request, no_such_letter(text).error(), std::move(responder));
  return std::nullopt;
}

void Api::get_dead_letters(const net::HttpRequest& request, net::Responder responder) {
  auto page = page_of(request);
  if (!page) return responder.respond(page.error());
  page->name_spaces = visible_spaces(request.principal);
  const auto shared = std::make_shared<net::Responder>(std::move(responder));
  parts_.dead_letters->list(*page, [shared](const Result<std::vector<StoredDeadLetter>>& found) {
    if (!found) return shared->respond(found.error());
    ordered_json out{{"deadLetters", ordered_json::array()}};
    for (const auto& letter : *found) out["deadLetters"].push_back(letter_json(letter));
    if (!found->empty()) out["next"] = found->back().id.to_string();
    shared->respond(net::HttpResponse::json(200, text_of(out)));
  });
}

void Api::get_dead_letter(const net::HttpRequest& request, net::Responder responder) {
  const auto id = letter_of(request, responder);
  if (!id) return;
  const auto shared = std::make_shared<net::Responder>(std::move(responder));
  parts_.dead_letters->show(*id, [shared](const Result<StoredDeadLetter>& found) {
    if (!found) return shared->respond(found.error());
    shared->respond(net::HttpResponse::json(200, text_of(letter_json(*found))));
  });
}

void Api::replay_dead_letter(const net::HttpRequest& request, net::Responder responder) {
  if (!accepting(responder)) return;
  const auto id = letter_of(request, responder);
  if (!id) return;
  const auto shared = std::make_shared<net::Responder>(std::move(responder));
  parts_.dead_letters->replay(*id,
                              [shared, self = shared_from_this(), request](const Result<Replayed>& replayed) {
                                if (!replayed) return shared->respond(replayed.error());
                                self->audit(request, replayed->request_id, "replay");
                                ordered_json out{{"success", true}, {"requestId", replayed->request_id}};
                                if (!replayed->job_id.empty()) out["jobId"] = replayed->job_id;
                                out["generation"] = replayed->generation;
                                shared->respond(net::HttpResponse::json(202, text_of(out)));
                              });
}

void Api::discard_dead_letter(const net::HttpRequest& request, net::Responder responder) {
  const auto id = letter_of(request, responder);
  if (!id) return;
  const auto shared = std::make_shared<net::Responder>(std::move(responder));
  parts_.dead_letters->discard(*id, [shared, self = shared_from_this(), request,
                                     id = id->to_string()](const Result<StoredDeadLetter>& discarded) {
    if (!discarded) return shared->respond(discarded.error());
    self->audit(request, discarded->letter.request_id, "discard");
    shared->respond(net::HttpResponse::json(200, text_of({{"success", true}, {"id", id}})));
  });
}

}  // namespace geminga::orchestrator

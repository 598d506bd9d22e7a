#include <fmt/format.h>

#include "base/try.hpp"
#include "orchestrator/jobs/sql/rows.hpp"

namespace geminga::orchestrator::sql {
namespace {

/// The claim lets go of its dead letter, so that nothing holds the request any more and nobody replays it.
Result<> let_go(Context& context, const DiscardedLetter& letter) {
  GEMINGA_TRY(auto change, context.database.prepare(
                               "UPDATE claims SET dead_letter_json = '', updated_at = ? WHERE request_id = "
                               "? AND generation = ? AND state = 'DONE'"));
  return change.bind(context.now).bind(letter.request_id).bind(std::int64_t{letter.generation}).run();
}

}  // namespace

Result<> discard_letter(Context& context, const DiscardedLetter& letter) {
  {
    GEMINGA_TRY(auto insert,
                context.database.prepare(
                    "INSERT INTO discarded_letters (message_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING"));
    GEMINGA_TRY_VOID(insert.bind(letter.message_id).bind(context.now).run());
  }
  return let_go(context, letter);
}

Result<std::vector<std::string>> discarded_among(Context& context, const std::vector<std::string>& ids) {
  std::vector<std::string> found;
  for (const auto& id : ids) {
    GEMINGA_TRY(auto select,
                context.database.prepare("SELECT 1 FROM discarded_letters WHERE message_id = ?"));
    GEMINGA_TRY(const bool row, select.bind(id).step());
    if (row) found.push_back(id);
  }
  return found;
}

}  // namespace geminga::orchestrator::sql

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mcp/call.hpp"
#include "orchestrator/events/events.hpp"

/// The result events of the coordinator. Pure.
namespace geminga::orchestrator {

/// A body never exceeds this, so that it fits into a message with its properties.
inline constexpr std::size_t kResultBytesMax = (5U << 20U) - (16U << 10U);

/// The tool's answer. Status failed, with the tool's own text as the error, where `is_error` is set.
ResultEvent answer_result(const ToolSignal& signal, const mcp::CallAnswer& answer, Timestamp now);
/// Of what a server says of an error: it goes along with each attempt, in messages that have a limit. At most
/// 64 KiB, cut between characters, with a word on that.
std::string bounded_error(std::string text);
ResultEvent failed_result(const ToolSignal& signal, std::string_view error, Timestamp now);
/// A result as it is written and sent.
struct ResultBody {
  std::string json;
  ResultStatus status = ResultStatus::failed;
};
/// One that is too large to travel becomes a failed one that says so.
ResultBody result_body(const ToolSignal& signal, const ResultEvent& result);
ResultEvent plan_result(const Plan& plan, Timestamp now);
/// Of a plan whose steps were called: the plan, and the contents of all `answers` one after the other. What
/// is too large to travel becomes a failed one that says so.
ResultEvent executed_plan_result(const Plan& plan, const std::vector<ResultEvent>& answers, Timestamp now);

/// The text items of a content list, one a line; empty where there is none.
std::string text_of_content(std::string_view content_json);

/// Of the arguments as they were sent: 16 hexadecimal digits.
std::string arguments_hash(std::string_view arguments);

}  // namespace geminga::orchestrator

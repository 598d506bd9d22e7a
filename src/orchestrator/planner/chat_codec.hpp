#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <geminga/error.hpp>

namespace geminga::orchestrator {

/// What OpenAI calls chat completions (POST /v1/chat/completions), as far as a planner needs it. Facts:
/// OpenAI API reference, "Create chat completion" and "Streaming".
struct ChatMessage {
  std::string role{};  ///< "system", "user", "assistant"
  std::string content{};
};

/// What makes for better plans, and what some servers and models refuse.
struct ChatExtras {
  bool temperature = true;      ///< 0: the likeliest words
  bool response_format = true;  ///< one JSON object
  bool operator==(const ChatExtras&) const = default;
};

/// The body of a request.
std::string chat_request(std::string_view model, const std::vector<ChatMessage>& messages, bool stream,
                         const ChatExtras& extras = {});

/// `sent` without what the body of a 400 or 422 names; the same where it names none of them.
ChatExtras without_refused(ChatExtras sent, int status, std::string_view body);

/// The words of the assistant from the body of a 200, streamed or not. Errors: unavailable (the answer is
/// cut, or the model stopped at its own limit, or refused; asking again may help), parse_error (it is no such
/// answer).
Result<std::string> chat_answer(std::string_view content_type, std::string_view body);

/// What the body of another status says, at most 500 bytes; "HTTP 429" where it says nothing.
std::string chat_error(int status, std::string_view body);

}  // namespace geminga::orchestrator

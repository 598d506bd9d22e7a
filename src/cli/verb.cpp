#include "cli/verb.hpp"

#include <charconv>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace geminga::cli {

Failure::Failure(const Error& error)
    : exit_code(error.code == ErrorCode::disk_error ? kExitDisk : kExitFailed), text(error.message) {}

std::unexpected<Failure> failed(std::string text) {
  return std::unexpected(Failure{kExitFailed, std::move(text)});
}
std::unexpected<Failure> failed(const Error& error) {
  return std::unexpected(Failure{error});
}
std::unexpected<Failure> usage(std::string text) {
  return std::unexpected(Failure{kExitUsage, std::move(text)});
}

const std::vector<std::string>& Arguments::all(std::string_view name) const {
  const auto found = values_.find(name);
  GEMINGA_ASSERT(found != values_.end());
  return found->second;
}

std::string Arguments::text(std::string_view name, std::string_view otherwise) const {
  const auto& values = all(name);
  return values.empty() ? std::string(otherwise) : values.back();
}

std::uint64_t Arguments::number(std::string_view name, std::uint64_t otherwise) const {
  const auto& values = all(name);
  if (values.empty()) return otherwise;
  std::uint64_t value = 0;
  std::from_chars(values.back().data(), values.back().data() + values.back().size(), value);
  return value;
}

std::chrono::milliseconds Arguments::duration(std::string_view name,
                                              std::chrono::milliseconds otherwise) const {
  const auto& values = all(name);
  if (values.empty()) return otherwise;
  const auto parsed = parse_duration(values.back());
  return parsed ? *parsed : otherwise;
}

std::expected<std::string, Failure> sentence_of(const Arguments& arguments) {
  std::string sentence;
  for (const auto& word : arguments.all("SENTENCE")) sentence += (sentence.empty() ? "" : " ") + word;
  if (sentence.find_first_not_of(" \t\r\n") == std::string::npos)
    return usage("the sentence is empty; say what you want");
  if (!base::is_utf8(sentence)) return usage("the sentence is not UTF-8; set the terminal to it");
  return sentence;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::uint64_t kMillisecondsMax = 1'000ULL * 60 * 60 * 24 * 3'650;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  std::uint64_t milliseconds = 0;
  for (const auto& [name, factor] : {std::pair<std::string_view, std::uint64_t>{"ms", 1},
                                     {"s", 1'000},
                                     {"", 1'000},
                                     {"m", 60'000},
                                     {"h", 3'600'000},
                                     {"d", 86'400'000}}) {
    if (unit == name) milliseconds = factor;
  }
  if (error != std::errc{} || milliseconds == 0 || number > kMillisecondsMax / milliseconds) {
    return fail(ErrorCode::parse_error,
                fmt::format("'{}' is not a duration; write 250ms, 5s, 2m, 1h or 7d", text));
  }
  return std::chrono::milliseconds{number * milliseconds};
}

}  // namespace geminga::cli

#include "auth/token.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/try.hpp"
#include "base/utf8.hpp"

namespace geminga::auth {
namespace {

using nlohmann::json;

constexpr std::size_t kSubjectBytesMax = 255;
constexpr std::size_t kDepthMax = 16;
constexpr std::int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999

std::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorCode::unauthorized, fmt::format("the token is not valid: {}", why));
}

// --- base64url (RFC 4648 section 5), without padding ------------------------------------------------------

std::string to_base64url(std::string_view bytes) {
  std::string text = base::to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

/// Only the one canonical text of each value is taken.
std::optional<std::string> from_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string plain(text);
  std::ranges::replace(plain, '-', '+');
  std::ranges::replace(plain, '_', '/');
  plain.append((4 - plain.size() % 4) % 4, '=');
  auto bytes = base::from_base64(plain);
  if (!bytes || to_base64url(*bytes) != text) return std::nullopt;
  return *std::move(bytes);
}

// --- header and claims
// --------------------------------------------------------------------------------------

/// An object in which no name stands twice: two readers of one token must not see two things.
Result<json> parse_object(std::string_view text, std::string_view what) {
  std::vector<std::set<std::string>> open;
  bool sound = true;
  const auto look = [&](int depth, json::parse_event_t event, const json& parsed) {
    if (static_cast<std::size_t>(depth) > kDepthMax) sound = false;
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      sound = false;
    return true;
  };
  try {
    auto value = json::parse(text, look);
    if (sound && value.is_object()) return value;
  } catch (const json::exception&) {
    // What is wrong in detail helps nobody but an attacker.
  }
  return refused(fmt::format("its {} is not a plain JSON object", what));
}

Result<> check_subject(std::string_view subject) {
  const bool sound = !subject.empty() && subject.size() <= kSubjectBytesMax && base::is_utf8(subject) &&
                     subject.front() != ' ' && subject.back() != ' ' && subject != "*" &&
                     std::ranges::none_of(subject, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (sound) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("'sub' must be a role: 1 to {} bytes of UTF-8 without control characters or blanks "
                          "at its ends, and not '*'",
                          kSubjectBytesMax));
}

Result<std::string> subject_of(const json& claims) {
  const auto found = claims.find("sub");
  if (found == claims.end() || !found->is_string()) return refused("it has no 'sub' with the role");
  auto subject = found->get<std::string>();
  if (auto sound = check_subject(subject); !sound) return refused(sound.error().message);
  return subject;
}

Result<std::optional<std::int64_t>> time_of(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end()) return std::nullopt;
  if (found->is_number_unsigned() && found->get<std::uint64_t>() <= kSecondsMax)
    return found->get<std::int64_t>();
  return refused(fmt::format("'{}' must be a whole number of seconds since 1970", name));
}

Result<std::vector<std::string>> audience_of(const json& claims) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return std::vector<std::string>{};
  if (found->is_string()) return std::vector<std::string>{found->get<std::string>()};
  const auto is_text = [](const json& each) { return each.is_string(); };
  if (found->is_array() && std::ranges::all_of(*found, is_text))
    return found->get<std::vector<std::string>>();
  return refused("'aud' must be a text or a list of texts");
}

Result<Claims> claims_of(std::string_view text) {
  GEMINGA_TRY(const json body, parse_object(text, "claims"));
  Claims claims;
  GEMINGA_TRY(claims.subject, subject_of(body));
  GEMINGA_TRY(claims.expires_at, time_of(body, "exp"));
  GEMINGA_TRY(claims.not_before, time_of(body, "nbf"));
  GEMINGA_TRY(claims.issued_at, time_of(body, "iat"));
  GEMINGA_TRY(claims.audience, audience_of(body));
  return claims;
}

Result<std::string> algorithm_of(std::string_view text) {
  GEMINGA_TRY(const json header, parse_object(text, "header"));
  if (header.contains("crit")) return refused("its header has 'crit', of which nothing is understood here");
  const auto found = header.find("alg");
  if (found == header.end() || !found->is_string()) return refused("its header names no 'alg'");
  return found->get<std::string>();
}

/// The three parts of header.claims.signature.
struct Parts {
  std::string_view signed_text;  ///< header.claims, as signed
  std::string header;
  std::string claims;
  std::string signature;
};

Result<Parts> split(std::string_view token) {
  if (token.size() > kTokenBytesMax)
    return refused(fmt::format("it has {} bytes; {} is the limit", token.size(), kTokenBytesMax));
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("it has not the three parts of a signed JWT");
  auto header = from_base64url(token.substr(0, first));
  auto claims = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return refused("a part of it is not base64url without padding");
  return Parts{.signed_text = token.substr(0, second),
               .header = *std::move(header),
               .claims = *std::move(claims),
               .signature = *std::move(signature)};
}

}  // namespace

Result<std::string> sign_token(const Key& key, const Claims& claims) {
  GEMINGA_TRY_VOID(check_subject(claims.subject));
  const json header{{"alg", to_string(key.algorithm())}};
  json body{{"sub", claims.subject}};
  if (claims.expires_at) body["exp"] = *claims.expires_at;
  if (claims.not_before) body["nbf"] = *claims.not_before;
  if (claims.issued_at) body["iat"] = *claims.issued_at;
  if (claims.audience.size() == 1) body["aud"] = claims.audience.front();
  if (claims.audience.size() > 1) body["aud"] = claims.audience;
  std::string token = to_base64url(header.dump()) + '.' + to_base64url(body.dump());
  GEMINGA_TRY(const std::string signature, key.sign(token));
  return token + '.' + to_base64url(signature);
}

Result<UnverifiedToken> read_unverified(std::string_view token) {
  GEMINGA_TRY(const Parts parts, split(token));
  UnverifiedToken read;
  GEMINGA_TRY(read.algorithm, algorithm_of(parts.header));
  GEMINGA_TRY(read.claims, claims_of(parts.claims));
  return read;
}

Result<Claims> TokenVerifier::verify(std::string_view token) const {
  GEMINGA_TRY(const Parts parts, split(token));
  GEMINGA_TRY(const std::string algorithm, algorithm_of(parts.header));
  if (algorithm != to_string(key_.algorithm()))
    return refused(fmt::format("it is not signed with {}", to_string(key_.algorithm())));
  if (!key_.verify(parts.signed_text, parts.signature)) return refused("its signature is not of our key");
  GEMINGA_TRY(Claims claims, claims_of(parts.claims));
  GEMINGA_TRY_VOID(check_times(claims));
  GEMINGA_TRY_VOID(check_audience(claims));
  return claims;
}

Result<> TokenVerifier::check_times(const Claims& claims) const {
  base::Clock& clock = options_.clock != nullptr ? *options_.clock : base::Clock::system();
  const std::int64_t now =
      std::chrono::floor<std::chrono::seconds>(clock.wall_now().time_since_epoch()).count();
  if (claims.expires_at && now >= *claims.expires_at + kLeeway.count())
    return refused(fmt::format("it expired {} s ago; ask for a new one", now - *claims.expires_at));
  if (claims.not_before && now + kLeeway.count() < *claims.not_before)
    return refused(fmt::format("it begins in {} s ('nbf'); are the clocks right?", *claims.not_before - now));
  if (claims.issued_at && now + kLeeway.count() < *claims.issued_at)
    return refused("it was issued in the future ('iat'); are the clocks right?");
  return {};
}

Result<> TokenVerifier::check_audience(const Claims& claims) const {
  if (options_.audience.empty()) return {};
  if (std::ranges::find(claims.audience, options_.audience) != claims.audience.end()) return {};
  return refused("it is meant for somebody else ('aud')");
}

}  // namespace geminga::auth

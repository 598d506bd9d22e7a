#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "auth/token.hpp"
#include "base/base64.hpp"
#include "base/clock.hpp"
#include "base/secret_file.hpp"
#include "base/try.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "cli/token_file.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kPublicKey = "public-key";

/// A new file; a key that is there is never written over. `secret`: only its owner may read it.
Outcome write_new(const std::string& path, std::string_view bytes, bool secret) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
  if (file < 0)
    return failed(fmt::format("cannot make {}: {}; name a file that is not there yet", path,
                              std::generic_category().message(errno)));
  const bool written = ::write(file, bytes.data(), bytes.size()) == static_cast<::ssize_t>(bytes.size());
  if (::close(file) != 0 || !written) return failed(fmt::format("cannot write {}; is the disk full?", path));
  return {};
}

Outcome create_secret_key(const Arguments& arguments) {
  const bool as_text = arguments.has("base64");
  if (!as_text && !arguments.has("output-file"))
    return usage("a key is bytes, not text: name a file with --output-file, or print it with --base64");
  const auto key = auth::new_secret_key();
  if (!key) return failed(key.error());
  const std::string bytes = as_text ? base::to_base64(*key) : *key;
  if (arguments.has("output-file")) return write_new(arguments.text("output-file"), bytes, true);
  print_line(bytes);
  return all_written();
}

Outcome create_key_pair(const Arguments& arguments) {
  const auto algorithm = arguments.text("signature-algorithm", "RS256") == "ES256" ? auth::Algorithm::es256
                                                                                   : auth::Algorithm::rs256;
  const auto pair = auth::new_key_pair(algorithm);
  if (!pair) return failed(pair.error());
  if (auto written = write_new(arguments.text("PRIVATE_KEY_FILE"), pair->private_key, true); !written)
    return written;
  return write_new(arguments.text("PUBLIC_KEY_FILE"), pair->public_key, false);
}

/// --secret-key, or the other option that takes a key.
Result<auth::Key> key_of(const Arguments& arguments, std::string_view other,
                         Result<auth::Key> (*make)(std::string_view)) {
  const bool secret = arguments.has("secret-key");
  if (secret == arguments.has(other))
    return fail(ErrorCode::invalid_argument, fmt::format("name one key: --secret-key or --{}", other));
  const std::string location = arguments.text(secret ? "secret-key" : other);
  if (!secret && other == kPublicKey) {
    GEMINGA_TRY(const std::string bytes, auth::read_public_key(location));
    return make(bytes);
  }
  const auto file = auth::key_file(location);
  if (!file)
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("--{} takes a file, as file:///path or as a path that is there; a key on the command "
                    "line would be seen by everyone on this machine",
                    secret ? "secret-key" : other));
  auto bytes = auth::read_key(location);
  if (!bytes) return std::unexpected(bytes.error());
  if (const std::string exposure = base::exposure_of(*file); !exposure.empty()) note(exposure);
  return secret ? auth::Key::secret(*std::move(bytes)) : make(*bytes);
}

std::unexpected<Failure> wrong_key(const Error& error) {
  if (error.code == ErrorCode::invalid_argument) return usage(error.message);
  return failed(error);
}

Outcome create(const Arguments& arguments) {
  const auto key = key_of(arguments, "private-key", &auth::Key::private_key);
  if (!key) return wrong_key(key.error());
  const auto now = std::chrono::floor<std::chrono::seconds>(base::Clock::system().wall_now());
  auth::Claims claims{.subject = arguments.text("subject"), .issued_at = now.time_since_epoch().count()};
  if (claims.subject.empty()) return usage("--subject is needed: the role that the token stands for");
  if (arguments.has("expiry-time"))
    claims.expires_at =
        *claims.issued_at + arguments.duration("expiry-time", std::chrono::milliseconds{0}).count() / 1'000;
  if (arguments.has("audience")) claims.audience.push_back(arguments.text("audience"));
  const auto token = auth::sign_token(*key, claims);
  if (!token) return wrong_key(token.error());
  print_line(*token);
  return all_written();
}

std::string time_text(const std::optional<std::int64_t>& seconds) {
  if (!seconds) return "-";
  return base::to_iso8601(Timestamp{std::chrono::seconds{*seconds}});
}

Outcome print_claims(const Arguments& arguments, const auth::Claims& claims, std::string_view algorithm) {
  if (wants_json(arguments)) {
    ordered_json out{{"alg", algorithm}, {"sub", claims.subject}};
    if (claims.expires_at) out["exp"] = *claims.expires_at;
    if (claims.not_before) out["nbf"] = *claims.not_before;
    if (claims.issued_at) out["iat"] = *claims.issued_at;
    if (!claims.audience.empty()) out["aud"] = claims.audience;
    print_json(out);
    return all_written();
  }
  print_line(fmt::format("role     {}", claims.subject));
  print_line(fmt::format("signed   {}", algorithm));
  print_line(fmt::format("expires  {}", claims.expires_at ? time_text(claims.expires_at) : "never"));
  if (claims.not_before) print_line(fmt::format("begins   {}", time_text(claims.not_before)));
  if (claims.issued_at) print_line(fmt::format("issued   {}", time_text(claims.issued_at)));
  return all_written();
}

std::expected<std::string, Failure> given_token(const Arguments& arguments) {
  auto token = token_of(arguments);
  if (!token) return failed(token.error());
  if (token->empty()) return usage("no token is given: name a file with --token-file, or set GEMINGA_TOKEN");
  return *std::move(token);
}

Outcome validate(const Arguments& arguments) {
  const auto key = key_of(arguments, kPublicKey, &auth::Key::public_key);
  if (!key) return wrong_key(key.error());
  GEMINGA_CLI_TRY(const std::string token, given_token(arguments));
  const auto claims = auth::TokenVerifier(*key, {.audience = arguments.text("audience")}).verify(token);
  if (!claims) return failed(claims.error());
  return print_claims(arguments, *claims, to_string(key->algorithm()));
}

Outcome show(const Arguments& arguments) {
  GEMINGA_CLI_TRY(const std::string token, given_token(arguments));
  const auto read = auth::read_unverified(token);
  if (!read) return failed(read.error());
  note("not verified; `geminga tokens validate` does that");
  return print_claims(arguments, read->claims, read->algorithm);
}

Option key_option(std::string name, std::string help) {
  return {.name = std::move(name), .value = Value::text, .metavar = "KEY", .help = std::move(help)};
}

Option audience_option(std::string help) {
  return {.name = "audience", .value = Value::text, .metavar = "NAME", .help = std::move(help)};
}

}  // namespace

Verb tokens_verb() {
  const Option secret = key_option("secret-key", "a file, as file:///path or a path (HS256)");
  return {
      .name = "tokens",
      .summary = "make and check the tokens that say who asks",
      .about =
          "JSON Web Tokens as Pulsar has them: the subject is the role. Keys and tokens of `pulsar tokens` "
          "do as well, and the other way round. Nothing here talks to a server.",
      .examples = {{"geminga tokens create-secret-key --output-file secret.key",
                    "for token_secret_key in [auth]"},
                   {"geminga tokens create --secret-key file:///etc/geminga/secret.key --subject alice "
                    "--expiry-time 365d > alice.token",
                    "a token for the role alice"},
                   {"geminga query --token-file alice.token Echo hello", "asked by alice"}},
      .verbs = {
          {.name = "create",
           .summary = "a token for a role, on stdout",
           .options = {secret,
                       key_option("private-key", "likewise, PKCS #8 (RS256 or ES256)"),
                       {.name = "subject",
                        .letter = 's',
                        .value = Value::text,
                        .metavar = "ROLE",
                        .help = "the role"},
                       {.name = "expiry-time",
                        .letter = 'e',
                        .value = Value::duration,
                        .metavar = "TIME",
                        .help = "how long it does: 1h, 30d (for ever)"},
                       audience_option("whom it is meant for")},
           .run = create},
          {.name = "validate",
           .summary = "check a token and print what it says",
           .options = {secret, key_option("public-key", "file:///path (RS256 or ES256)"), token_option(),
                       audience_option("whom it must be meant for"), output_option()},
           .run = validate},
          {.name = "show",
           .summary = "print what a token says, without checking it",
           .options = {token_option(), output_option()},
           .run = show},
          {.name = "create-secret-key",
           .summary = "a new secret key for HS256",
           .options = {{.name = "output-file",
                        .value = Value::file,
                        .metavar = "FILE",
                        .help = "a new file, for you alone to read"},
                       {.name = "base64",
                        .letter = 'b',
                        .help = "as base64, for data:;base64,TEXT in geminga.toml"}},
           .run = create_secret_key},
          {.name = "create-key-pair",
           .summary = "a new pair of keys for RS256 or ES256",
           .positionals = {{.name = "PRIVATE_KEY_FILE", .help = "a new file, for you alone to read"},
                           {.name = "PUBLIC_KEY_FILE", .help = "a new file, for token_public_key in [auth]"}},
           .options = {{.name = "signature-algorithm",
                        .letter = 'a',
                        .value = Value::choice,
                        .metavar = "ALG",
                        .help = "how tokens will be signed (RS256)",
                        .choices = {"RS256", "ES256"}}},
           .run = create_key_pair}}};
}

}  // namespace geminga::cli

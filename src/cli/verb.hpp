#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <geminga/error.hpp>

/// The one table of verbs and options. The parser, `--help` and the shell completion are made from it; a verb
/// itself sees only Arguments.
namespace geminga::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDisk = 74;  // EX_IOERR of sysexits.h

/// Why a verb ended badly. An empty text: the verb has said it already.
struct Failure {
  int exit_code = kExitFailed;
  std::string text;

  Failure(int code, std::string what) : exit_code(code), text(std::move(what)) {}
  /// disk_error becomes 74, everything else 1.
  Failure(
      const Error& error);  // NOLINT(google-explicit-constructor): so that GEMINGA_TRY-like code stays short
};

/// A verb's end; success exits 0.
using Outcome = std::expected<void, Failure>;
std::unexpected<Failure> failed(std::string text);
std::unexpected<Failure> failed(const Error& error);
/// What the user typed can never work: exit 2.
std::unexpected<Failure> usage(std::string text);

/// What an option or a positional takes; checked while parsing, so that Arguments cannot fail.
enum class Value : std::uint8_t { none, text, number, duration, choice, file, directory, endpoint };

struct Option {
  std::string name;  ///< "data-dir"
  char letter = 0;
  Value value = Value::none;  ///< none: a flag
  std::string metavar = {};   ///< "DIR"
  std::string help = {};
  std::vector<std::string> choices = {};
  bool repeatable = false;
  std::string environment = {};  ///< the variable that stands for it; only for --help
};

struct Positional {
  std::string name;  ///< "TOPIC"
  std::string help = {};
  bool required = true;
  bool repeated = false;  ///< takes all that is left
  std::vector<std::string> choices = {};
};

struct Example {
  std::string command;
  std::string says;
};

/// Rows of --help beside options: what is set elsewhere.
struct Listing {
  std::string title;
  std::vector<std::pair<std::string, std::string>> rows;  ///< name, what it is
};

class Arguments;

struct Verb {
  std::string name;
  std::string summary;     ///< one line
  std::string about = {};  ///< a paragraph that teaches; may be empty
  std::vector<Positional> positionals = {};
  std::vector<Option> options = {};
  std::vector<Listing> listings = {};
  std::vector<Example> examples = {};
  std::vector<Verb> verbs = {};
  Outcome (*run)(const Arguments&) = nullptr;
};

/// What was given on the command line. Asking for a name that the verb does not declare is a bug of ours.
class Arguments {
 public:
  [[nodiscard]] bool has(std::string_view name) const { return !all(name).empty(); }
  /// The last one given.
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const;
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;
  [[nodiscard]] std::chrono::milliseconds duration(std::string_view name,
                                                   std::chrono::milliseconds otherwise) const;
  [[nodiscard]] const std::vector<std::string>& all(std::string_view name) const;

  void declare(const std::string& name) { values_[name]; }
  void add(const std::string& name, std::string value) { values_[name].push_back(std::move(value)); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

/// The words of the positional SENTENCE with blanks between them; a usage error where it is blank or not
/// UTF-8.
std::expected<std::string, Failure> sentence_of(const Arguments& arguments);

/// "250ms", "5s", "2m", "1h", "7d"; a bare number is seconds. Errors: parse_error.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The whole program: every verb that this build has.
const Verb& program();
/// Parses, runs, prints what went wrong; the exit code.
int run_program(const Verb& root, int argc, const char* const* argv);
/// `path` is the verb with its parents, program first.
std::string help_text(const std::vector<const Verb*>& path);
/// bash, zsh or fish.
std::string completion_script(const Verb& root, std::string_view shell);

// One function per file.
Verb backup_verb();
Verb completion_verb();
Verb consume_verb();
Verb dlq_verb();
Verb doctor_verb();
Verb fsck_verb();
Verb jobs_verb();
Verb match_verb();
Verb namespaces_verb();
Verb perf_verb();
Verb produce_verb();
Verb query_verb();
Verb restore_verb();
Verb serve_verb();
Verb subscriptions_verb();
Verb tokens_verb();
Verb topics_verb();

}  // namespace geminga::cli

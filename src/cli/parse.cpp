#include <charconv>
#include <cstdio>
#include <list>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/nearest.hpp"
#include "cli/output.hpp"
#include "cli/verb.hpp"
#include "cli/version.hpp"

namespace geminga::cli {
namespace {

constexpr int kWordsMax = 100'000;

/// A verb with the CLI11 object that parses it and where that one puts its values.
struct Bound {
  const Verb* verb = nullptr;
  CLI::App* app = nullptr;
  std::vector<const Verb*> path;
  std::map<std::string, CLI::Option*> options;
};

std::string check_value(Value kind, const std::string& text) {
  switch (kind) {
    case Value::number: {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool good = error == std::errc{} && end == text.data() + text.size();
      return good ? "" : fmt::format("'{}' is not a whole number", text);
    }
    case Value::duration: {
      const auto parsed = parse_duration(text);
      return parsed ? "" : parsed.error().message;
    }
    case Value::file:
    case Value::directory:
    case Value::endpoint:
      return text.empty() ? "it is empty" : "";
    default:
      return "";
  }
}

std::string choices_text(const std::vector<std::string>& choices, const std::string& text) {
  if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) return "";
  return fmt::format("'{}' is none of {}", text, fmt::join(choices, ", "));
}

void bind_options(Bound& bound) {
  for (const auto& option : bound.verb->options) {
    const std::string name =
        (option.letter == 0 ? "" : fmt::format("-{},", option.letter)) + "--" + option.name;
    CLI::Option* added =
        option.value == Value::none ? bound.app->add_flag(name) : bound.app->add_option(name);
    if (option.value != Value::none) {
      added->expected(1)->take_last();
      if (option.repeatable) added->take_all()->allow_extra_args(false)->expected(1, kWordsMax);
      if (option.repeatable) added->allow_extra_args(false);
      added->check([kind = option.value, choices = option.choices](const std::string& text) {
        const std::string wrong = check_value(kind, text);
        return wrong.empty() ? choices_text(choices, text) : wrong;
      });
    }
    bound.options[option.name] = added;
  }
  for (const auto& positional : bound.verb->positionals) {
    CLI::Option* added = bound.app->add_option(positional.name);
    added->expected(1, positional.repeated ? kWordsMax : 1);
    if (positional.repeated) added->take_all()->allow_extra_args();
    if (positional.required) added->required();
    added->check(
        [choices = positional.choices](const std::string& text) { return choices_text(choices, text); });
    bound.options[positional.name] = added;
  }
}

void bind(const Verb& verb, CLI::App& app, std::vector<const Verb*> path, std::list<Bound>& all) {
  path.push_back(&verb);
  app.set_help_flag("-h,--help");
  all.push_back({.verb = &verb, .app = &app, .path = path, .options = {}});
  bind_options(all.back());
  for (const auto& child : verb.verbs) bind(child, *app.add_subcommand(child.name), path, all);
}

/// The innermost verb that was named.
const Bound& innermost(const std::list<Bound>& all) {
  const Bound* best = &all.front();
  for (const auto& bound : all) {
    if (bound.app->parsed() && bound.path.size() >= best->path.size()) best = &bound;
  }
  return *best;
}

std::string verb_name(const Bound& bound) {
  std::string name;
  for (const Verb* part : bound.path) name += (name.empty() ? "" : " ") + part->name;
  return name;
}

int usage_error(const Bound& bound, const std::string& text) {
  fmt::print(stderr, "geminga: {}\n`{} --help` shows what it takes\n", text, verb_name(bound));
  return kExitUsage;
}

/// CLI11 says only "not expected"; a person wants the nearest thing that exists.
std::string extras_text(const Bound& bound, const std::string& word) {
  std::vector<std::string> known;
  if (word.starts_with("-")) {
    for (const auto& option : bound.verb->options) known.push_back("--" + option.name);
    return fmt::format("'{}' has no option '{}'{}", verb_name(bound), word, did_you_mean(word, known));
  }
  for (const auto& child : bound.verb->verbs) known.push_back(child.name);
  if (known.empty()) return fmt::format("'{}' takes no further argument '{}'", verb_name(bound), word);
  return fmt::format("'{}' has no verb '{}'{}", verb_name(bound), word, did_you_mean(word, known));
}

/// Also where its output went nowhere, and where an answer has a form that the verb does not know.
Outcome run_to_the_end(const Verb& verb, const Arguments& arguments) {
  try {
    const Outcome outcome = verb.run(arguments);
    return outcome ? all_written() : outcome;
  } catch (const std::exception& thrown) {
    return failed(fmt::format("{}; is the server of another version?", thrown.what()));
  }
}

int run_bound(const Bound& bound) {
  if (bound.verb->run == nullptr) {
    fmt::print(stderr, "{}", help_text(bound.path));
    return kExitUsage;
  }
  Arguments arguments;
  for (const auto& [name, option] : bound.options) {
    arguments.declare(name);
    for (const auto& value : option->results()) arguments.add(name, value);
  }
  const Outcome outcome = run_to_the_end(*bound.verb, arguments);
  if (outcome) return kExitOk;
  if (outcome.error().exit_code == kExitUsage) return usage_error(bound, outcome.error().text);
  if (!outcome.error().text.empty()) fmt::print(stderr, "geminga: {}\n", outcome.error().text);
  return outcome.error().exit_code;
}

}  // namespace

int run_program(const Verb& root, int argc, const char* const* argv) {
  CLI::App app;
  std::list<Bound> all;
  bind(root, app, {}, all);
  bool version = false;
  app.add_flag("--version", version);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", help_text(innermost(all).path));
    return kExitOk;
  } catch (const CLI::ExtrasError&) {
    const Bound& bound = innermost(all);
    const auto extras = bound.app->remaining();
    return usage_error(bound, extras_text(bound, extras.empty() ? "?" : extras.front()));
  } catch (const CLI::ParseError& error) {
    return usage_error(innermost(all), error.what());
  }
  if (version) {
    fmt::print("{}", version_text());
    return kExitOk;
  }
  return run_bound(innermost(all));
}

}  // namespace geminga::cli

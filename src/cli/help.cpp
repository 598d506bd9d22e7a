#include <algorithm>

#include <fmt/format.h>

#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

constexpr std::size_t kColumn = 30;
constexpr std::size_t kWidth = 100;

/// Breaks at spaces so that nothing stands right of column kWidth.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t first_line_used) {
  std::string out;
  std::size_t column = first_line_used;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, space - at);
    if (column + word.size() > kWidth && column > indent) {
      out.append("\n").append(indent, ' ');
      column = indent;
    } else if (at != 0) {
      out += ' ';
      ++column;
    }
    out.append(word);
    column += word.size();
    at = space + 1;
  }
  return out;
}

std::string row(const std::string& left, std::string_view right) {
  std::string line = "  " + left;
  if (line.size() + 2 > kColumn) {
    line += "\n" + std::string(kColumn, ' ');
  } else {
    line.resize(kColumn, ' ');
  }
  return line + wrapped(right, kColumn, kColumn) + "\n";
}

std::string option_name(const Option& option) {
  std::string name = option.letter == 0 ? "    " : fmt::format("-{}, ", option.letter);
  name += "--" + option.name;
  if (option.value != Value::none) name += " " + option.metavar;
  return name;
}

std::string option_help(const Option& option) {
  std::string help = option.help;
  if (!option.choices.empty()) help += fmt::format(" ({})", fmt::join(option.choices, ", "));
  if (option.repeatable) help += "; may be given several times";
  if (!option.environment.empty()) help += " [" + option.environment + "]";
  return help;
}

std::string usage_line(const std::vector<const Verb*>& path) {
  std::string line = "usage:";
  for (const Verb* verb : path) line += " " + verb->name;
  const Verb& last = *path.back();
  if (!last.verbs.empty() && last.run == nullptr) return line + " VERB [options]\n";
  for (const auto& positional : last.positionals) {
    const std::string name = positional.name + (positional.repeated ? "..." : "");
    line += positional.required ? " " + name : " [" + name + "]";
  }
  return line + " [options]\n";
}

}  // namespace

std::string help_text(const std::vector<const Verb*>& path) {
  const Verb& verb = *path.back();
  std::string out = usage_line(path) + "\n" + verb.summary + "\n";
  if (!verb.about.empty()) out += "\n" + wrapped(verb.about, 0, 0) + "\n";
  if (!verb.verbs.empty()) {
    out += "\nverbs:\n";
    for (const auto& child : verb.verbs) out += row(child.name, child.summary);
  }
  if (!verb.positionals.empty()) {
    out += "\narguments:\n";
    for (const auto& positional : verb.positionals) {
      const std::string choices =
          positional.choices.empty() ? "" : fmt::format(" ({})", fmt::join(positional.choices, ", "));
      out += row(positional.name, positional.help + choices);
    }
  }
  out += "\noptions:\n";
  for (const auto& option : verb.options) out += row(option_name(option), option_help(option));
  out += row("-h, --help", "this text");
  if (path.size() == 1) out += row("    --version", "the version and what this build can do");
  for (const auto& listing : verb.listings) {
    out += "\n" + listing.title + ":\n";
    for (const auto& [name, help] : listing.rows) out += row(name, help);
  }
  if (!verb.examples.empty()) {
    out += "\nexamples:\n";
    for (const auto& example : verb.examples) {
      out += "  # " + example.says + "\n  " + example.command + "\n";
    }
  }
  if (!verb.verbs.empty()) {
    std::string name;
    for (const Verb* part : path) name += part->name + " ";
    out += "\n`" + name + "VERB --help` says more about one verb.\n";
  }
  return out;
}

}  // namespace geminga::cli

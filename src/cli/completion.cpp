#include <fmt/format.h>

#include "cli/output.hpp"
#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

/// Calls `visit(path, verb)` for the program and all its verbs; path is "geminga jobs list".
template <class Visit>
void walk(const Verb& verb, const std::string& parent, const Visit& visit) {
  const std::string path = parent.empty() ? verb.name : parent + " " + verb.name;
  visit(path, verb);
  for (const auto& child : verb.verbs) walk(child, path, visit);
}

/// The names of an option as they are typed: "--config" and "-c".
std::vector<std::string> names_of(const Option& option) {
  std::vector<std::string> names{"--" + option.name};
  if (option.letter != 0) names.push_back(fmt::format("-{}", option.letter));
  return names;
}

/// 'it'\''s', for every shell but fish.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// --- bash
// -------------------------------------------------------------------------------------------------------

std::vector<std::string> words_of(const Verb& verb) {
  std::vector<std::string> words;
  words.reserve(verb.verbs.size() + 2 * verb.options.size() + 1);
  for (const auto& child : verb.verbs) words.push_back(child.name);
  for (const auto& option : verb.options) {
    const auto names = names_of(option);
    words.insert(words.end(), names.begin(), names.end());
  }
  words.emplace_back("--help");
  for (const auto& positional : verb.positionals) {
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
  }
  return words;
}

std::string bash_value(const Option& option) {
  switch (option.value) {
    case Value::choice:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", fmt::join(option.choices, " "));
    case Value::file:
      return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Value::directory:
      return "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))";
    default:
      return "COMPREPLY=()";
  }
}

std::string bash_script(const Verb& root) {
  std::string values;
  std::string words;
  std::string paths;
  walk(root, "", [&](const std::string& path, const Verb& verb) {
    for (const auto& option : verb.options) {
      if (option.value == Value::none) continue;
      for (const auto& name : names_of(option))
        values += fmt::format("    '{} {}') {}; return ;;\n", path, name, bash_value(option));
    }
    words += fmt::format("    '{}') COMPREPLY=($(compgen -W '{}' -- \"$cur\")) ;;\n", path,
                         fmt::join(words_of(verb), " "));
    if (&verb != &root) paths += fmt::format("{}'{}'", paths.empty() ? "" : "|", path);
  });
  return fmt::format(R"(# bash completion of geminga; made by `geminga completion bash`
_geminga() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} path=geminga word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path $word" in {}) path="$path $word" ;; esac
  done
  case "$path $prev" in
{}  esac
  case "$path" in
{}  esac
}}
complete -F _geminga geminga
)",
                     paths, values, words);
}

// --- zsh
// --------------------------------------------------------------------------------------------------------

std::string zsh_value(const Option& option) {
  switch (option.value) {
    case Value::choice:
      return fmt::format("compadd -- {}", fmt::join(option.choices, " "));
    case Value::file:
      return "_files";
    case Value::directory:
      return "_files -/";
    default:
      return "_message " + quoted(option.metavar);
  }
}

/// An entry of _describe: 'name:what it is'.
std::string zsh_entry(std::string_view name, const std::string& help) {
  return quoted(fmt::format("{}:{}", name, help)) + " ";
}

std::string zsh_script(const Verb& root) {
  std::string paths;
  std::string values;
  std::string words;
  walk(root, "", [&](const std::string& path, const Verb& verb) {
    if (&verb != &root) paths += fmt::format("{}'{}'", paths.empty() ? "" : "|", path);
    std::string verbs;
    std::string options;
    for (const auto& child : verb.verbs) verbs += zsh_entry(child.name, child.summary);
    for (const auto& positional : verb.positionals)
      for (const auto& choice : positional.choices) verbs += zsh_entry(choice, positional.help);
    for (const auto& option : verb.options) {
      for (const auto& name : names_of(option)) {
        options += zsh_entry(name, option.help);
        if (option.value != Value::none)
          values += fmt::format("    '{} {}') {}; return ;;\n", path, name, zsh_value(option));
      }
    }
    options += zsh_entry("--help", "what it does and how");
    words += fmt::format("    '{}')\n      verbs=({})\n      options=({}) ;;\n", path, verbs, options);
  });
  return fmt::format(R"(#compdef geminga
# zsh completion of geminga; made by `geminga completion zsh`
_geminga() {{
  local at=geminga word
  local -a verbs options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$at $word" in {}) at="$at $word" ;; esac
  done
  case "$at ${{words[CURRENT-1]}}" in
{}  esac
  case "$at" in
{}  esac
  (( $#verbs )) && _describe -t verbs verb verbs
  _describe -o -t options option options
}}
# In a folder of $fpath this file is the function itself; sourced, it announces it.
if [[ "$funcstack[1]" == _geminga ]]; then _geminga "$@"; else compdef _geminga geminga; fi
)",
                     paths, values, words);
}

// --- fish
// -------------------------------------------------------------------------------------------------------

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string fish_condition(const std::string& path, const Verb& verb, bool root) {
  std::vector<std::string> children;
  children.reserve(verb.verbs.size());
  for (const auto& child : verb.verbs) children.push_back(child.name);
  if (root) return "__fish_use_subcommand";
  std::string condition;
  std::string_view rest = path;
  rest.remove_prefix(std::min(rest.size(), rest.find(' ') + 1));
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    condition += fmt::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ", word);
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
  }
  if (!children.empty()) {
    condition += fmt::format("; and not __fish_seen_subcommand_from {}", fmt::join(children, " "));
  }
  return condition;
}

std::string fish_script(const Verb& root) {
  std::string out =
      "# fish completion of geminga; made by `geminga completion fish`\ncomplete -c geminga -f\n";
  walk(root, "", [&](const std::string& path, const Verb& verb) {
    const std::string condition = fish_condition(path, verb, &verb == &root);
    for (const auto& child : verb.verbs) {
      out += fmt::format("complete -c geminga -n '{}' -a {} -d {}\n", condition, child.name,
                         fish_quoted(child.summary));
    }
    for (const auto& positional : verb.positionals) {
      for (const auto& choice : positional.choices) {
        out += fmt::format("complete -c geminga -n '{}' -a {}\n", condition, choice);
      }
    }
    for (const auto& option : verb.options) {
      std::string line = fmt::format("complete -c geminga -n '{}' -l {}", condition, option.name);
      if (option.letter != 0) line += fmt::format(" -s {}", option.letter);
      if (option.value == Value::choice) line += fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      if (option.value == Value::file)
        line += " -r -F";
      else if (option.value == Value::directory)
        line += " -x -a '(__fish_complete_directories)'";
      else if (option.value != Value::none && option.value != Value::choice)
        line += " -x";
      out += line + " -d " + fish_quoted(option.help) + "\n";
    }
    out += fmt::format("complete -c geminga -n '{}' -l help -s h -d 'what it does and how'\n", condition);
  });
  return out;
}

Outcome run(const Arguments& arguments) {
  print_text(completion_script(program(), arguments.text("SHELL")));
  return {};
}

}  // namespace

std::string completion_script(const Verb& root, std::string_view shell) {
  if (shell == "fish") return fish_script(root);
  if (shell == "zsh") return zsh_script(root);
  return bash_script(root);
}

Verb completion_verb() {
  return {.name = "completion",
          .summary = "print a script that completes verbs and options in your shell",
          .about = {},
          .positionals = {{.name = "SHELL", .help = "your shell", .choices = {"bash", "zsh", "fish"}}},
          .examples = {{"geminga completion bash > ~/.local/share/bash-completion/completions/geminga",
                        "for bash, from the next shell on"},
                       {"geminga completion zsh > ~/.zsh/completions/_geminga",
                        "for zsh, when that folder stands in $fpath before compinit runs"},
                       {"geminga completion fish > ~/.config/fish/completions/geminga.fish", "for fish"}},
          .run = run};
}

}  // namespace geminga::cli

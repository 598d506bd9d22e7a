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

std::vector<std::string> words_of(const Verb& verb) {
  std::vector<std::string> words;
  words.reserve(verb.verbs.size() + 2 * verb.options.size() + 1);
  for (const auto& child : verb.verbs) words.push_back(child.name);
  for (const auto& option : verb.options) {
    words.push_back("--" + option.name);
    if (option.letter != 0) words.push_back(fmt::format("-{}", option.letter));
  }
  words.emplace_back("--help");
  for (const auto& positional : verb.positionals) {
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
  }
  return words;
}

/// What completes the value of an option; shared by bash and zsh, which runs the bash script.
std::string value_completion(const Option& option) {
  switch (option.value) {
    case Value::choice:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", fmt::join(option.choices, " "));
    case Value::file:
      return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Value::directory:
      return "COMPREPLY=($(compgen -d -- \"$cur\"))";
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
      for (const auto& name : {"--" + option.name, fmt::format("-{}", option.letter)}) {
        if (name.size() == 2 && option.letter == 0) continue;
        values += fmt::format("    '{} {}') {}; return ;;\n", path, name, value_completion(option));
      }
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

std::string zsh_script(const Verb& root) {
  return "#compdef geminga\n# zsh completion of geminga; made by `geminga completion zsh`\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(root);
}

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
      if (option.value == Value::file || option.value == Value::directory)
        line += " -r -F";
      else if (option.value != Value::none && option.value != Value::choice)
        line += " -x";
      out += line + " -d " + fish_quoted(option.help) + "\n";
    }
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
                       {"geminga completion fish > ~/.config/fish/completions/geminga.fish", "for fish"}},
          .run = run};
}

}  // namespace geminga::cli

#include <gtest/gtest.h>

#include "cli/verb.hpp"

namespace geminga::cli {
namespace {

Arguments seen;

Verb sample() {
  return {
      .name = "tool",
      .summary = "a program",
      .verbs = {
          {.name = "send",
           .summary = "sends",
           .positionals = {{.name = "TOPIC", .help = "where"}},
           .options =
               {{.name = "message", .letter = 'm', .value = Value::text, .metavar = "TEXT", .help = "what"},
                {.name = "property",
                 .letter = 'P',
                 .value = Value::text,
                 .metavar = "K=V",
                 .help = "more",
                 .repeatable = true},
                {.name = "delay", .value = Value::duration, .metavar = "TIME", .help = "when"},
                {.name = "count", .letter = 'n', .value = Value::number, .metavar = "N", .help = "how many"},
                {.name = "type",
                 .value = Value::choice,
                 .metavar = "T",
                 .help = "kind",
                 .choices = {"a", "b"}},
                {.name = "loud", .help = "flag"}},
           .examples = {{"tool send x -m hi", "says hi"}},
           .run = [](const Arguments& arguments) -> Outcome {
             seen = arguments;
             if (arguments.text("TOPIC") == "broken") return failed(Error{ErrorCode::disk_error, "no space"});
             if (arguments.text("TOPIC") == "wrong") return usage("wrong topic");
             return {};
           }}}};
}

int run(std::vector<const char*> words) {
  words.insert(words.begin(), "tool");
  return run_program(sample(), static_cast<int>(words.size()), words.data());
}

TEST(Parse, GivesAVerbWhatWasTyped) {
  ASSERT_EQ(
      run({"send", "orders", "-m", "hello", "-P", "a=1", "-P", "b=2", "--delay", "5s", "-n", "7", "--loud"}),
      kExitOk);
  EXPECT_EQ(seen.text("TOPIC"), "orders");
  EXPECT_EQ(seen.text("message"), "hello");
  EXPECT_EQ(seen.all("property"), (std::vector<std::string>{"a=1", "b=2"}));
  EXPECT_EQ(seen.duration("delay", {}), std::chrono::seconds{5});
  EXPECT_EQ(seen.number("count", 0), 7U);
  EXPECT_TRUE(seen.has("loud"));
  EXPECT_FALSE(seen.has("type"));
}

TEST(Parse, ARepeatableOptionLeavesThePositionalAlone) {
  ASSERT_EQ(run({"send", "-P", "a=1", "orders"}), kExitOk);
  EXPECT_EQ(seen.text("TOPIC"), "orders");
  EXPECT_EQ(seen.all("property"), (std::vector<std::string>{"a=1"}));
}

TEST(Parse, ARepeatedPositionalTakesAllThatIsLeft) {
  const Verb root{.name = "tool",
                  .summary = "a program",
                  .verbs = {{.name = "ask",
                             .summary = "asks",
                             .positionals = {{.name = "WORDS", .help = "a sentence", .repeated = true}},
                             .options = {{.name = "loud", .help = "flag"}},
                             .run = [](const Arguments& arguments) -> Outcome {
                               seen = arguments;
                               return {};
                             }}}};
  const char* words[] = {"tool", "ask", "--loud", "what", "time", "is", "it?"};
  ASSERT_EQ(run_program(root, 7, words), kExitOk);
  EXPECT_EQ(seen.all("WORDS"), (std::vector<std::string>{"what", "time", "is", "it?"}));
}

TEST(Parse, WrongUsageIsExitTwo) {
  EXPECT_EQ(run({}), kExitUsage);
  EXPECT_EQ(run({"sned"}), kExitUsage);
  EXPECT_EQ(run({"send"}), kExitUsage);
  EXPECT_EQ(run({"send", "x", "y"}), kExitUsage);
  EXPECT_EQ(run({"send", "x", "--unknown"}), kExitUsage);
  EXPECT_EQ(run({"send", "x", "-n", "many"}), kExitUsage);
  EXPECT_EQ(run({"send", "x", "--delay", "soon"}), kExitUsage);
  EXPECT_EQ(run({"send", "x", "--type", "c"}), kExitUsage);
  EXPECT_EQ(run({"send", "wrong"}), kExitUsage);
}

TEST(Parse, AVerbsFailureDecidesTheExitCode) {
  EXPECT_EQ(run({"send", "broken"}), kExitDisk);
}

TEST(Parse, HelpExitsZeroAndTeaches) {
  EXPECT_EQ(run({"--help"}), kExitOk);
  EXPECT_EQ(run({"send", "--help"}), kExitOk);
  const Verb root = sample();
  const std::string help = help_text({&root, &root.verbs.front()});
  EXPECT_NE(help.find("usage: tool send TOPIC [options]"), std::string::npos) << help;
  EXPECT_NE(help.find("-m, --message TEXT"), std::string::npos) << help;
  EXPECT_NE(help.find("(a, b)"), std::string::npos) << help;
  EXPECT_NE(help.find("tool send x -m hi"), std::string::npos) << help;
}

TEST(Parse, EveryVerbOfTheProgramHelpsAndCompletes) {
  const auto check = [](const auto& self, const Verb& verb) -> void {
    EXPECT_FALSE(verb.summary.empty()) << verb.name;
    EXPECT_TRUE(verb.run != nullptr || !verb.verbs.empty()) << verb.name;
    for (const auto& option : verb.options)
      EXPECT_FALSE(option.help.empty()) << verb.name << " --" << option.name;
    for (const char* shell : {"bash", "zsh", "fish"}) {
      EXPECT_NE(completion_script(program(), shell).find(verb.name), std::string::npos)
          << verb.name << " in " << shell;
    }
    for (const auto& child : verb.verbs) self(self, child);
  };
  check(check, program());
}

TEST(Durations, TakeAUnit) {
  EXPECT_EQ(*parse_duration("250ms"), std::chrono::milliseconds{250});
  EXPECT_EQ(*parse_duration("5"), std::chrono::seconds{5});
  EXPECT_EQ(*parse_duration("2m"), std::chrono::minutes{2});
  EXPECT_EQ(*parse_duration("7d"), std::chrono::hours{168});
  EXPECT_FALSE(parse_duration(""));
  EXPECT_FALSE(parse_duration("5 s"));
  EXPECT_FALSE(parse_duration("-5s"));
  EXPECT_FALSE(parse_duration("99999999999999999d"));
}

}  // namespace
}  // namespace geminga::cli

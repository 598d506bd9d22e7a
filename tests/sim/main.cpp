/// geminga_sim: the model checker of the broker's core. See README.md.

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "run.hpp"

namespace {

using geminga::sim::Outcome;
using geminga::sim::RunOptions;

constexpr std::string_view kUsage =
    R"(usage: geminga_sim SEED [--operations N]        one run, every step printed; exit 1 with what broke
       geminga_sim --seeds N [--from SEED] [--operations N]
                                              N runs, seeds from SEED (1) on; exit 1 with the first that fails
       geminga_sim --control NAME --seeds N [--operations N]
                                              the same with a planted bug; exit 1 unless a run finds it
controls: ack-before-sync, no-fsync, no-dirsync, skip-crc, dedup-before-persist, cursor-ahead, lose-delayed
)";

struct Arguments {
  RunOptions run;
  std::uint64_t seeds = 0;  ///< 0: one run
  std::string control;
};

[[noreturn]] void refuse(const std::string& why) {
  fmt::print(stderr, "geminga_sim: {}\n{}", why, kUsage);
  std::exit(2);
}

std::uint64_t number(const std::string& text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') refuse(fmt::format("'{}' is not a number", text));
  return value;
}

geminga::storage::UnsafeOptions unsafe_of(const std::string& control) {
  if (control.empty()) return {};
  if (control == "ack-before-sync") return {.ack_before_sync = true};
  if (control == "no-fsync") return {.no_fsync = true};
  if (control == "no-dirsync") return {.no_dirsync = true};
  if (control == "skip-crc") return {.skip_crc = true};
  if (control == "dedup-before-persist") return {.dedup_before_persist = true};
  if (control == "cursor-ahead") return {.cursor_ahead = true};
  if (control == "lose-delayed") return {.lose_delayed = true};
  refuse(fmt::format("there is no control '{}'", control));
}

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  bool seed_given = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value = [&]() -> const std::string& {
      if (i + 1 == words.size()) refuse(words[i] + " needs a value");
      return words[++i];
    };
    if (words[i] == "--operations") {
      arguments.run.operations = number(value());
    } else if (words[i] == "--seeds") {
      arguments.seeds = number(value());
    } else if (words[i] == "--from") {
      arguments.run.seed = number(value());
      seed_given = true;
    } else if (words[i] == "--control") {
      arguments.control = value();
    } else {
      arguments.run.seed = number(words[i]);
      seed_given = true;
    }
  }
  if (!seed_given && arguments.seeds == 0) refuse("a seed is missing");
  if (!arguments.control.empty() && arguments.seeds == 0) refuse("--control needs --seeds");
  if (!seed_given) arguments.run.seed = 1;
  arguments.run.unsafe = unsafe_of(arguments.control);
  return arguments;
}

void show_progress(std::uint64_t done, std::uint64_t all, std::uint64_t crashes) {
  if (::isatty(STDOUT_FILENO) == 0) return;
  constexpr std::uint64_t kWidth = 40;
  const std::string filled(done * kWidth / all, '#');
  fmt::print("\r[{:.<{}}] {} of {} seeds, {} crashes", filled, kWidth, done, all, crashes);
  if (done == all) fmt::print("\n");
  std::fflush(stdout);
}

/// The threads of the storage run freely: how often it comes again tells how good a replay is.
void report(const RunOptions& options, const Outcome& outcome) {
  fmt::print("\nBREACH at seed {}, step {}: {}\nreplay: ./dev sim {} --operations {}\n", options.seed,
             outcome.step, *outcome.breach, options.seed, options.operations);
  constexpr int kRepeats = 3;
  int again = 0;
  for (int i = 0; i < kRepeats; ++i) {
    RunOptions silent = options;
    silent.trace = nullptr;
    again += geminga::sim::run(silent).breach ? 1 : 0;
  }
  fmt::print("repeated: {} of {} runs of this seed fail\n", again, kRepeats);
}

int run_one(RunOptions options) {
  options.trace = [](std::uint64_t step, std::string_view what) { fmt::print("{:6} {}\n", step, what); };
  const Outcome outcome = geminga::sim::run(options);
  if (outcome.breach) {
    report(options, outcome);
    return 1;
  }
  fmt::print("seed {}: {} operations, {} crashes, {} stops: every promise held\n", options.seed,
             options.operations, outcome.crashes, outcome.stops);
  return 0;
}

int run_many(RunOptions options, std::uint64_t seeds, const std::string& control) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t crashes = 0;
  std::uint64_t stops = 0;
  for (std::uint64_t done = 0; done < seeds; ++done, ++options.seed) {
    show_progress(done, seeds, crashes);
    const Outcome outcome = geminga::sim::run(options);
    crashes += outcome.crashes;
    stops += outcome.stops;
    if (!outcome.breach) continue;
    if (control.empty()) {
      report(options, outcome);
      return 1;
    }
    fmt::print("control {}: noticed with seed {}, step {}: {}\n", control, options.seed, outcome.step,
               *outcome.breach);
    return 0;
  }
  show_progress(seeds, seeds, crashes);
  if (!control.empty()) {
    fmt::print("control {}: NOT noticed in {} seeds; the model is blind\n", control, seeds);
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{} seeds of {} operations, {} crashes, {} stops, {:.0f} s: every promise held\n", seeds,
             options.operations, crashes, stops, took.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse({argv + 1, argv + argc});
  if (arguments.seeds == 0) return run_one(arguments.run);
  return run_many(arguments.run, arguments.seeds, arguments.control);
}

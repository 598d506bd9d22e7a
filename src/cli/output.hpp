#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/verb.hpp"

namespace geminga::cli {

/// `-o, --output text|json`; every verb that prints data has it.
Option output_option();
bool wants_json(const Arguments& arguments);

/// One JSON value as one line on stdout, flushed, so that a pipe sees it at once.
void print_json(const nlohmann::ordered_json& value);
/// Text on stdout as it is, but control characters of what came from elsewhere made harmless.
void print_text(std::string_view text);
void print_line(std::string_view text);
/// What was printed so far has left this process; a failure where stdout takes no more (a full disk).
Outcome all_written();
/// A remark for people; stderr.
void note(std::string_view text);

/// True when that stream is a terminal and NO_COLOR is not set.
bool stdout_is_terminal();
bool stderr_is_terminal();

enum class Style : std::uint8_t { plain, bold, dim, good, bad, warning };
/// With terminal colours where stdout has them.
std::string styled(std::string_view text, Style style);

/// Columns as wide as they must be; the last one is cut at the terminal's edge, never in a pipe.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A bar on stderr while it lives, only on a terminal. One at a time; lines that are printed push it down.
class Progress {
 public:
  /// `total` 0: not known, a counter is shown.
  Progress(std::string label, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::uint64_t by = 1);
  /// So much is done, and this is to be said in front of it.
  void show(std::uint64_t done, std::string label);
  /// Takes the bar off the line until it is drawn again.
  void make_room();

 private:
  void draw();
  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::uint64_t drawn_at_ms_ = 0;
  bool shown_;
};

/// Control characters as \xNN (a tool's answer must not steer the terminal); line ends and tabs stay.
std::string printable(std::string_view text);
/// Cut to `width` characters of UTF-8, with an ellipsis.
std::string shortened(std::string_view text, std::size_t width);
/// "1.3 ms", "250 ms", "12.4 s"
std::string human_duration(double milliseconds);

}  // namespace geminga::cli

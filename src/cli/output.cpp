#include "cli/output.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace geminga::cli {
namespace {

bool is_terminal(int descriptor) {
  return ::isatty(descriptor) != 0;
}

bool no_color() {
  const char* value = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return (value != nullptr && *value != '\0') || (term != nullptr && std::string_view(term) == "dumb");
}

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
  return 100;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) width += continues_character(c) ? 0 : 1;
  return width;
}

std::uint64_t now_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

/// The bar that stands on the terminal now, so that lines do not run into it.
Progress* active_progress = nullptr;

}  // namespace

Option output_option() {
  return {.name = "output",
          .letter = 'o',
          .value = Value::choice,
          .metavar = "FORM",
          .help = "text for people, json for programs: one object a line",
          .choices = {"text", "json"}};
}

bool wants_json(const Arguments& arguments) {
  return arguments.text("output", "text") == "json";
}

void print_json(const nlohmann::ordered_json& value) {
  print_line(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(std::string_view text) {
  const std::string safe = is_terminal(STDOUT_FILENO) ? printable(text) : std::string(text);
  std::fwrite(safe.data(), 1, safe.size(), stdout);
}

void print_line(std::string_view text) {
  if (active_progress != nullptr) active_progress->make_room();
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

Outcome all_written() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return failed("stdout cannot be written to; is the disk full?");
}

void note(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
}

bool stdout_is_terminal() {
  return is_terminal(STDOUT_FILENO) && !no_color();
}
bool stderr_is_terminal() {
  return is_terminal(STDERR_FILENO) && !no_color();
}

std::string styled(std::string_view text, Style style) {
  if (style == Style::plain || !stdout_is_terminal()) return std::string(text);
  constexpr std::string_view kCodes[] = {"0", "1", "2", "32", "31", "33"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(style)], text);
}

void Table::print() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  const bool terminal = is_terminal(STDOUT_FILENO);
  const std::size_t edge = terminal_width();
  for (const auto& row : rows_) {
    std::string line;
    std::size_t column = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      std::string cell = printable(row[i]);
      for (char& c : cell) c = c == '\n' || c == '\t' ? ' ' : c;
      if (last && terminal && column + 10 < edge) cell = shortened(cell, edge - column);
      line += cell;
      if (!last) line.append(widths[i] + 2 - std::min(widths[i], width_of(cell)), ' ');
      column += widths[i] + 2;
    }
    print_line(&row == &rows_.front() ? styled(line, Style::bold) : line);
  }
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(total), shown_(stderr_is_terminal()) {
  active_progress = this;
  draw();
}

Progress::~Progress() {
  active_progress = nullptr;
  make_room();
}

void Progress::make_room() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::advance(std::uint64_t by) {
  done_ += by;
  if (shown_ && now_ms() - drawn_at_ms_ >= 100) draw();
}

void Progress::show(std::uint64_t done, std::string label) {
  done_ = done;
  label_ = std::move(label);
  draw();
}

void Progress::draw() {
  if (!shown_) return;
  drawn_at_ms_ = now_ms();
  if (total_ == 0) {
    fmt::print(stderr, "\r\x1b[K{} {}", label_, done_);
  } else {
    constexpr std::uint64_t kCells = 30;
    const auto filled = static_cast<std::size_t>(kCells * std::min(done_, total_) / total_);
    fmt::print(stderr, "\r\x1b[K{} [{}{}] {}/{}", label_, std::string(filled, '#'),
               std::string(kCells - filled, '.'), done_, total_);
  }
  std::fflush(stderr);
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F: CSI is among them
      out += fmt::format("\\x{:02x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::size_t used = 0;
  std::size_t at = 0;
  while (at < text.size() && used + 1 < width) {
    ++at;
    while (at < text.size() && continues_character(text[at])) ++at;
    ++used;
  }
  return std::string(text.substr(0, at)) + "…";
}

std::string human_duration(double milliseconds) {
  if (milliseconds < 10) return fmt::format("{:.1f} ms", milliseconds);
  if (milliseconds < 1'000) return fmt::format("{:.0f} ms", milliseconds);
  return fmt::format("{:.1f} s", milliseconds / 1'000);
}

}  // namespace geminga::cli

#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

/// Tests only: the worked examples of docs/formats are compared with what the code writes.
namespace geminga::storage::testing {

/// As the documents write bytes that stand at `from` in their file.
inline std::string dump(std::string_view bytes, std::size_t from = 0) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    text += fmt::format("    {:04x} ", from + at);
    for (const char byte : bytes.substr(at, 16))
      text += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
    text += '\n';
  }
  return text;
}

inline std::string format_document(const std::string& name) {
  std::ifstream file(std::string(GEMINGA_SOURCE_DIR) + "/docs/formats/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace geminga::storage::testing

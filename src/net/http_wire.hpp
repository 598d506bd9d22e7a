#pragma once

#include <string>
#include <string_view>

#include "net/http_message.hpp"

namespace geminga::net {

/// How the end of a body is told (RFC 9112 section 6.3).
enum class BodyFraming { content_length, chunked, until_close };

struct HeadOptions {
  BodyFraming framing = BodyFraming::content_length;
  bool keep_alive = true;
};

/// Status line and fields up to and with the empty line. Line ends in field values become spaces.
std::string render_head(const HttpResponse& response, HeadOptions options);
/// "1f\r\n" in front of a chunk; "\r\n" comes after it and "0\r\n\r\n" after the last.
std::string render_chunk_head(std::size_t bytes);
/// 1xx, 204 and 304 have no body and no length.
bool status_has_body(int status) noexcept;

}  // namespace geminga::net

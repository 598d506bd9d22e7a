#include "storage/bytes.hpp"

#include <charconv>

#include "base/uuid.hpp"

namespace geminga::storage {

RawUuid raw_uuid(std::string_view text) {
  GEMINGA_ASSERT(base::is_uuid(text));
  RawUuid raw{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '-') {
      ++i;
      continue;
    }
    std::from_chars(text.data() + i, text.data() + i + 2, raw[at++], 16);
    i += 2;
  }
  return raw;
}

}  // namespace geminga::storage

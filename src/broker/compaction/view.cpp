#include "broker/compaction/view.hpp"

#include <span>

#include <fmt/format.h>

#include "base/crc32c.hpp"
#include "storage/operation_codec.hpp"

namespace geminga::broker {

using storage::kEntryHeaderBytes;

storage::Append to_view(const storage::Entry& original, storage::TopicId view) {
  storage::Append append;
  append.topic = view;
  append.message_count = original.header.message_count;
  append.format = original.header.format;
  append.body.resize(kEntryHeaderBytes);
  storage::encode_entry_header(original.header, std::as_writable_bytes(std::span(append.body)));
  append.body += original.body;
  append.body_crc = base::crc32c(std::string_view(append.body));
  return append;
}

Error entries_missing(const std::string& topic) {
  return {.code = ErrorCode::corrupted,
          .message = fmt::format("the compacted view of {} lacks entries; `geminga fsck` says more; a backup "
                                 "or, where all messages are kept, a new compaction brings it back",
                                 topic)};
}

Result<storage::Entry> from_view(const storage::Entry& entry) {
  const auto header = storage::decode_entry_header(std::as_bytes(std::span(entry.body)));
  if (!header || header->body_bytes != entry.body.size() - kEntryHeaderBytes) {
    return fail(ErrorCode::corrupted,
                fmt::format("entry {} of a compacted view does not follow its format ({} bytes); compact the "
                            "topic again where its messages are still kept",
                            entry.header.entry.value, entry.body.size()));
  }
  return storage::Entry{
      .header = *header, .body = entry.body.substr(kEntryHeaderBytes), .owner = entry.owner};
}

}  // namespace geminga::broker

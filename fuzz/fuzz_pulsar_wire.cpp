// Frames of a Pulsar connection: however the bytes arrive, the same frames come out of them; what is taken
// from one is written so that the same is read again; and entries, metadata and batches of strangers are
// walked to their end.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "wire/pulsar/batch.hpp"
#include "wire/pulsar/entry.hpp"
#include "wire/pulsar/frame_buffer.hpp"
#include "wire/pulsar/visit_command.hpp"

using namespace geminga::wire::pulsar;

namespace {

constexpr std::uint32_t kLimit = 1u << 20;

/// The whole frames, and how it ended.
struct Received {
  std::vector<std::string> frames;
  bool fault = false;
  std::size_t pending_bytes = 0;
};

/// A frame that somebody keeps, and what it was when it came.
struct Kept {
  std::shared_ptr<const void> owner;
  std::string_view frame;
  std::size_t number = 0;
};

Received receive(std::initializer_list<std::string_view> pieces) {
  FrameBuffer buffer(kLimit);
  Received received;
  std::vector<Kept> kept;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const auto room = buffer.room();
      const std::size_t count = std::min(room.size(), piece.size());
      std::copy_n(piece.begin(), count, room.begin());
      buffer.filled(count);
      piece.remove_prefix(count);
      const auto taken = buffer.take([&](std::string_view frame) {
        if (frame.size() % 3 != 0) kept.push_back({buffer.keep(), frame, received.frames.size()});
        received.frames.emplace_back(frame);
        return true;
      });
      received.fault = !taken;
      if (received.fault) return received;
    }
  }
  received.pending_bytes = buffer.pending_bytes();
  for (const Kept& one : kept) GEMINGA_ASSERT(one.frame == received.frames[one.number]);
  return received;
}

std::string again(const Frame& frame) {
  std::string bytes;
  visit_command(frame, [&](const auto& message) {
    if constexpr (Command<std::remove_cvref_t<decltype(*message)>>) {
      if (message) append_frame(bytes, *message);
    }
    if (!message) GEMINGA_ASSERT(!message.error().text().empty());
  });
  return bytes;
}

void walk_entry(std::string_view bytes) {
  static_cast<void>(parse_entry(bytes));
  const auto entry = parse_entry(bytes, Checksum::trust);
  if (!entry) return;
  GEMINGA_ASSERT(entry->metadata.size() + entry->payload.size() <= entry->message.size());
  const auto metadata = decode<MessageMetadata>(entry->metadata);
  if (!metadata) return;
  std::string head;
  append_entry_head(head, *metadata, {entry->payload});
  const std::string whole = head.append(entry->payload);
  GEMINGA_ASSERT(parse_entry(whole).has_value());
  BatchReader batch(entry->payload, *metadata->num_messages_in_batch);
  BatchWriter copy;
  auto message = batch.next();
  for (; message && *message; message = batch.next()) copy.add((*message)->metadata, (*message)->payload);
  if (message) GEMINGA_ASSERT(copy.messages() == std::max(*metadata->num_messages_in_batch, 0));
}

void read_frame(std::string_view bytes) {
  const auto frame = parse_frame(bytes, kLimit);
  if (!frame) return;
  GEMINGA_ASSERT(known_command(static_cast<std::uint64_t>(frame->type)));
  if (const std::string once = again(*frame); !once.empty())
    GEMINGA_ASSERT(again(parse_frame(once).value()) == once);
  walk_entry(frame->entry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.empty() ? 0 : data[0] % bytes.size();
  const Received whole = receive({bytes});
  const Received split = receive({bytes.substr(0, cut), bytes.substr(cut)});
  GEMINGA_ASSERT(whole.fault == split.fault);
  GEMINGA_ASSERT(whole.frames == split.frames);
  GEMINGA_ASSERT(whole.pending_bytes == split.pending_bytes);
  for (const std::string& frame : whole.frames) read_frame(frame);
  return 0;
}

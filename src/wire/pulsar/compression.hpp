#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/pulsar/fault.hpp"
#include "wire/pulsar/types.hpp"

/// The payload of an entry as its producer packed it: LZ4 and Snappy as one raw block, ZLIB and ZSTD with
/// their own frame. What it becomes is as large as its metadata says, MessageMetadata::uncompressed_size.
/// Pure.
namespace geminga::wire::pulsar {

/// A payload is not unpacked to more than this, whatever its metadata says.
inline constexpr std::uint64_t kUnpackedBytesMax = 32ULL << 20;

/// What was packed. The memory for it is taken at once, so what is claimed is held against `bytes_max` and
/// against what the format can make of so many bytes before anything is done. Faults: bad_compression (it is
/// too large, damaged, or not as long as it says).
Parsed<std::string> unpack(CompressionType type, std::string_view packed, std::uint32_t unpacked_bytes,
                           std::uint64_t bytes_max = kUnpackedBytesMax);

/// With the speed that Pulsar's clients choose. `none`: as it is.
std::string pack(CompressionType type, std::string_view payload);

}  // namespace geminga::wire::pulsar

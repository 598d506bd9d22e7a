#include "wire/pulsar/compression.hpp"

#include <algorithm>
#include <limits>
#include <lz4.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.hpp"

namespace geminga::wire::pulsar {
namespace {

/// To so many bytes one packed byte may become, and a few more whatever there is; ZSTD says itself how many
/// it is.
constexpr std::uint64_t kLz4Ratio = 255;
constexpr std::uint64_t kZlibRatio = 1'032;
constexpr std::uint64_t kSnappyRatio = 64;
constexpr std::uint64_t kFew = 64;

std::uint64_t possible_bytes(CompressionType type, std::string_view packed) {
  const std::uint64_t bytes = packed.size();
  switch (type) {
    case CompressionType::none:
      return bytes;
    case CompressionType::lz4:
      return bytes * kLz4Ratio + kFew;
    case CompressionType::zlib:
      return bytes * kZlibRatio + kFew;
    case CompressionType::snappy:
      return bytes * kSnappyRatio + kFew;
    case CompressionType::zstd:
      break;
  }
  const unsigned long long said = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (said == ZSTD_CONTENTSIZE_ERROR) return 0;
  // A frame that was written as a stream may leave it out.
  return said == ZSTD_CONTENTSIZE_UNKNOWN ? std::numeric_limits<std::uint64_t>::max() : said;
}

/// Into memory of exactly the size that is expected; how much it became, anything else is damage.
std::uint64_t unpack_into(CompressionType type, std::string_view packed, std::string& into) {
  constexpr std::uint64_t kDamaged = std::numeric_limits<std::uint64_t>::max();
  switch (type) {
    case CompressionType::none:
      std::ranges::copy(packed, into.begin());
      return packed.size();
    case CompressionType::lz4: {
      const int bytes = LZ4_decompress_safe(packed.data(), into.data(), static_cast<int>(packed.size()),
                                            static_cast<int>(into.size()));
      return bytes < 0 ? kDamaged : static_cast<std::uint64_t>(bytes);
    }
    case CompressionType::zlib: {
      uLongf bytes = into.size();
      const int done = ::uncompress(reinterpret_cast<Bytef*>(into.data()), &bytes,
                                    reinterpret_cast<const Bytef*>(packed.data()), packed.size());
      return done == Z_OK ? bytes : kDamaged;
    }
    case CompressionType::zstd: {
      const std::size_t bytes = ZSTD_decompress(into.data(), into.size(), packed.data(), packed.size());
      return ZSTD_isError(bytes) != 0 ? kDamaged : bytes;
    }
    case CompressionType::snappy:
      break;
  }
  std::size_t bytes = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &bytes) || bytes != into.size())
    return kDamaged;
  return snappy::RawUncompress(packed.data(), packed.size(), into.data()) ? bytes : kDamaged;
}

}  // namespace

Parsed<std::string> unpack(CompressionType type, std::string_view packed, std::uint32_t unpacked_bytes,
                           std::uint64_t bytes_max) {
  const auto cannot = [&](std::uint64_t limit) {
    return std::unexpected(WireError{
        .fault = Fault::bad_compression, .part = "payload", .found = unpacked_bytes, .limit = limit});
  };
  if (type == CompressionType::none) return std::string(packed);
  if (unpacked_bytes == 0) return std::string();
  const std::uint64_t most = std::min<std::uint64_t>(bytes_max, std::numeric_limits<int>::max());
  if (unpacked_bytes > most || packed.size() > most) return cannot(most);
  if (unpacked_bytes > possible_bytes(type, packed)) return cannot(0);
  std::string unpacked(unpacked_bytes, '\0');
  if (unpack_into(type, packed, unpacked) != unpacked_bytes) return cannot(0);
  return unpacked;
}

std::string pack(CompressionType type, std::string_view payload) {
  std::string packed;
  switch (type) {
    case CompressionType::none:
      return std::string(payload);
    case CompressionType::lz4: {
      packed.resize(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(payload.size()))));
      const int bytes = LZ4_compress_default(payload.data(), packed.data(), static_cast<int>(payload.size()),
                                             static_cast<int>(packed.size()));
      GEMINGA_ASSERT(bytes > 0);
      packed.resize(static_cast<std::size_t>(bytes));
      return packed;
    }
    case CompressionType::zlib: {
      uLongf bytes = ::compressBound(payload.size());
      packed.resize(bytes);
      const int done = ::compress(reinterpret_cast<Bytef*>(packed.data()), &bytes,
                                  reinterpret_cast<const Bytef*>(payload.data()), payload.size());
      GEMINGA_ASSERT(done == Z_OK);
      packed.resize(bytes);
      return packed;
    }
    case CompressionType::zstd: {
      packed.resize(ZSTD_compressBound(payload.size()));
      const std::size_t bytes =
          ZSTD_compress(packed.data(), packed.size(), payload.data(), payload.size(), ZSTD_CLEVEL_DEFAULT);
      GEMINGA_ASSERT(ZSTD_isError(bytes) == 0);
      packed.resize(bytes);
      return packed;
    }
    case CompressionType::snappy:
      break;
  }
  snappy::Compress(payload.data(), payload.size(), &packed);
  return packed;
}

}  // namespace geminga::wire::pulsar

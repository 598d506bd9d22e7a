#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <geminga/error.hpp>

namespace geminga::base {

/// Every file that somebody keeps a secret in for us (keys, tokens, client secrets) is read here: its bytes
/// as they are, at most 64 KiB. Warns in the log where everyone on this machine may read it. Errors:
/// config_error (it cannot be read, is empty, or is too large to be a secret), which never shows what stands
/// in it.
Result<std::string> read_secret_file(const std::filesystem::path& file);

/// The same for a public key, which everyone may read.
Result<std::string> read_public_file(const std::filesystem::path& file);
/// And for what may be larger, as certificates.
Result<std::string> read_public_file(const std::filesystem::path& file, std::size_t bytes_max);

/// read_secret_file() where the secret is text: its first line without blanks and line ends around it.
Result<std::string> read_secret_line(const std::filesystem::path& file);

/// What is wrong with it and what to do, where everyone on this machine may read the file; otherwise empty.
std::string exposure_of(const std::filesystem::path& file);

}  // namespace geminga::base

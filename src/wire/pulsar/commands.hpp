#pragma once

#include <cstdint>
#include <string_view>

#include "wire/pulsar/connecting.hpp"
#include "wire/pulsar/consuming.hpp"
#include "wire/pulsar/looking_up.hpp"
#include "wire/pulsar/positions.hpp"
#include "wire/pulsar/producing.hpp"
#include "wire/pulsar/schemas.hpp"

/// All commands; commands.def is the table.
namespace geminga::wire::pulsar {

enum class CommandType : std::uint8_t {
#define GEMINGA_PULSAR_COMMAND(number, name, message) name = number,
#define GEMINGA_PULSAR_TRANSACTION(number, name) name = number,
#include "wire/pulsar/commands.def"
};

/// The type of a message that is a command.
template <class Message>
inline constexpr CommandType kCommandType{};

#define GEMINGA_PULSAR_COMMAND(number, name, message) \
  template <>                                         \
  inline constexpr CommandType kCommandType<message> = CommandType::name;
#include "wire/pulsar/commands.def"

template <class Message>
concept Command = kCommandType<Message> != CommandType{};

/// "send_receipt"; empty for a number that is no command.
std::string_view command_name(CommandType type) noexcept;

/// Does a number stand in the table?
bool known_command(std::uint64_t number) noexcept;

/// Is it one of those that are known by name only? TransactionRequest then reads the requests among them.
bool about_transactions(CommandType type) noexcept;

}  // namespace geminga::wire::pulsar

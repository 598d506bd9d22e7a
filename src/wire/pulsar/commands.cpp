#include "wire/pulsar/commands.hpp"

namespace geminga::wire::pulsar {

std::string_view command_name(CommandType type) noexcept {
  switch (type) {
#define GEMINGA_PULSAR_COMMAND(number, name, message) \
  case CommandType::name:                             \
    return #name;
#define GEMINGA_PULSAR_TRANSACTION(number, name) GEMINGA_PULSAR_COMMAND(number, name, TransactionRequest)
#include "wire/pulsar/commands.def"
  }
  return {};
}

bool known_command(std::uint64_t number) noexcept {
  return number <= UINT8_MAX && !command_name(static_cast<CommandType>(number)).empty();
}

bool about_transactions(CommandType type) noexcept {
  return type >= CommandType::new_txn && type <= CommandType::tc_client_connect_response;
}

}  // namespace geminga::wire::pulsar

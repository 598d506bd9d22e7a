#pragma once

#include "wire/pulsar/frame.hpp"

namespace geminga::wire::pulsar {

/// Decodes the command of a frame and calls `visitor(const Parsed<CommandX>&)` for what it is; commands about
/// transactions come as TransactionRequest.
template <class Visitor>
decltype(auto) visit_command(const Frame& frame, Visitor&& visitor) {
  switch (frame.type) {
#define GEMINGA_PULSAR_COMMAND(number, name, message) \
  case CommandType::name:                             \
    return visitor(decode<message>(frame.command));
#define GEMINGA_PULSAR_TRANSACTION(number, name) \
  case CommandType::name:                        \
    break;
#include "wire/pulsar/commands.def"
  }
  return visitor(decode<TransactionRequest>(frame.command));
}

}  // namespace geminga::wire::pulsar

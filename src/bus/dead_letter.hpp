#pragma once

#include <string>

#include <geminga/consumer.hpp>
#include <geminga/message.hpp>

namespace geminga::bus {

/// "<topic>-<subscription>-DLQ", Pulsar's name, unless the policy names another. A full name.
/// Errors: invalid_argument (the subscription's name cannot be part of a topic's; name a topic in the
/// policy).
Result<std::string> dead_letter_topic(const DeadLetterPolicy& policy, const std::string& full_topic,
                                      const std::string& subscription, const std::string& default_namespace);

/// The message as it was, with the properties of DeadLetterProperty added. A long reason is cut.
OutgoingMessage dead_letter(const Message& message, const std::string& subscription, std::string_view reason);

}  // namespace geminga::bus

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {

enum class SlotKind : std::uint8_t { choice, flag, number, text, list, other };

/// Words that stand before an argument in a sentence: "from" before an origin.
enum class Role : std::uint8_t { none, from, to, place, day, hour, name, topic, language, author };

/// An argument of a tool that nothing has filled yet.
struct Slot {
  std::vector<std::string> path{};         ///< {"location", "address"}
  const nlohmann::json* schema = nullptr;  ///< of the value; of the first choice that is not null
  SlotKind kind = SlotKind::other;
  bool required = false;
  bool whole = false;                 ///< a number that must be whole
  std::vector<std::string> labels{};  ///< words of its name; see name_words()
  std::vector<std::string> hints{};   ///< first words of its description
  std::vector<Role> roles{};          ///< by its name
  bool filled = false;
};

/// What the schema names and `params` does not have: what is required in the order of `required`, then the
/// others by name; of a table inside, its members. The schema must live longer.
std::vector<Slot> open_slots(const nlohmann::json& schema, const nlohmann::json& params);

/// The role that a word gives to what follows it, and whether the slot has it.
bool introduces(std::string_view preposition, const Slot& slot);
/// Where something comes from or goes to.
bool is_end_of_way(const Slot& slot);
/// True for every word that introduces() knows.
bool is_preposition(std::string_view word);
/// Whether a list of words, such as labels, has it.
bool contains(const std::vector<std::string>& list, std::string_view word);
/// True where one of `words` is a word of the slot's name.
bool named(const Slot& slot, std::initializer_list<std::string_view> words);

}  // namespace geminga::orchestrator

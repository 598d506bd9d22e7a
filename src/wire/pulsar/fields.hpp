#pragma once

#include <concepts>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "wire/pulsar/repeated.hpp"

/// What a message is made of. A message is a struct of members and a table `kFields` that gives each its
/// number; the member's type says the rest: Optional<T>, Repeated<T>, or T alone for what is required. T is
/// bool, a whole number, double, an enumeration, std::string_view (text and bytes) or a message.
///
/// Text and bytes are views: of a decoded message into the bytes it was decoded from, of one to be encoded
/// into what its maker keeps. Both must outlive the message.
namespace geminga::wire::pulsar {

/// `Optional<bool> durable = Default{true};`: absent, and read as true.
template <class T>
struct Default {
  T value;
};

/// A field that may be absent; `*field` is then its default.
template <class T>
class Optional {
 public:
  constexpr Optional() = default;
  constexpr Optional(Default<T> absent) : value_(absent.value) {}
  template <class U>
    requires std::convertible_to<U, T> &&
                 (!std::same_as<T, bool> || std::same_as<std::remove_cvref_t<U>, bool>)
  constexpr Optional(U&& value) : value_(std::forward<U>(value)), present_(true) {}

  [[nodiscard]] constexpr bool present() const noexcept { return present_; }
  constexpr const T& operator*() const noexcept { return value_; }
  constexpr const T* operator->() const noexcept { return &value_; }

  /// For who decodes: present from now on.
  constexpr T& emplace() noexcept {
    present_ = true;
    return value_;
  }

 private:
  T value_{};
  bool present_ = false;
};

template <class Message, class Member>
struct Field {
  std::uint32_t number;
  Member Message::* member;
};

template <class Message, class Member>
constexpr Field<Message, Member> field(std::uint32_t number, Member Message::* member) {
  return {number, member};
}

/// The table of a message, in the order of the numbers, which is the order on the wire.
template <class... Fields>
constexpr std::tuple<Fields...> fields(Fields... all) {
  return {all...};
}

}  // namespace geminga::wire::pulsar

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "wire/pulsar/field_reader.hpp"
#include "wire/pulsar/scalar.hpp"

namespace geminga::wire::pulsar {

template <class T>
class RepeatedIterator;

/// A field that may be there many times: values of its maker, or, decoded, the bytes that hold them, taken
/// apart while one goes over them. Nothing is allocated.
template <class T>
class Repeated {
 public:
  constexpr Repeated() = default;
  template <class Range>
    requires requires(const Range& range) {
      { range.data() } -> std::convertible_to<const T*>;
      { range.size() } -> std::convertible_to<std::size_t>;
    }
  constexpr Repeated(const Range& values) noexcept : values_(values.data()), size_(values.size()) {}

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] RepeatedIterator<T> begin() const noexcept { return RepeatedIterator<T>(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// For who decodes: the field that `in` stands at holds `count` more values and was found to be whole.
  void append(const FieldReader& in, std::size_t count) noexcept {
    const char* first = size_ == 0 ? in.start() : region_.data();
    region_ = {first, static_cast<std::size_t>(in.behind() - first)};
    number_ = in.number();
    size_ += count;
  }

 private:
  friend class RepeatedIterator<T>;
  const T* values_ = nullptr;
  std::size_t size_ = 0;
  std::string_view region_;  ///< from the first such field to the last; others may stand between
  std::uint32_t number_ = 0;
};

/// Takes an element apart that was found to be whole. In codec.cpp for the messages that are repeated.
template <class T>
void decode_element(std::string_view bytes, T& element) noexcept;

template <class T>
class RepeatedIterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit RepeatedIterator(const Repeated<T>& all) noexcept
      : values_(all.values_), left_(all.size_), in_(all.region_), number_(all.number_) {
    if (left_ > 0 && values_ == nullptr) decode();
  }

  const T& operator*() const noexcept { return values_ != nullptr ? *values_ : current_; }
  const T* operator->() const noexcept { return &**this; }
  RepeatedIterator& operator++() noexcept {
    --left_;
    if (values_ != nullptr)
      ++values_;
    else if (left_ > 0)
      decode();
    return *this;
  }
  void operator++(int) noexcept { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return left_ == 0; }

 private:
  void decode() noexcept {
    if constexpr (Scalar<T>) {
      if (!packed_.empty()) return unpack();
    }
    while (in_.next()) {
      if (in_.number() != number_) continue;
      if constexpr (Scalar<T>) {
        if (in_.type() == WireType::varint) return static_cast<void>(from_varint(in_.integer(), current_));
        if (in_.type() != WireType::bytes || in_.bytes().empty()) continue;
        packed_ = in_.bytes();
        return unpack();
      } else if (in_.type() == WireType::bytes) {
        if constexpr (std::is_same_v<T, std::string_view>) {
          current_ = in_.bytes();
        } else {
          current_ = T{};
          decode_element(in_.bytes(), current_);
        }
        return;
      }
    }
  }

  void unpack() noexcept {
    std::uint64_t value = 0;
    const char* end = packed_.data() + packed_.size();
    const char* behind = read_varint(packed_.data(), end, value);
    from_varint(value, current_);
    packed_ = {behind, static_cast<std::size_t>(end - behind)};
  }

  const T* values_;
  std::size_t left_;
  FieldReader in_;
  std::uint32_t number_;
  std::string_view packed_{};  ///< what is left of a packed field
  T current_{};
};

}  // namespace geminga::wire::pulsar

#include <array>

#include <geminga/error.hpp>

namespace geminga {
namespace {

constexpr auto kErrors = std::to_array<ErrorInfo>({
#define GEMINGA_ERROR(name, number, retryable, http, pulsar, kafka, meaning) \
  {ErrorCode::name, #name, retryable, http, pulsar, kafka, meaning},
#include <geminga/error_codes.def>
#undef GEMINGA_ERROR
});

}  // namespace

const ErrorInfo& error_info(ErrorCode code) noexcept {
  for (const ErrorInfo& info : kErrors) {
    if (info.code == code) return info;
  }
  return kErrors.front();
}

}  // namespace geminga

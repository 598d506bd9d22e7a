#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "base/uuid.hpp"
#include "conformance/bus_under_test.hpp"
#include "engines/embedded/embedded.hpp"

namespace geminga::conformance {

namespace {

class EmbeddedUnderTest final : public BusUnderTest {
 public:
  ~EmbeddedUnderTest() override { std::filesystem::remove_all(directory_); }
  Bus open() override {
    if (std::getenv("GEMINGA_TEST_UNLOAD") == nullptr)
      return Bus::open("embedded:" + directory_.string()).value();
    return engines::embedded::open({.directory = directory_,
                                    .trim_every = std::chrono::milliseconds(1),
                                    .unload_after = std::chrono::milliseconds(0)})
        .value()
        .bus;
  }

 private:
  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("geminga-conformance-" + base::random_uuid());
};

}  // namespace

std::unique_ptr<BusUnderTest> BusUnderTest::make() {
  return std::make_unique<EmbeddedUnderTest>();
}

}  // namespace geminga::conformance

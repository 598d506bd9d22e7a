#include <filesystem>

#include "base/uuid.hpp"
#include "conformance/bus_under_test.hpp"

namespace geminga::conformance {

namespace {

class EmbeddedUnderTest final : public BusUnderTest {
 public:
  ~EmbeddedUnderTest() override { std::filesystem::remove_all(directory_); }
  Bus open() override { return Bus::open("embedded:" + directory_.string()).value(); }

 private:
  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("geminga-conformance-" + base::random_uuid());
};

}  // namespace

std::unique_ptr<BusUnderTest> BusUnderTest::make() {
  return std::make_unique<EmbeddedUnderTest>();
}

}  // namespace geminga::conformance

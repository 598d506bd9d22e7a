#include "base/secret_file.hpp"

#include <fstream>

#include <gtest/gtest.h>

namespace geminga::base {
namespace {

class SecretFile : public testing::Test {
 protected:
  void SetUp() override { file_ = std::filesystem::path(testing::TempDir()) / "geminga_secret_file_test"; }
  void TearDown() override { std::filesystem::remove(file_); }
  void write(std::string_view content) { std::ofstream(file_, std::ios::binary) << content; }

  std::filesystem::path file_;
};

TEST_F(SecretFile, ItsBytesAreTakenAsTheyAre) {
  const std::string bytes("\r\n\0key \n", 8);
  write(bytes);
  EXPECT_EQ(read_secret_file(file_).value(), bytes);
}

TEST_F(SecretFile, OfTextTheFirstLineCountsWithoutItsEnd) {
  for (const char* content :
       {"secret", "secret\n", "secret\r\n", "  secret \r\nsecond\r\n", "\tsecret\n\n"}) {
    write(content);
    EXPECT_EQ(read_secret_line(file_).value(), "secret") << content;
  }
}

TEST_F(SecretFile, WhatIsNoSecretIsRefusedByItsName) {
  EXPECT_EQ(read_secret_file(file_).error().code, ErrorCode::config_error);
  EXPECT_NE(read_secret_file(file_).error().message.find(file_.string()), std::string::npos);
  EXPECT_FALSE(read_secret_file(testing::TempDir()));
  EXPECT_FALSE(read_secret_file("/dev/zero"));
  EXPECT_FALSE(read_secret_file("/dev/null"));
  EXPECT_FALSE(read_secret_file(""));
  write("\r\nsecret\n");
  const auto second_line = read_secret_line(file_);
  ASSERT_FALSE(second_line);
  EXPECT_EQ(second_line.error().message.find("secret\n"), std::string::npos);
}

TEST_F(SecretFile, SaysWhereEveryoneMayReadIt) {
  write("secret");
  using std::filesystem::perms;
  for (const bool everyone : {false, true}) {
    std::filesystem::permissions(
        file_, perms::owner_read | perms::owner_write | (everyone ? perms::others_read : perms::none));
    EXPECT_EQ(exposure_of(file_).find("chmod o-r") != std::string::npos, everyone);
  }
  EXPECT_EQ(exposure_of("/no/such/file"), "");
}

}  // namespace
}  // namespace geminga::base

#include "net/public_address.hpp"

#include <arpa/inet.h>
#include <string>
#include <sys/un.h>

#include <gtest/gtest.h>

namespace geminga::net {
namespace {

bool is_public(const std::string& text) {
  sockaddr_in v4{.sin_family = AF_INET};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1)
    return is_public_address(reinterpret_cast<const sockaddr&>(v4));
  sockaddr_in6 v6{.sin6_family = AF_INET6};
  EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return is_public_address(reinterpret_cast<const sockaddr&>(v6));
}

TEST(PublicAddress, OnlyWhatAnybodyCanReach) {
  for (const char* text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.0",
        "192.0.1.1", "223.255.255.255", "2606:4700::1", "64:ff9b::101:101", "2002:101:101::1"})
    EXPECT_TRUE(is_public(text)) << text;
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.2.1",
                           "192.168.1.1",
                           "198.18.0.1",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:1.1.1.1",
                           "::ffff:127.0.0.1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "64:ff9b::a00:1",
                           "64:ff9b:1::101:101",
                           "2002:a00:1::1",
                           "2001:db8::1",
                           "2001::1"})
    EXPECT_FALSE(is_public(text)) << text;
  const sockaddr_un unix_socket{.sun_family = AF_UNIX};
  EXPECT_FALSE(is_public_address(reinterpret_cast<const sockaddr&>(unix_socket)));
}

TEST(PublicAddress, WhomTheHostOfAUrlReaches) {
  for (const char* host : {"localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1", "127.8.9.1",
                           "[::1]", "[::ffff:127.0.0.1]"})
    EXPECT_EQ(kind_of_host(host), AddressKind::this_machine) << host;
  for (const char* host : {"10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fc00::1]", "[fd12::1]"})
    EXPECT_EQ(kind_of_host(host), AddressKind::private_network) << host;
  for (const char* host : {"169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::]", "[no]"})
    EXPECT_EQ(kind_of_host(host), AddressKind::special) << host;
  for (const char* host : {"example.com", "127.0.0.1.example.com", "127.example.com", "notlocalhost",
                           "1.1.1.1", "[2606:4700::1]", ""})
    EXPECT_EQ(kind_of_host(host), AddressKind::everybody) << host;
}

}  // namespace
}  // namespace geminga::net

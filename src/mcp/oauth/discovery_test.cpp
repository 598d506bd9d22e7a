#include "mcp/oauth/discovery.hpp"

#include <map>

#include <gtest/gtest.h>

#include "net/http_client.hpp"

namespace geminga::mcp::oauth {
namespace {

using net::AddressKind;

net::ClientRequest kept(const std::string& server, const std::string& url, bool private_network = false) {
  net::ClientRequest request{.url = url};
  keep_in_reach(request, server, private_network);
  return request;
}

TEST(OAuthReach, WhatAServerNamesIsAskedWhereAnybodyIsOrWhereItIsItself) {
  const std::string elsewhere = "https://as.example.com/token";
  for (const auto& [server, kind] :
       std::map<std::string, AddressKind>{{"https://mcp.example.com/mcp", AddressKind::everybody},
                                          {"http://localhost:3000/mcp", AddressKind::this_machine},
                                          {"http://127.0.0.1:3000/mcp", AddressKind::this_machine},
                                          {"https://10.1.2.3/mcp", AddressKind::private_network},
                                          {"https://[fd00::1]/mcp", AddressKind::private_network},
                                          {"https://169.254.169.254/mcp", AddressKind::everybody}}) {
    const auto request = kept(server, elsewhere);
    EXPECT_TRUE(request.public_only) << server;
    EXPECT_EQ(request.or_kind, kind) << server;
  }
  EXPECT_FALSE(kept("https://10.1.2.3/mcp", "https://10.1.2.3/token").public_only) << "its own origin";
  EXPECT_FALSE(kept("https://mcp.example.com/mcp", elsewhere, true).public_only);
}

}  // namespace
}  // namespace geminga::mcp::oauth

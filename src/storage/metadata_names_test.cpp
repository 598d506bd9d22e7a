#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/metadata.hpp"
#include "storage/testing.hpp"

namespace geminga::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MetadataNamesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    ASSERT_TRUE(done([&](auto done) { store_->create_tenant("shop", std::move(done)); }));
    ASSERT_TRUE(done([&](auto done) { store_->create_namespace("shop/orders", std::move(done)); }));
  }
  void open() {
    store_.reset();
    store_ = MetadataStore::open(directory_.path() / "metadata.sqlite", testing::kUuid, true).value();
  }
  template <class Call>
  static Result<> done(Call call) {
    return MetadataStore::wait<void>(call);
  }
  Result<> remove_tenant() {
    return done([&](auto done) { store_->delete_tenant("shop", std::move(done)); });
  }
  Result<> remove_namespace() {
    return done([&](auto done) { store_->delete_namespace("shop/orders", std::move(done)); });
  }
  Result<> grant(GrantChange change) {
    return done([&](auto done) { store_->change_grants(std::move(change), std::move(done)); });
  }
  TopicRow topic() {
    return MetadataStore::wait<TopicRow>(
               [&](auto done) { store_->create_topic("persistent://shop/orders/t", std::move(done)); })
        .value();
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<MetadataStore> store_;
};

TEST_F(MetadataNamesTest, WhatIsInUseIsNotDeleted) {
  EXPECT_EQ(remove_tenant().error().code, ErrorCode::conflict);
  const TopicId id = topic().id;
  EXPECT_EQ(remove_namespace().error().code, ErrorCode::conflict);
  ASSERT_TRUE(done([&](auto done) { store_->tombstone_topic(id, std::move(done)); }));
  EXPECT_TRUE(remove_namespace()) << "though the tombstone refers to it";
  EXPECT_TRUE(remove_tenant());
  EXPECT_EQ(remove_namespace().error().code, ErrorCode::not_found);
  EXPECT_EQ(remove_tenant().error().code, ErrorCode::not_found);
}

TEST_F(MetadataNamesTest, WhatWasDeletedIsNotThereAndMayComeBackEmpty) {
  ASSERT_TRUE(done([&](auto done) {
    store_->set_namespace_policies("shop/orders", {{"max_producers", 3}}, std::move(done));
  }));
  ASSERT_TRUE(grant({.scope = "shop/orders", .actions = {{"clerk", "produce"}}}));
  ASSERT_TRUE(grant({.scope = "shop", .actions = {{"boss", "admin"}}}));
  ASSERT_TRUE(remove_namespace());
  ASSERT_TRUE(remove_tenant());
  open();
  EXPECT_THAT(store_->tenants().value(), IsEmpty());
  EXPECT_THAT(store_->namespaces().value(), IsEmpty());
  EXPECT_EQ(done([&](auto done) { store_->create_namespace("shop/orders", std::move(done)); }).error().code,
            ErrorCode::not_found);
  EXPECT_EQ(done([&](auto done) {
              store_->create_topic("persistent://shop/orders/t",
                                   [done = std::move(done)](Result<TopicRow> row) mutable {
                                     done(row ? Result<>{} : Result<>(std::unexpected(row.error())));
                                   });
            })
                .error()
                .code,
            ErrorCode::not_found);
  ASSERT_TRUE(done([&](auto done) { store_->create_tenant("shop", std::move(done)); }));
  ASSERT_TRUE(done([&](auto done) { store_->create_namespace("shop/orders", std::move(done)); }));
  EXPECT_THAT(store_->namespaces().value(), ElementsAre("shop/orders"));
  EXPECT_THAT(store_->policies().value(), IsEmpty());
  EXPECT_THAT(store_->grants().value(), IsEmpty());
}

TEST_F(MetadataNamesTest, GrantsAreKeptByScopeAndRole) {
  topic();
  ASSERT_TRUE(grant({.scope = "shop/orders", .actions = {{"a", "produce"}, {"b", "consume"}}}));
  ASSERT_TRUE(grant({.scope = "shop/orders", .actions = {{"a", ""}, {"c", "produce,consume"}}}));
  ASSERT_TRUE(grant({.scope = "persistent://shop/orders/t", .actions = {{"a", "consume"}}}));
  ASSERT_TRUE(grant({.scope = "shop", .actions = {{"old", "admin"}}}));
  ASSERT_TRUE(grant({.scope = "shop", .actions = {{"new", "admin"}}, .replaces_all = true}));
  open();
  EXPECT_THAT(
      store_->grants().value(),
      ElementsAre(GrantRow{"persistent://shop/orders/t", "a", "consume"}, GrantRow{"shop", "new", "admin"},
                  GrantRow{"shop/orders", "b", "consume"}, GrantRow{"shop/orders", "c", "produce,consume"}));
  for (const char* nowhere : {"nobody", "shop/none", "persistent://shop/orders/none"})
    EXPECT_EQ(grant({.scope = nowhere, .actions = {{"a", "produce"}}}).error().code, ErrorCode::not_found);
}

TEST_F(MetadataNamesTest, ATopicTakesItsGrantsWithIt) {
  const TopicId id = topic().id;
  ASSERT_TRUE(grant({.scope = "persistent://shop/orders/t", .actions = {{"a", "consume"}}}));
  ASSERT_TRUE(done([&](auto done) { store_->tombstone_topic(id, std::move(done)); }));
  EXPECT_THAT(store_->grants().value(), IsEmpty());
}

}  // namespace
}  // namespace geminga::storage

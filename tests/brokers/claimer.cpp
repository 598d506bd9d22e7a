// A process of its own that claims what others claim at the same time: claimer URL OWNER COUNT. It says by a
// claim of its own that it is there, waits for the decision "go", and prints the numbers of those it was
// given.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "orchestrator/testing/store.hpp"

using namespace geminga;
using namespace geminga::orchestrator;
using geminga::orchestrator::testing::await;

namespace {

TakeResult take(JobStore& store, const std::string& owner, const std::string& request) {
  TakeClaim claim;
  claim.request_id = request;
  claim.owner = owner;
  claim.lease = std::chrono::minutes{10};
  return await<TakenClaim>([&](auto done) { store.take_claim(claim, std::move(done)); }).value().result;
}

bool may_go(JobStore& store) {
  const auto found =
      await<std::vector<StoredDecision>>([&](auto done) { store.find_decisions({"go"}, std::move(done)); });
  return !found.value().empty();
}

/// Each owner has an order of its own: in the same one whoever is ahead would get all.
std::vector<int> numbers_in_the_order_of(const std::string& owner, int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::ranges::shuffle(numbers, std::mt19937(std::hash<std::string>{}(owner)));
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto store = open_postgresql_job_store({.url = argv[1]});
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 1;
  }
  const std::string owner = argv[2];
  take(**store, owner, "ready-" + owner);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (!may_go(**store))
    if (std::chrono::steady_clock::now() > deadline) return 1;
  for (const int number : numbers_in_the_order_of(owner, std::stoi(argv[3])))
    if (take(**store, owner, std::to_string(number)) == TakeResult::taken) std::printf("%d\n", number);
  return 0;
}

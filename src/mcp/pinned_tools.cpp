#include "mcp/pinned_tools.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"

namespace geminga::mcp {

PinnedTools::PinnedTools(const std::string& server, std::string wanted_hash, ToolPins pins,
                         WriteLater write_later)
    : server_(server),
      wanted_hash_(std::move(wanted_hash)),
      pins_(std::move(pins)),
      write_later_(std::move(write_later)),
      pinned_(pins_.load(server)) {
  if (pinned_ && !wanted_hash_.empty()) pinned_hash_ = hash_of(*pinned_);
}

PinnedTools::Verdict PinnedTools::take(std::vector<Tool> tools) {
  Verdict verdict;
  std::string hash = hash_of(tools);
  if (hash != hash_) {
    hash_ = std::move(hash);
    verdict.remarks = note_change(tools);
  }
  verdict.usable = std::move(tools);
  if (accepted()) return verdict;
  const bool known = pinned_ && pinned_hash_ == wanted_hash_;
  std::erase_if(verdict.usable, [&](const Tool& tool) {
    return !known || std::ranges::find(*pinned_, tool) == pinned_->end();
  });
  return verdict;
}

std::vector<std::string> PinnedTools::note_change(const std::vector<Tool>& tools) {
  std::vector<std::string> remarks;
  auto lines = differences(pinned_.value_or(std::vector<Tool>()), tools);
  const bool is_first = !pinned_.has_value();
  if (accepted() && (is_first || !lines.empty())) {
    write_later_([pins = pins_, tools, hash = hash_] {
      if (auto saved = pins.save(tools, hash); !saved) log::warn("mcp", "{}", saved.error().message);
    });
    pinned_ = tools;
    pinned_hash_ = hash_;
    if (is_first) lines.clear();  // the first list is no change
  }
  if (!lines.empty())
    remarks.push_back(fmt::format("the tools of server '{}' are not what they were ({}): {}", server_, hash_,
                                  fmt::join(lines, "; ")));
  if (!accepted())
    remarks.push_back(
        fmt::format("server '{}' may be called as far as its tools are those of tools_hash = \"{}\"", server_,
                    wanted_hash_));
  // With a hash what counts is the list that somebody has accepted, without one the list before.
  changes_ = accepted() && !wanted_hash_.empty() ? std::vector<std::string>() : std::move(lines);
  return remarks;
}

}  // namespace geminga::mcp

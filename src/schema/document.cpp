#include "schema/document.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <re2/re2.h>

#include "base/percent.hpp"

namespace geminga::schema {
namespace {

using nlohmann::json;

constexpr std::size_t kPatternMax = 4'096;
constexpr std::size_t kTextWeight = 64;      // so many bytes of a text weigh as much as one value
constexpr std::size_t kInstructionStep = 8;  // so many instructions of a compiled pattern cost one step

// RE2 writes \u00e9 as \x{00e9}.
std::string to_re2(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escape = pattern[i] == '\\' && i + 1 < pattern.size();
    if (escape && pattern[i + 1] == 'u' && i + 5 < pattern.size() && pattern[i + 2] != '{') {
      out += fmt::format("\\x{{{}}}", pattern.substr(i + 2, 4));
      i += 5;
    } else {
      out += pattern[i];
      if (escape) out += pattern[++i];
    }
  }
  return out;
}

using Anchors = std::map<std::string, const json*, std::less<>>;

void collect_anchors(const json& node, Anchors& anchors) {
  if (!node.is_structured()) return;
  if (node.is_object())
    for (const char* keyword : {"$anchor", "$dynamicAnchor"})
      if (const auto name = node.find(keyword); name != node.end() && name->is_string())
        anchors.emplace(name->get<std::string>(), &node);
  for (const json& below : node) collect_anchors(below, anchors);
}

}  // namespace

std::size_t weight(const json& value) {
  if (value.is_string()) return 1 + value.get_ref<const std::string&>().size() / kTextWeight;
  std::size_t sum = 1;
  if (value.is_structured())
    for (const json& below : value) sum += weight(below);
  return sum;
}

Document::Document(const json& root, std::size_t steps, Formats formats)
    : root_(root), steps_(steps), formats_(formats) {}
Document::~Document() = default;

const json* Document::find(std::string_view reference) {
  if (root_.is_object())
    if (const auto id = root_.find("$id"); id != root_.end() && id->is_string())
      if (const auto& text = id->get_ref<const std::string&>(); reference.starts_with(text))
        reference.remove_prefix(text.size());
  if (reference.empty() || reference == "#") return &root_;
  if (!reference.starts_with('#')) return nullptr;
  const auto fragment = base::percent_decode(reference.substr(1));
  if (!fragment) return nullptr;
  if (!fragment->starts_with('/')) {
    if (!anchors_) collect_anchors(root_, anchors_.emplace());
    const auto found = anchors_->find(*fragment);
    return found == anchors_->end() ? nullptr : found->second;
  }
  try {
    const json::json_pointer pointer(*fragment);
    return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
  } catch (const json::exception&) {
    return nullptr;
  }
}

const re2::RE2* Document::pattern(const std::string& text) {
  if (text.size() > kPatternMax) return nullptr;
  const auto [found, is_new] = patterns_.try_emplace(text);
  if (is_new && spend(1 + text.size())) {
    auto compiled = std::make_unique<re2::RE2>(to_re2(text), re2::RE2::Quiet);
    if (compiled->ok() && spend(static_cast<std::size_t>(compiled->ProgramSize()) / kInstructionStep))
      found->second = std::move(compiled);
  }
  return found->second.get();
}

bool Document::spend(std::size_t steps) {
  steps_ -= std::min(steps, steps_);
  return steps_ > 0;
}

}  // namespace geminga::schema

#include "orchestrator/services/matcher_service.hpp"

#include "base/log.hpp"
#include "base/try.hpp"

namespace geminga::orchestrator {
namespace {

/// How often the use counts of tools are taken into the matcher.
constexpr std::chrono::seconds kUsageInterval{30};
/// Before a decision that the store would not take is given to it again; well within the fallback's window.
constexpr std::chrono::milliseconds kNoteAgain{500};

std::vector<ToolView> views_of(const mcp::Catalogue& catalogue, const UsageCounts& usage) {
  std::vector<ToolView> views;
  views.reserve(catalogue.tools.size());
  for (const auto& tool : catalogue.tools)
    views.push_back({.server = tool.server,
                     .tool = tool.name,
                     .description = tool.description,
                     .input_schema = tool.input_schema,
                     .title = tool.title,
                     .uses = usage.of(tool.server, tool.name)});
  return views;
}

std::string signal_of(const Core& core, const UserRequest& request, const Decision& decision) {
  ToolSignal signal;
  signal.request_id = request.request_id;
  signal.tool_id = decision.tool;
  signal.server_id = decision.server;
  signal.params = decision.params;
  signal.confidence = decision.confidence;
  signal.max_attempts = core.options.settings.max_attempts;
  signal.timestamp = core.now();
  return to_json(signal);
}

}  // namespace

MatcherService::MatcherService(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      intake_(std::make_shared<Intakes>(core_, "matcher", TopicRole::user_requests, kMatcherSubscription)),
      matched_(core_->metrics.counter("geminga_orchestrator_decisions_total", "Decisions of the matcher",
                                      {{"decision", "matched"}})),
      unmatched_(core_->metrics.counter("geminga_orchestrator_decisions_total", "Decisions of the matcher",
                                        {{"decision", "no_match"}})) {}

Result<> MatcherService::load() {
  const auto& file = core_->options.rules_path;
  if (file.empty()) {
    rule_set_ = RuleSet::defaults();
  } else {
    GEMINGA_TRY(rule_set_, RuleSet::load(file));
  }
  status_.file = file.string();
  rebuild();
  return {};
}

Result<> MatcherService::watch() {
  listener_ = core_->registry.listen([weak = weak_from_this()](const mcp::CataloguePtr&) {
    if (const auto self = weak.lock())
      self->core_->loop.post([weak] {
        if (const auto still = weak.lock()) still->rebuild();
      });
  });
  rebuild();
  usage_ = std::make_unique<Repeat>(core_->loop, kUsageInterval, [this] {
    if (core_->usage.total() != usage_seen_) rebuild();
  });
  noting_ = std::make_unique<Repeat>(core_->loop, kNoteAgain, [this] {
    std::vector<StoredDecision> again;
    {
      const std::lock_guard lock(mutex_);
      again.swap(not_noted_);
    }
    for (const auto& decision : again) note(decision);
  });
  if (core_->options.rules_path.empty()) return {};
  GEMINGA_TRY(watcher_, base::FileWatcher::open(core_->loop));
  return watcher_->watch(core_->options.rules_path, [this] { reload_rules(); });
}

void MatcherService::unwatch() {
  watcher_.reset();
  usage_.reset();
  noting_.reset();
  if (listener_ != 0) core_->registry.unlisten(listener_);
  listener_ = 0;
}

void MatcherService::reload_rules() {
  auto loaded = RuleSet::load(core_->options.rules_path);
  {
    const std::lock_guard lock(mutex_);
    status_.error = loaded ? std::string{} : loaded.error().message;
    if (loaded) {
      rule_set_ = *std::move(loaded);
      ++status_.reloads;
    }
  }
  if (const auto now = rules(); !now.error.empty())
    log::error("orchestrator", "rules not reloaded, the old ones stay: {}", now.error);
  else
    log::info("orchestrator", "rules reloaded from {}", now.file);
  rebuild();
}

void MatcherService::rebuild() {
  const auto catalogue = core_->registry.catalogue();
  usage_seen_ = core_->usage.total();
  RuleSet rules;
  {
    const std::lock_guard lock(mutex_);
    rules = rule_set_;
  }
  auto built = std::make_shared<const Matcher>(
      std::move(rules), views_of(*catalogue, core_->usage),
      MatcherOptions{.threshold = core_->options.settings.confidence_threshold,
                     .embedder = core_->options.embedder});
  const std::lock_guard lock(mutex_);
  matcher_ = std::move(built);
  status_.rules = matcher_->rule_count();
  status_.tools = matcher_->tool_count();
}

MatcherPtr MatcherService::matcher() const {
  const std::lock_guard lock(mutex_);
  return matcher_;
}

RulesStatus MatcherService::rules() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Result<> MatcherService::consume() {
  return intake_->open([weak = weak_from_this()](const Item& item) {
    if (const auto self = weak.lock()) self->work(item);
  });
}

void MatcherService::work(const Item& item) {
  const auto began = hop_now();
  auto request = core_->read_request(item.message());
  if (!request) return item.dead_letter(request.error().message);
  const auto decision = matcher()->match(request->normalized_query);
  StoredDecision stored;
  stored.request_id = request->request_id;
  stored.matched = decision.matched;
  stored.detail_json = to_json(decision);
  if (decision.matched) stored.signal_json = signal_of(*core_, *request, decision);
  Decided decided{.item = item,
                  .request_id = request->request_id,
                  .began = began,
                  .signal_json = stored.signal_json,
                  .server = decision.server,
                  .tool = decision.tool};
  if (decision.matched && core_->forwards_atomically) {
    note(stored);
    return publish(decided, stored);
  }
  core_->store->record_decision(std::move(stored), [self = shared_from_this(), decided = std::move(decided)](
                                                       const Result<StoredDecision>& stands) {
    if (!stands) return decided.item.hand_back(stands.error());
    self->publish(decided, *stands);
  });
}

void MatcherService::note(const StoredDecision& decision) {
  core_->store->note_decision(
      decision, [weak = weak_from_this(), decision](const Result<StoredDecision>& noted) mutable {
        if (noted || noted.error().code == ErrorCode::closed) return;
        const auto self = weak.lock();
        if (!self) return;
        const std::lock_guard lock(self->mutex_);
        self->not_noted_.push_back(std::move(decision));
      });
}

void MatcherService::publish(const Decided& decided, const StoredDecision& stands) {
  auto envelope = decided.item.envelope();
  envelope.request_id = decided.request_id;
  envelope.store_id = core_->store->id();
  (stands.matched ? matched_ : unmatched_).add();
  Execution hop;
  hop.request_id = decided.request_id;
  hop.step = "matcher";
  hop.started_at = decided.began;
  hop.ended_at = hop_now();
  hop.outcome = stands.matched ? Outcome::ok : Outcome::no_match;
  std::vector<TopicMessage> messages;
  if (stands.matched) {
    messages.push_back(core_->message(TopicRole::tool_signals, envelope, "TOOL_READY", stands.signal_json));
    if (stands.signal_json == decided.signal_json) {
      hop.server_id = decided.server;
      hop.tool_id = decided.tool;
    } else if (const auto signal = parse_tool_signal(stands.signal_json)) {
      hop.server_id = signal->server_id;
      hop.tool_id = signal->tool_id;
    }
  }
  messages.push_back(core_->record(envelope, hop));
  decided.item.forward(std::move(messages));
}

}  // namespace geminga::orchestrator

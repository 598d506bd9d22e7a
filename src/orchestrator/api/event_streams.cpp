#include "orchestrator/api/event_streams.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::seconds kKeepAlive{15};
constexpr std::chrono::milliseconds kLook{1'000};

}  // namespace

std::string job_event_json(const JobEvent& event) {
  nlohmann::ordered_json out{{"jobId", event.job_id},
                             {"requestId", event.request_id},
                             {"event", event.event},
                             {"generation", event.generation},
                             {"at", base::to_iso8601(event.at)}};
  if (!event.detail.empty()) out["detail"] = nlohmann::ordered_json::parse(event.detail, nullptr, false);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

EventStreams::EventStreams(std::shared_ptr<Core> core)
    : core_(std::move(core)),
      shared_(!core_->options.database_url.empty() || !core_->options.exclusive_store) {}

void EventStreams::start() {
  core_->loop.run([this] {
    keep_alive_ = std::make_unique<Repeat>(core_->loop, kKeepAlive, [this] { keep_alive(); });
    if (shared_) look_ = std::make_unique<Repeat>(core_->loop, kLook, [this] { look(); });
  });
}

void EventStreams::open(const Job& job, std::int64_t after, net::Responder responder) {
  auto stream = std::make_shared<Stream>(Stream{.job_id = job.id,
                                                .responder = std::move(responder),
                                                .out = {},
                                                .last = after,
                                                .ended = terminal(job.status),
                                                .waiting = {}});
  {
    const std::lock_guard lock(mutex_);
    streams_[job.id].push_back(stream);
  }
  core_->store->job_events(job.id, after,
                           [self = shared_from_this(), stream](const Result<std::vector<JobEvent>>& events) {
                             self->prime(stream, events);
                           });
}

bool EventStreams::write(Stream& stream, const JobEvent& event) {
  if (event.sequence <= stream.last) return true;
  stream.last = event.sequence;
  if (const auto status = parse_job_status(event.event)) stream.ended = terminal(*status);
  return stream.out->send(
      net::format_event(job_event_json(event), event.event, std::to_string(event.sequence)));
}

void EventStreams::forget(const StreamPtr& stream) {
  const auto found = streams_.find(stream->job_id);
  if (found == streams_.end()) return;
  std::erase(found->second, stream);
  if (found->second.empty()) streams_.erase(found);
}

void EventStreams::prime(const StreamPtr& stream, const Result<std::vector<JobEvent>>& events) {
  const std::lock_guard lock(mutex_);
  if (!stream->responder) return;  // stopped
  auto responder = *std::exchange(stream->responder, std::nullopt);
  if (!events) {
    forget(stream);
    return responder.respond(events.error());
  }
  if (events->empty() && stream->waiting.empty() && stream->ended) {
    forget(stream);
    net::HttpResponse nothing_more;
    nothing_more.status = 204;
    return responder.respond(std::move(nothing_more));
  }
  net::HttpResponse head;
  head.headers.add("Cache-Control", "no-store");
  stream->out = responder.start_stream(std::move(head));
  bool open = true;
  for (const auto& event : *events) open = open && write(*stream, event);
  for (const auto& event : std::exchange(stream->waiting, {})) open = open && write(*stream, event);
  // An end in the middle of the history is that of a generation; what follows the last one is no transition.
  if (open && !stream->ended) return;
  stream->out->close();
  forget(stream);
}

void EventStreams::deliver(const JobEvent& event) {
  const auto found = streams_.find(event.job_id);
  if (found == streams_.end()) return;
  std::erase_if(found->second, [&](const StreamPtr& stream) {
    if (!stream->out) {
      stream->waiting.push_back(event);
      return false;
    }
    if (write(*stream, event) && !stream->ended) return false;
    stream->out->close();
    return true;
  });
  if (found->second.empty()) streams_.erase(found);
}

void EventStreams::seen(const JobEvent& event) {
  if (shared_) return;
  const std::lock_guard lock(mutex_);
  deliver(event);
}

void EventStreams::look() {
  std::vector<std::pair<std::string, std::int64_t>> wanted;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [job_id, streams] : streams_) {
      auto last = std::numeric_limits<std::int64_t>::max();
      for (const auto& stream : streams)
        if (stream->out) last = std::min(last, stream->last);
      wanted.emplace_back(job_id, last);
    }
  }
  for (const auto& [job_id, last] : wanted)
    core_->store->job_events(job_id, last,
                             [self = shared_from_this()](const Result<std::vector<JobEvent>>& events) {
                               if (!events) return;  // it looks again
                               const std::lock_guard lock(self->mutex_);
                               for (const auto& event : *events) self->deliver(event);
                             });
}

void EventStreams::keep_alive() {
  const std::lock_guard lock(mutex_);
  for (auto at = streams_.begin(); at != streams_.end();) {
    std::erase_if(at->second, [](const StreamPtr& stream) {
      return stream->out && !stream->out->send(": still here\n\n");
    });
    at = at->second.empty() ? streams_.erase(at) : std::next(at);
  }
}

void EventStreams::stop() {
  core_->loop.run([this] {
    keep_alive_.reset();
    look_.reset();
  });
  const std::lock_guard lock(mutex_);
  for (auto& [job_id, streams] : streams_)
    for (auto& stream : streams) {
      if (stream->out) stream->out->close();
      if (stream->responder)
        stream->responder->respond(
            Error{ErrorCode::unavailable, "the orchestrator is stopping; ask again soon"});
      stream->responder.reset();
    }
  streams_.clear();
}

}  // namespace geminga::orchestrator

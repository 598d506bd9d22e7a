#include "orchestrator/api/event_streams.hpp"

#include <nlohmann/json.hpp>

namespace geminga::orchestrator {
namespace {

constexpr std::chrono::seconds kKeepAlive{15};

bool ends_job(const JobEvent& event) {
  const auto status = parse_job_status(event.event);
  return status && terminal(*status);
}

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

void EventStreams::start() {
  core_->store->listen([weak = weak_from_this()](const JobEvent& event) {
    if (const auto self = weak.lock()) self->seen(event);
  });
  core_->loop.run(
      [this] { keep_alive_ = std::make_unique<Repeat>(core_->loop, kKeepAlive, [this] { keep_alive(); }); });
}

void EventStreams::open(const Job& job, std::int64_t after, net::Responder responder) {
  net::HttpResponse head;
  head.headers.add("Cache-Control", "no-store");
  auto stream = std::make_shared<Stream>(
      Stream{.job_id = job.id, .out = responder.start_stream(std::move(head)), .last = after, .waiting = {}});
  {
    const std::lock_guard lock(mutex_);
    streams_[job.id].push_back(stream);
  }
  core_->store->job_events(
      job.id, after,
      [self = shared_from_this(), stream, status = job.status](const Result<std::vector<JobEvent>>& events) {
        self->prime(stream, events, status);
      });
}

bool EventStreams::write(Stream& stream, const JobEvent& event) {
  if (event.sequence <= stream.last) return true;
  stream.last = event.sequence;
  return stream.out.send(
      net::format_event(job_event_json(event), event.event, std::to_string(event.sequence)));
}

bool EventStreams::send(Stream& stream, const JobEvent& event) {
  if (write(stream, event) && !ends_job(event)) return true;
  stream.out.close();
  return false;
}

void EventStreams::prime(const StreamPtr& stream, const Result<std::vector<JobEvent>>& events,
                         JobStatus status) {
  const std::lock_guard lock(mutex_);
  stream->primed = true;
  bool open = events && !(events->empty() && terminal(status));
  // An end in the middle of the history is that of a generation, not of the story.
  for (std::size_t i = 0; open && i < events->size(); ++i)
    open = i + 1 < events->size() ? write(*stream, (*events)[i]) : send(*stream, (*events)[i]);
  for (std::size_t i = 0; open && i < stream->waiting.size(); ++i) open = send(*stream, stream->waiting[i]);
  stream->waiting.clear();
  if (open) return;
  stream->out.close();
  const auto found = streams_.find(stream->job_id);
  if (found == streams_.end()) return;
  std::erase(found->second, stream);
  if (found->second.empty()) streams_.erase(found);
}

void EventStreams::seen(const JobEvent& event) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(event.job_id);
  if (found == streams_.end()) return;
  std::erase_if(found->second, [&](const StreamPtr& stream) {
    if (stream->primed) return !send(*stream, event);
    stream->waiting.push_back(event);
    return false;
  });
  if (found->second.empty()) streams_.erase(found);
}

void EventStreams::keep_alive() {
  const std::lock_guard lock(mutex_);
  for (auto at = streams_.begin(); at != streams_.end();) {
    std::erase_if(at->second, [](const StreamPtr& stream) {
      return stream->primed && !stream->out.send(": still here\n\n");
    });
    at = at->second.empty() ? streams_.erase(at) : std::next(at);
  }
}

void EventStreams::stop() {
  core_->store->listen({});
  core_->loop.run([this] { keep_alive_.reset(); });
  const std::lock_guard lock(mutex_);
  for (auto& [job_id, streams] : streams_)
    for (auto& stream : streams) stream->out.close();
  streams_.clear();
}

}  // namespace geminga::orchestrator

#pragma once

#include <atomic>
#include <utility>

#include "net/http_server.hpp"

namespace geminga::orchestrator {

/// An answer that several threads may want to give: the first one does, the others do nothing.
class AnswerOnce {
 public:
  explicit AnswerOnce(net::Responder responder) : responder_(std::move(responder)) {}
  void respond(net::HttpResponse response) {
    if (!given_.exchange(true)) responder_.respond(std::move(response));
  }

 private:
  std::atomic<bool> given_ = false;
  net::Responder responder_;
};

}  // namespace geminga::orchestrator

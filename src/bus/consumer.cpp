#include <utility>

#include <geminga/consumer.hpp>

#include "base/log.hpp"
#include "bus/consumer_impl.hpp"

namespace geminga {

namespace {

void close_quietly(const std::shared_ptr<Consumer::Impl>& impl) {
  if (!impl) return;
  if (auto closed = impl->close(); !closed)
    log::warn("bus", "closing the consumer of {}: {}", impl->options().topic, closed.error().message);
}

}  // namespace

Consumer::Consumer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::Consumer(Consumer&&) noexcept = default;

Consumer& Consumer::operator=(Consumer&& other) noexcept {
  if (this == &other) return *this;
  close_quietly(impl_);
  impl_ = std::move(other.impl_);
  return *this;
}

Consumer::~Consumer() {
  close_quietly(impl_);
}

Result<Delivery> Consumer::receive(std::chrono::milliseconds timeout) {
  return impl_->receive(timeout);
}

Result<> Consumer::close() {
  return impl_ ? impl_->close() : Result<>{};
}

Result<> Consumer::seek(SeekTarget target) {
  return impl_->seek(target);
}

Result<> Consumer::unsubscribe() {
  return impl_->unsubscribe();
}

const std::string& Consumer::topic() const {
  return impl_->options().topic;
}

const std::string& Consumer::subscription() const {
  return impl_->options().subscription;
}

}  // namespace geminga

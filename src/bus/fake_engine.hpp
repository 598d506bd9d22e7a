#pragma once

#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bus/engine.hpp"

namespace geminga::bus::testing {

/// An engine in the hands of a test. Fault model: it keeps every Done until the test answers it, as late as
/// it likes or never; it delivers what the test hands to the sink. Nothing is stored.
struct FakeState {
  std::mutex mutex;
  Capabilities capabilities;
  // Under mutex:
  std::vector<Done<MessageId>> sends;
  std::vector<Done<void>> acknowledgements;
  std::vector<Done<std::vector<MessageId>>> forwards;
  std::vector<std::uint64_t> negative;
  std::shared_ptr<EngineSink> sink;

  FakeState() {
    for (std::size_t i = 0; i < kFeatureCount; ++i)
      capabilities.set(static_cast<Feature>(i), Support::native, "fake");
  }
  template <class Look>
  auto locked(Look look) {
    const std::lock_guard lock(mutex);
    return look(*this);
  }
};

class FakeProducer final : public EngineProducer {
 public:
  FakeProducer(std::shared_ptr<FakeState> state, std::shared_ptr<EngineSendSink> sink)
      : state_(std::move(state)), sink_(std::move(sink)) {}
  void send(std::uint64_t tag, OutgoingMessage /*message*/) override {
    state_->locked([&](FakeState& state) {
      state.sends.emplace_back([sink = sink_, tag](Result<MessageId> id) {
        std::vector<SendAnswer> one;
        one.push_back({tag, std::move(id)});
        sink->on_answers(std::move(one));
      });
    });
  }
  void flush() override {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::optional<std::uint64_t> last_sequence_id() const override { return std::nullopt; }
  Result<> close() override { return {}; }

 private:
  std::shared_ptr<FakeState> state_;
  std::shared_ptr<EngineSendSink> sink_;
  std::string name_ = "fake";
};

class FakeConsumer final : public EngineConsumer {
 public:
  explicit FakeConsumer(std::shared_ptr<FakeState> state) : state_(std::move(state)) {}
  void taken(std::uint32_t /*messages*/, std::uint64_t /*bytes*/) override {}
  void acknowledge(std::uint64_t /*tag*/, Done<void> done) override {
    state_->locked([&](FakeState& state) { state.acknowledgements.push_back(std::move(done)); });
  }
  void acknowledge_up_to(std::uint64_t /*tag*/, Done<void> done) override {
    state_->locked([&](FakeState& state) { state.acknowledgements.push_back(std::move(done)); });
  }
  Result<> seek(const SeekTarget& /*target*/) override { return {}; }
  void negative_acknowledge(std::uint64_t tag, std::chrono::milliseconds /*delay*/) override {
    state_->locked([&](FakeState& state) { state.negative.push_back(tag); });
  }
  Result<> stop() override { return {}; }
  void give_back(std::vector<std::uint64_t> /*tags*/) override {}
  Result<> close() override { return {}; }
  Result<> unsubscribe() override { return {}; }

 private:
  std::shared_ptr<FakeState> state_;
};

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(std::shared_ptr<FakeState> state) : state_(std::move(state)) {}
  [[nodiscard]] const Capabilities& capabilities() const override { return state_->capabilities; }
  [[nodiscard]] const std::string& url() const override { return url_; }
  Result<std::unique_ptr<EngineProducer>> create_producer(const ProducerOptions& /*options*/,
                                                          std::shared_ptr<EngineSendSink> sink) override {
    return std::make_unique<FakeProducer>(state_, std::move(sink));
  }
  Result<std::shared_ptr<EngineConsumer>> subscribe(const EngineConsumerOptions& /*options*/,
                                                    std::shared_ptr<EngineSink> sink) override {
    state_->locked([&](FakeState& state) { state.sink = std::move(sink); });
    return std::make_shared<FakeConsumer>(state_);
  }
  Result<std::unique_ptr<EngineReader>> create_reader(const EngineReaderOptions& /*options*/,
                                                      std::shared_ptr<EngineSink> /*sink*/) override {
    return fail(ErrorCode::unsupported_by_engine, "the fake reads nothing");
  }
  void publish(std::vector<TopicMessage> /*messages*/, Done<std::vector<MessageId>> done) override {
    state_->locked([&](FakeState& state) { state.forwards.push_back(std::move(done)); });
  }
  void forward(EngineConsumer& /*consumer*/, std::uint64_t /*tag*/, std::vector<TopicMessage> /*messages*/,
               Done<std::vector<MessageId>> done) override {
    state_->locked([&](FakeState& state) { state.forwards.push_back(std::move(done)); });
  }
  EngineAdmin& admin() override { std::abort(); }
  Result<> close() override { return {}; }

 private:
  std::shared_ptr<FakeState> state_;
  std::string url_ = "fake:";
};

}  // namespace geminga::bus::testing

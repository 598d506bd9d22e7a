#include "base/metrics.hpp"

#include <list>
#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace geminga::base {

void Counter::add(double by) const {
  impl_->Increment(by);
}

double Counter::value() const {
  return impl_->Value();
}

void Gauge::set(double value) const {
  impl_->Set(value);
}

void Gauge::add(double by) const {
  impl_->Increment(by);
}

double Gauge::value() const {
  return impl_->Value();
}

void Histogram::observe(double value) const {
  impl_->Observe(value);
}

const std::vector<double>& latency_buckets() {
  static const std::vector<double> kBuckets = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                               0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5,
                                               5,      10,      20,     30,    60};
  return kBuckets;
}

/// Callbacks that refresh gauges; shared with their handles, which may outlive the Metrics.
struct Refreshers {
  std::mutex mutex;  // held while they run: dropping a handle waits for the end
  std::list<std::function<void()>> list;
};

struct Metrics::Impl {
  prometheus::Registry registry;  // locks by itself
  std::shared_ptr<Refreshers> refreshers = std::make_shared<Refreshers>();
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

// A family is found again by its name; prometheus-cpp merges a second registration of the same kind.
Counter Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return Counter(prometheus::BuildCounter()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry)
                     .Add(labels));
}

Gauge Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return Gauge(prometheus::BuildGauge()
                   .Name(std::string(name))
                   .Help(std::string(help))
                   .Register(impl_->registry)
                   .Add(labels));
}

Histogram Metrics::histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                             const Labels& labels) {
  return Histogram(prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(impl_->registry)
                       .Add(labels, buckets));
}

void Metrics::remove_gauge(std::string_view name, const Labels& labels) {
  auto& family = prometheus::BuildGauge().Name(std::string(name)).Register(impl_->registry);
  family.Remove(&family.Add(labels));
}

std::shared_ptr<void> Metrics::on_collect(std::function<void()> refresh) {
  auto refreshers = impl_->refreshers;
  const std::lock_guard lock(refreshers->mutex);
  const auto position = refreshers->list.insert(refreshers->list.end(), std::move(refresh));
  return {static_cast<void*>(refreshers.get()), [refreshers, position](void*) {
            const std::lock_guard guard(refreshers->mutex);
            refreshers->list.erase(position);
          }};
}

std::string Metrics::exposition() const {
  {
    const std::lock_guard lock(impl_->refreshers->mutex);
    for (const auto& refresh : impl_->refreshers->list) refresh();
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

Metrics& Metrics::process() {
  static auto* const kMetrics = new Metrics;
  return *kMetrics;
}

}  // namespace geminga::base

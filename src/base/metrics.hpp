#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace geminga::base {

/// Label name to value; the set of values of one label must be small.
using Labels = std::map<std::string, std::string>;

/// Only rises. A handle: copy it; any thread; valid as long as its Metrics.
class Counter {
 public:
  explicit Counter(prometheus::Counter& impl) : impl_(&impl) {}
  void add(double by = 1) const;
  [[nodiscard]] double value() const;

 private:
  prometheus::Counter* impl_;
};

/// Goes up and down. A handle as Counter.
class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& impl) : impl_(&impl) {}
  void set(double value) const;
  void add(double by) const;
  [[nodiscard]] double value() const;

 private:
  prometheus::Gauge* impl_;
};

/// Counts observations in buckets. A handle as Counter.
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& impl) : impl_(&impl) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* impl_;
};

/// Upper bounds in seconds for latencies from 100 µs to 60 s.
const std::vector<double>& latency_buckets();

/// What GET /metrics shows. Names follow Pulsar's where Pulsar has the thing (pulsar_...), otherwise they
/// start with geminga_; units last, in seconds and bytes. Any thread. Asking twice for one name and one set
/// of labels gives the same instrument; one name with two kinds, or an illegal name, is a bug and asserts.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram histogram(std::string_view name, std::string_view help, const std::vector<double>& buckets,
                      const Labels& labels = {});
  /// Takes the gauge of these labels away, of a topic that was deleted for example; its handles must be gone.
  void remove_gauge(std::string_view name, const Labels& labels);

  /// `refresh` runs before each exposition and sets gauges that are only read now and then. It stays until
  /// the returned handle is dropped, which waits for a running refresh.
  [[nodiscard]] std::shared_ptr<void> on_collect(std::function<void()> refresh);

  /// Prometheus text format 0.0.4.
  [[nodiscard]] std::string exposition() const;

  /// The one of this process; lives for ever.
  static Metrics& process();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace geminga::base

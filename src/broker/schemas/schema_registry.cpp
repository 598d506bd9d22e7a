#include "broker/schemas/schema_registry.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/partition_name.hpp"
#include "broker/topic.hpp"
#include "broker/volatile_topics.hpp"

namespace geminga::broker {

namespace {

using Rows = std::vector<storage::SchemaRow>;

Schema schema_of(storage::SchemaRow row) {
  return {.definition = {.type = static_cast<SchemaType>(*row.type),
                         .data = std::move(row.definition),
                         .properties = std::move(row.properties)},
          .version = row.version,
          .registered = row.registered};
}

std::unexpected<Error> no_schema(const std::string& topic) {
  return fail(ErrorCode::not_found, fmt::format("{} has no schema, or not in this version", topic));
}

bool is_bytes(const std::optional<SchemaDefinition>& schema) {
  return !schema || schema->type == SchemaType::none;
}

}  // namespace

// --- who connects
// -------------------------------------------------------------------------------------------

void SchemaRegistry::admit_producer(TopicPtr topic, const std::optional<SchemaDefinition>& brought,
                                    Done<std::optional<std::uint64_t>> done) {
  std::optional<BroughtSchema> schema;
  if (!is_bytes(brought)) {
    auto fingerprint = fingerprint_of(*brought);
    if (!fingerprint) return done(std::unexpected(std::move(fingerprint).error()));
    schema = {.type = brought->type, .fingerprint = *std::move(fingerprint)};
  }
  auto entry = std::make_shared<Entry>(Entry{.topic = registered_name(topic->name()),
                                             .live = topic,
                                             .schema = brought.value_or(SchemaDefinition{}),
                                             .fingerprint = schema ? schema->fingerprint : "",
                                             .judge = nullptr,
                                             .answer = std::move(done)});
  topic->core().loop.post([this, entry = std::move(entry), schema = std::move(schema)]() mutable {
    const SchemaPolicy policy = entry->live->limits().schemas();
    if (!schema && !policy.validation_enforced) return entry->answer(std::nullopt);
    entry->judge = [schema = std::move(schema), policy](const KnownSchemas& known) {
      return judge_producer(known, schema, policy);
    };
    enter(std::move(entry));
  });
}

void SchemaRegistry::admit_consumer(TopicPtr topic, const std::optional<SchemaDefinition>& brought,
                                    Done<void> done) {
  if (is_bytes(brought) || brought->type == SchemaType::auto_consume) return done({});
  auto fingerprint = fingerprint_of(*brought);
  if (!fingerprint) return done(std::unexpected(std::move(fingerprint).error()));
  auto finish = [done = std::move(done)](Result<std::optional<std::uint64_t>> version) mutable {
    if (!version) return done(std::unexpected(std::move(version).error()));
    done({});
  };
  auto entry =
      std::make_shared<Entry>(Entry{.topic = registered_name(topic->name()),
                                    .live = topic,
                                    .schema = *brought,
                                    .fingerprint = *std::move(fingerprint),
                                    .judge = nullptr,
                                    .answer = Done<std::optional<std::uint64_t>>(std::move(finish))});
  topic->core().loop.post([this, entry = std::move(entry)]() mutable {
    Topic& to = *entry->live;
    const bool idle = to.first() == to.end() && to.producers().count() == 0 && to.consumer_count() == 0;
    entry->judge = [idle, policy = to.limits().schemas(),
                    brought = BroughtSchema{entry->schema.type, entry->fingerprint}](
                       const KnownSchemas& known) { return judge_consumer(known, brought, policy, idle); };
    enter(std::move(entry));
  });
}

// --- who manages
// --------------------------------------------------------------------------------------------

void SchemaRegistry::add(const std::string& topic, const SchemaDefinition& schema, Done<std::uint64_t> done) {
  if (VolatileTopics::names(topic)) return done(VolatileTopics::keeps_nothing(topic));
  auto fingerprint = fingerprint_of(schema);
  if (!fingerprint) return done(std::unexpected(std::move(fingerprint).error()));
  auto finish = [done = std::move(done)](Result<std::optional<std::uint64_t>> version) mutable {
    if (!version) return done(std::unexpected(std::move(version).error()));
    done(**version);
  };
  auto entry =
      std::make_shared<Entry>(Entry{.topic = registered_name(topic),
                                    .live = nullptr,
                                    .schema = schema,
                                    .fingerprint = *std::move(fingerprint),
                                    .judge = nullptr,
                                    .answer = Done<std::optional<std::uint64_t>>(std::move(finish))});
  policy_of(topic, [this, entry](Result<SchemaPolicy> policy) mutable {
    if (!policy) return entry->answer(std::unexpected(std::move(policy).error()));
    entry->judge = [policy = *policy, brought = BroughtSchema{entry->schema.type, entry->fingerprint}](
                       const KnownSchemas& known) { return judge_new(known, brought, policy); };
    enter(std::move(entry));
  });
}

void SchemaRegistry::check(const std::string& topic, const SchemaDefinition& schema, Done<SchemaCheck> done) {
  auto fingerprint = fingerprint_of(schema);
  if (!fingerprint) return done(std::unexpected(std::move(fingerprint).error()));
  BroughtSchema brought{.type = schema.type, .fingerprint = *std::move(fingerprint)};
  policy_of(topic, [this, name = registered_name(topic), brought = std::move(brought),
                    answer = Answer<SchemaCheck>(std::move(done))](Result<SchemaPolicy> policy) mutable {
    if (!policy) return answer(std::unexpected(std::move(policy).error()));
    context_->metadata->schema_marks(
        name, [name, brought, policy = *policy, answer = std::move(answer)](Result<Rows> rows) mutable {
          if (!rows) return answer(std::unexpected(std::move(rows).error()));
          const auto verdict = judge_new(KnownSchemas(name, *std::move(rows)), brought, policy);
          answer(SchemaCheck{.compatibility = policy.compatibility,
                             .compatible = verdict.has_value(),
                             .why = verdict ? "" : verdict.error().message});
        });
  });
}

void SchemaRegistry::find_version(const std::string& topic, const SchemaDefinition& schema,
                                  Done<std::optional<std::uint64_t>> done) {
  auto fingerprint = fingerprint_of(schema);
  if (!fingerprint) return done(std::unexpected(std::move(fingerprint).error()));
  const std::string name = registered_name(topic);
  context_->metadata->schema_marks(
      name, [name, fingerprint = *std::move(fingerprint), done = std::move(done)](Result<Rows> rows) mutable {
        if (!rows) return done(std::unexpected(std::move(rows).error()));
        done(KnownSchemas(name, *std::move(rows)).version_of(fingerprint));
      });
}

void SchemaRegistry::find(const std::string& topic, std::optional<std::uint64_t> version, Done<Schema> done) {
  const std::string name = registered_name(topic);
  // Two steps, though one could do: how far a deletion goes is known in one place.
  context_->metadata->schema_marks(
      name, [this, name, version, done = std::move(done)](Result<Rows> rows) mutable {
        if (!rows) return done(std::unexpected(std::move(rows).error()));
        const KnownSchemas known(name, *std::move(rows));
        if (known.live.empty()) return done(no_schema(name));
        const std::uint64_t wanted = version.value_or(known.live.back().version);
        if (wanted < known.live.front().version || wanted > known.live.back().version)
          return done(no_schema(name));
        context_->metadata->schemas(name, wanted, [name, done = std::move(done)](Result<Rows> found) mutable {
          if (!found) return done(std::unexpected(std::move(found).error()));
          if (found->empty() || !found->front().type) return done(no_schema(name));  // deleted meanwhile
          done(schema_of(std::move(found->front())));
        });
      });
}

void SchemaRegistry::all(const std::string& topic, Done<std::vector<Schema>> done) {
  context_->metadata->schemas(registered_name(topic), std::nullopt,
                              [done = std::move(done)](Result<Rows> rows) mutable {
                                if (!rows) return done(std::unexpected(std::move(rows).error()));
                                std::vector<Schema> schemas;
                                for (storage::SchemaRow& row : *rows) {
                                  if (row.type) schemas.push_back(schema_of(std::move(row)));
                                }
                                done(std::move(schemas));
                              });
}

void SchemaRegistry::remove(const std::string& topic, storage::SchemaRemoval how,
                            Done<std::optional<std::uint64_t>> done) {
  context_->metadata->remove_schemas(registered_name(topic), how, std::move(done));
}

// --- steps
// --------------------------------------------------------------------------------------------------

void SchemaRegistry::enter(std::shared_ptr<Entry> entry) {
  const std::string& name = entry->topic;
  context_->metadata->schema_marks(name, [this, entry](Result<Rows> rows) {
    if (!rows) return entry->answer(std::unexpected(std::move(rows).error()));
    const auto verdict = entry->judge(KnownSchemas(entry->topic, *std::move(rows)));
    if (!verdict) return entry->answer(std::unexpected(verdict.error()));
    if (!verdict->add) return entry->answer(verdict->version);
    write(entry, *verdict->version);
  });
}

void SchemaRegistry::write(const std::shared_ptr<Entry>& entry, std::uint64_t version) {
  storage::SchemaRow row{.topic = entry->topic,
                         .version = version,
                         .type = static_cast<std::uint32_t>(entry->schema.type),
                         .fingerprint = entry->fingerprint,
                         .registered = context_->now().wall,
                         .definition = entry->schema.data,
                         .properties = entry->schema.properties};
  const auto live = entry->live ? std::optional(entry->live->id()) : std::nullopt;
  context_->metadata->add_schema(std::move(row), live, [this, entry, version](Result<> added) {
    if (added) return entry->answer(std::optional(version));
    if (added.error().code == ErrorCode::conflict) return enter(entry);
    entry->answer(std::unexpected(std::move(added).error()));
  });
}

std::string SchemaRegistry::registered_name(const std::string& topic) const {
  const auto part = base::split_partition_name(topic);
  return part && partitions_.count(part->topic) > 0 ? part->topic : topic;
}

void SchemaRegistry::policy_of(const std::string& topic, Done<SchemaPolicy> done) {
  const std::string name = registered_name(topic);
  const TopicPtr found = topics_.find(partitions_.count(name) > 0 ? base::partition_name(name, 0) : name);
  if (!found) return done(schema_policy(topics_.namespace_policies_for(name)));
  found->core().loop.post([found, answer = Answer<SchemaPolicy>(std::move(done))]() mutable {
    answer(found->limits().schemas());
  });
}

}  // namespace geminga::broker

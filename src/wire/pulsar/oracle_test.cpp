/// Protobuf's own library, given oracle.proto, against our codec: the tables of all messages row by row, and
/// random messages of each kind byte by byte, both ways.
#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "wire/pulsar/codec.hpp"

namespace geminga::wire::pulsar {
namespace {

namespace pb = google::protobuf;
using Random = std::mt19937_64;

class Oracle : private pb::compiler::MultiFileErrorCollector {
 public:
  Oracle() : importer_(&tree_, this) {
    tree_.MapPath("", GEMINGA_PULSAR_ORACLE_DIR);
    file_ = importer_.Import("oracle.proto");
  }

  [[nodiscard]] const pb::Descriptor* find(std::string_view name) const {
    return file_ == nullptr ? nullptr : file_->FindMessageTypeByName(std::string(name));
  }
  std::unique_ptr<pb::Message> make(const pb::Descriptor* kind) {
    return std::unique_ptr<pb::Message>(factory_.GetPrototype(kind)->New());
  }

 private:
  void AddError(const std::string& name, int line, int, const std::string& what) override {
    ADD_FAILURE() << name << ":" << line << ": " << what;
  }

  pb::compiler::DiskSourceTree tree_;
  pb::compiler::Importer importer_;
  pb::DynamicMessageFactory factory_;
  const pb::FileDescriptor* file_ = nullptr;
};

Oracle& oracle() {
  static Oracle one;
  return one;
}

// --- the tables
// ------------------------------------------------------------------------------------------------

template <class T>
bool same_type(const pb::FieldDescriptor& field) {
  using Type = pb::FieldDescriptor;
  if constexpr (std::is_same_v<T, bool>)
    return field.type() == Type::TYPE_BOOL;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return field.type() == Type::TYPE_INT32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return field.type() == Type::TYPE_UINT32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return field.type() == Type::TYPE_INT64;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return field.type() == Type::TYPE_UINT64;
  else if constexpr (std::is_same_v<T, double>)
    return field.type() == Type::TYPE_DOUBLE;
  else if constexpr (std::is_same_v<T, std::string_view>)
    return field.type() == Type::TYPE_STRING || field.type() == Type::TYPE_BYTES;
  else if constexpr (std::is_enum_v<T>)
    return field.type() == Type::TYPE_ENUM &&
           field.enum_type()->value_count() == static_cast<int>(last_of(T{})) + 1;
  else
    return field.type() == Type::TYPE_MESSAGE && field.message_type()->name() == T::kName;
}

template <class T>
bool same_default(const pb::FieldDescriptor& field, const T& value) {
  if constexpr (std::is_same_v<T, bool>)
    return field.default_value_bool() == value;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return field.default_value_int32() == value;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return field.default_value_uint32() == value;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return field.default_value_int64() == value;
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return field.default_value_uint64() == value;
  else if constexpr (std::is_enum_v<T>)
    return field.default_value_enum()->number() == static_cast<int>(value);
  else
    return !field.has_default_value();
}

template <class T>
void expect_row(const pb::FieldDescriptor& field, const T&) {
  EXPECT_TRUE(field.is_required()) << field.full_name();
  EXPECT_TRUE(same_type<T>(field)) << field.full_name();
}
template <class T>
void expect_row(const pb::FieldDescriptor& field, const Optional<T>& absent) {
  EXPECT_TRUE(field.is_optional()) << field.full_name();
  EXPECT_TRUE(same_type<T>(field)) << field.full_name();
  EXPECT_FALSE(absent.present());
  EXPECT_TRUE(same_default(field, *absent)) << field.full_name();
}
template <class T>
void expect_row(const pb::FieldDescriptor& field, const Repeated<T>&) {
  const bool none_or_one = std::is_same_v<T, MessageIdData> && field.is_optional();
  EXPECT_TRUE(field.is_repeated() || none_or_one) << field.full_name();
  EXPECT_TRUE(same_type<T>(field)) << field.full_name();
}

/// "producer_id" of &CommandSend::producer_id; what the compiler calls it ends so.
template <auto Member>
std::string_view name_of() {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("Member = "));
  name = name.substr(0, name.find_first_of(";]"));
  name.remove_prefix(name.rfind("::") + 2);
  return name.substr(0, name.find(')'));
}

/// The names of the members in the rows of a table, in their order: two rows of one type that changed places
/// have the right numbers and types.
template <class Message>
std::vector<std::string_view> row_names() {
  return []<std::size_t... Row>(std::index_sequence<Row...>) {
    return std::vector<std::string_view>{name_of<std::get<Row>(Message::kFields).member>()...};
  }(std::make_index_sequence<std::tuple_size_v<decltype(Message::kFields)>>());
}

template <class Message>
void expect_table() {
  const pb::Descriptor* kind = oracle().find(Message::kName);
  ASSERT_NE(kind, nullptr) << Message::kName;
  EXPECT_EQ(kind->field_count(), std::tuple_size_v<decltype(Message::kFields)>) << Message::kName;
  const Message empty{};
  const auto names = row_names<Message>();
  auto name = names.begin();
  std::uint32_t last = 0;
  const auto expect = [&](const auto& row) {
    EXPECT_GT(row.number, last) << Message::kName;  // the order on the wire
    last = row.number;
    const pb::FieldDescriptor* field = kind->FindFieldByNumber(static_cast<int>(row.number));
    ASSERT_NE(field, nullptr) << Message::kName << " " << row.number;
    EXPECT_EQ(*name++, field->name()) << Message::kName << " " << row.number;
    expect_row(*field, empty.*row.member);
  };
  std::apply([&](const auto&... row) { (expect(row), ...); }, Message::kFields);
}

// --- random messages
// -------------------------------------------------------------------------------------------

std::uint64_t some_number(Random& random) {
  return random() >> (random() % 64);
}

std::string some_text(Random& random) {
  std::string text(random() % 3 == 0 ? random() % 300 : random() % 8, ' ');
  for (char& each : text) each = static_cast<char>(random() % 128);
  return text;
}

void fill(pb::Message& message, Random& random, int depth);

void set(pb::Message& message, const pb::FieldDescriptor& field, Random& random, int depth) {
  const pb::Reflection& reflect = *message.GetReflection();
  const bool many = field.is_repeated();
  const std::uint64_t number = random() % 8 == 0 ? UINT64_MAX : some_number(random);
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32: {
      const auto value = static_cast<std::int32_t>(number);
      return many ? reflect.AddInt32(&message, &field, value) : reflect.SetInt32(&message, &field, value);
    }
    case pb::FieldDescriptor::CPPTYPE_INT64: {
      const auto value = static_cast<std::int64_t>(number);
      return many ? reflect.AddInt64(&message, &field, value) : reflect.SetInt64(&message, &field, value);
    }
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return reflect.SetUInt32(&message, &field, static_cast<std::uint32_t>(number));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return reflect.SetUInt64(&message, &field, number);
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return reflect.SetDouble(&message, &field, static_cast<double>(number) / 3);
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflect.SetBool(&message, &field, random() % 2 == 0);
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return reflect.SetEnumValue(
          &message, &field,
          static_cast<int>(random() % static_cast<unsigned>(field.enum_type()->value_count())));
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return many ? reflect.AddString(&message, &field, some_text(random))
                  : reflect.SetString(&message, &field, some_text(random));
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      return fill(many ? *reflect.AddMessage(&message, &field) : *reflect.MutableMessage(&message, &field),
                  random, depth + 1);
    default:
      FAIL() << field.full_name();
  }
}

void fill(pb::Message& message, Random& random, int depth) {
  const pb::Descriptor& kind = *message.GetDescriptor();
  for (int i = 0; i < kind.field_count(); ++i) {
    const pb::FieldDescriptor& field = *kind.field(i);
    const bool absent = depth > 3 || random() % 2 == 0;
    if (field.is_required() || (field.is_optional() && !absent)) set(message, field, random, depth);
    for (auto left = field.is_repeated() && !absent ? random() % 4 : 0; left > 0; --left)
      set(message, field, random, depth);
  }
}

template <class Message>
void expect_same_bytes(Random& random) {
  const auto theirs = oracle().make(oracle().find(Message::kName));
  fill(*theirs, random, 0);
  const std::string bytes = theirs->SerializeAsString();
  const auto ours = decode<Message>(bytes);
  ASSERT_TRUE(ours.has_value()) << Message::kName << ": " << ours.error().text() << "\n"
                                << theirs->DebugString();
  EXPECT_EQ(encoded_size(*ours), bytes.size()) << Message::kName;
  std::string again;
  append(again, *ours);
  ASSERT_EQ(again, bytes) << Message::kName << "\n" << theirs->DebugString();
}

/// What we take, protobuf takes: nothing damaged goes through. (The reverse does not hold; it takes groups,
/// and puts pieces of a message that is there twice together.)
template <class Message>
void expect_no_more_is_taken(Random& random, int& refused) {
  const auto theirs = oracle().make(oracle().find(Message::kName));
  fill(*theirs, random, 0);
  std::string bytes = theirs->SerializeAsString();
  if (bytes.empty()) return;
  for (auto left = 1 + random() % 3; left > 0; --left)
    bytes[random() % bytes.size()] = static_cast<char>(random());
  if (random() % 4 == 0) bytes.resize(random() % bytes.size());
  if (!decode<Message>(bytes)) {
    ++refused;
    return;
  }
  EXPECT_TRUE(theirs->ParsePartialFromString(bytes)) << Message::kName;
  EXPECT_TRUE(theirs->IsInitialized()) << Message::kName << "\n" << theirs->DebugString();
}

/// Calls `check` for every message there is.
template <class Check>
void for_all_messages(const Check& check) {
#define GEMINGA_PULSAR_COMMAND(number, name, message) check.template operator()<message>();
#include "wire/pulsar/commands.def"
  check.template operator()<MessageMetadata>();
  check.template operator()<SingleMessageMetadata>();
  check.template operator()<BrokerEntryMetadata>();
  check.template operator()<TransactionRequest>();
}

struct Swapped {
  static constexpr std::string_view kName = "Swapped";
  std::uint64_t sequence_id = 0;
  std::uint64_t producer_id = 0;
  static constexpr auto kFields = fields(field(1, &Swapped::sequence_id), field(2, &Swapped::producer_id));
};

TEST(PulsarOracle, ARowHasTheNameOfItsMember) {
  EXPECT_EQ(row_names<Swapped>(), (std::vector<std::string_view>{"sequence_id", "producer_id"}));
  EXPECT_EQ(row_names<CommandPing>(), std::vector<std::string_view>{});
}

TEST(PulsarOracle, TablesAgree) {
  for_all_messages([]<class Message>() { expect_table<Message>(); });
  expect_table<KeyValue>();
  expect_table<KeyLongValue>();
  expect_table<IntRange>();
  expect_table<MessageIdData>();
  expect_table<Schema>();
  expect_table<EncryptionKeys>();
  expect_table<FeatureFlags>();
  expect_table<AuthData>();
  expect_table<KeySharedMeta>();
}

TEST(PulsarOracle, CommandsAgree) {
  const pb::Descriptor* base = oracle().find("BaseCommand");
  ASSERT_NE(base, nullptr);
  int commands = 0;
  for_all_messages([&]<class Message>() {
    if constexpr (Command<Message>) {
      const pb::FieldDescriptor* field = base->FindFieldByNumber(static_cast<int>(kCommandType<Message>));
      ASSERT_NE(field, nullptr) << Message::kName;
      EXPECT_EQ(field->message_type()->name(), Message::kName);
      EXPECT_EQ(field->name(), command_name(kCommandType<Message>));
      ++commands;
    }
  });
  EXPECT_EQ(base->field_count(), 1 + commands);
  const pb::EnumDescriptor* types = base->FindEnumTypeByName("Type");
  for (std::uint64_t number = 0; number < 300; ++number)
    EXPECT_EQ(known_command(number), types->FindValueByNumber(static_cast<int>(number)) != nullptr) << number;
}

TEST(PulsarOracle, RandomMessagesAreTheSameBytes) {
  Random random(20261122);
  for (int round = 0; round < 200; ++round)
    for_all_messages([&]<class Message>() { expect_same_bytes<Message>(random); });
}

TEST(PulsarOracle, DamageGoesThroughNeither) {
  const pb::LogSilencer quiet;  // it logs text that is not UTF-8, and takes it
  Random random(6650);
  int refused = 0;
  for (int round = 0; round < 400; ++round)
    for_all_messages([&]<class Message>() { expect_no_more_is_taken<Message>(random, refused); });
  EXPECT_GT(refused, 1'000);
}

}  // namespace
}  // namespace geminga::wire::pulsar

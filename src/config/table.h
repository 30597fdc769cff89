#pragma once
// Builds a Schema for a settings struct T. Defaults are taken from a T, a fresh one unless another is given, so they
// stand in one place only.
#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/schema.h"

namespace lineside::config {

template <class T>
class Table {
 public:
  explicit Table(std::string title, T defaults = {}) : defaults_(std::move(defaults)) {
    schema_.title = std::move(title);
  }

  Table& flag(std::string key, bool T::* member, std::string description) {
    Field& field = add(std::move(key), Kind::flag, std::move(description));
    field.default_value = defaults_.*member;
    field.set = [member](void* object, const Value& value) { as_t(object).*member = std::get<bool>(value); };
    return *this;
  }

  template <std::integral I>
  Table& integer(std::string key, I T::* member, std::string unit, double min, double max, std::string description) {
    Field& field = add(std::move(key), Kind::integer, std::move(description), std::move(unit), min, max);
    field.default_value = static_cast<std::int64_t>(defaults_.*member);
    field.set = [member](void* object, const Value& value) {
      as_t(object).*member = static_cast<I>(std::get<std::int64_t>(value));
    };
    return *this;
  }

  // A key that ends in _ms, a whole number of milliseconds.
  Table& milliseconds(std::string key, std::chrono::milliseconds T::* member, double min, double max,
                      std::string description) {
    Field& field = add(std::move(key), Kind::integer, std::move(description), "ms", min, max);
    field.default_value = std::int64_t{(defaults_.*member).count()};
    field.set = [member](void* object, const Value& value) {
      as_t(object).*member = std::chrono::milliseconds{std::get<std::int64_t>(value)};
    };
    return *this;
  }

  Table& number(std::string key, double T::* member, std::string unit, double min, double max,
                std::string description) {
    Field& field = add(std::move(key), Kind::number, std::move(description), std::move(unit), min, max);
    field.default_value = defaults_.*member;
    field.set = [member](void* object, const Value& value) { as_t(object).*member = std::get<double>(value); };
    return *this;
  }

  Table& number(std::string key, std::optional<double> T::* member, std::string unit, double min, double max,
                std::string description) {
    Field& field = add(std::move(key), Kind::number, std::move(description), std::move(unit), min, max);
    field.set = [member](void* object, const Value& value) { as_t(object).*member = std::get<double>(value); };
    return *this;
  }

  // A number in [0, 1e300], or a share from 0 to 100 percent, as `1%`.
  Table& tolerance(std::string key, double T::* member, bool T::* is_share, std::string description) {
    Field& field = add(std::move(key), Kind::tolerance, std::move(description), {}, 0, 1e300);
    field.default_value = Tolerance{defaults_.*member, defaults_.*is_share};
    field.set = [member, is_share](void* object, const Value& value) {
      const auto& [number, share] = std::get<Tolerance>(value);
      as_t(object).*member = number;
      as_t(object).*is_share = share;
    };
    return *this;
  }

  Table& text(std::string key, std::string T::* member, TextRule rule, std::string description) {
    Field& field = add(std::move(key), Kind::text, std::move(description));
    field.rule = rule;
    field.default_value = defaults_.*member;
    field.set = [member](void* object, const Value& value) { as_t(object).*member = std::get<std::string>(value); };
    return *this;
  }

  Table& text_list(std::string key, std::vector<std::string> T::* member, TextRule rule, std::string description) {
    Field& field = add(std::move(key), Kind::text_list, std::move(description));
    field.rule = rule;
    field.default_value = defaults_.*member;
    field.set = [member](void* object, const Value& value) {
      as_t(object).*member = std::get<std::vector<std::string>>(value);
    };
    return *this;
  }

  template <class E>
  Table& choice(std::string key, E T::* member, std::vector<std::pair<std::string, E>> choices,
                std::string description) {
    Field& field = add(std::move(key), Kind::choice, std::move(description));
    for (const auto& [name, value] : choices) {
      field.choices.push_back(name);
      if (value == defaults_.*member) field.default_value = name;
    }
    field.set = [member, choices](void* object, const Value& value) {
      for (const auto& [name, choice] : choices)
        if (name == std::get<std::string>(value)) as_t(object).*member = choice;
    };
    return *this;
  }

  // A choice that stays a text in the struct.
  Table& choice(std::string key, std::string T::* member, std::vector<std::string> choices, std::string description) {
    text(std::move(key), member, TextRule::any, std::move(description));
    schema_.fields.back().kind = Kind::choice;
    schema_.fields.back().choices = std::move(choices);
    return *this;
  }

  template <class U>
  Table& object(std::string key, U T::* member, const Table<U>& child, std::string description) {
    Field& field = add(std::move(key), Kind::object, std::move(description));
    field.child = std::make_shared<Schema>(child.schema());
    field.member = [member](void* object) -> void* { return &(as_t(object).*member); };
    return *this;
  }

  template <class U>
  Table& list(std::string key, std::vector<U> T::* member, const Table<U>& child, std::string description) {
    Field& field = add(std::move(key), Kind::list, std::move(description));
    field.child = std::make_shared<Schema>(child.schema());
    field.member = [member](void* object) -> void* { return &(as_t(object).*member).emplace_back(); };
    return *this;
  }

  // The keys of another table, each behind `prefix`, beside this one's own; their values go into `member`.
  template <class U>
  Table& beside(const std::string& prefix, U T::* member, const Table<U>& other) {
    for (const Field& field : other.schema().fields) {
      Field& mine = schema_.fields.emplace_back(field);
      mine.key = prefix + field.key;
      mine.set = [member, set = field.set](void* object, const Value& value) { set(&(as_t(object).*member), value); };
      mine.member = [member, place = field.member](void* object) { return place(&(as_t(object).*member)); };
    }
    return *this;
  }

  // Makes the last key required.
  Table& required() {
    schema_.fields.back().required = true;
    schema_.fields.back().default_value.reset();
    return *this;
  }

  // The last key's default depends on other keys; its description says how.
  Table& no_default() {
    schema_.fields.back().default_value.reset();
    return *this;
  }

  const Schema& schema() const { return schema_; }

 private:
  static T& as_t(void* object) { return *static_cast<T*>(object); }

  Field& add(std::string key, Kind kind, std::string description, std::string unit = {}, std::optional<double> min = {},
             std::optional<double> max = {}) {
    Field& field = schema_.fields.emplace_back();
    field.key = std::move(key);
    field.kind = kind;
    field.description = std::move(description);
    field.unit = std::move(unit);
    field.min = min;
    field.max = max;
    return field;
  }

  T defaults_;
  Schema schema_;
};

}  // namespace lineside::config

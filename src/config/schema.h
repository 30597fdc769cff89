#pragma once
// The one description of a settings file: each key with type, unit, range, default, meaning and the place in the
// settings struct it goes to. The reader, the JSON Schema and the reference page all work from it.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace lineside::config {

enum class Kind : std::uint8_t { flag, integer, number, tolerance, text, choice, text_list, object, list };

// A number, or a share of something: 0.5, or 0.01 for 1%.
struct Tolerance {
  double value = 0;
  bool share = false;
};

using Value = std::variant<bool, std::int64_t, double, Tolerance, std::string, std::vector<std::string>>;

enum class TextRule : std::uint8_t {
  any,
  name,  // a-z, 0-9 and '-' or '_', at most 63: names that go into topics, paths and metrics
  path,  // relative to the settings file's folder
};

struct Schema;

struct Field {
  std::string key;
  Kind kind = Kind::text;
  std::string unit;  // "ms", "bytes", "Hz", "px" ...; empty: none
  std::string description;
  std::optional<double> min, max;
  std::vector<std::string> choices;
  TextRule rule = TextRule::any;
  bool required = false;
  std::optional<Value> default_value;            // none: required, or "not set"
  std::shared_ptr<const Schema> child;           // of objects and lists
  std::function<void(void*, const Value&)> set;  // puts a checked value into the struct
  std::function<void*(void*)> member;            // object: its address in the struct; list: that of a new last element
};

struct Schema {
  std::string title;  // of the reference page's section
  std::vector<Field> fields;
};

Schema gateway_schema();
Schema hub_schema();
Schema plant_schema();

}  // namespace lineside::config

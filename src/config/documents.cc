// The JSON Schema and the reference page of a settings table.
#include <cmath>
#include <format>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/schema.h"

namespace lineside::config {
namespace {

using nlohmann::ordered_json;

std::optional<Schema> schema_of(const std::string& kind) {
  if (kind == "gateway") return gateway_schema();
  if (kind == "hub") return hub_schema();
  if (kind == "plant") return plant_schema();
  return std::nullopt;
}

ordered_json to_json(const Value& value) {
  if (const auto* tolerance = std::get_if<Tolerance>(&value))
    return tolerance->share ? ordered_json(std::format("{}%", tolerance->value * 100)) : ordered_json(tolerance->value);
  return std::visit(
      [](const auto& v) {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, Tolerance>)
          return ordered_json();
        else
          return ordered_json(v);
      },
      value);
}

ordered_json number_json(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  return whole ? ordered_json(static_cast<std::int64_t>(value)) : ordered_json(value);
}

ordered_json object_schema(const Schema& schema);

ordered_json field_schema(const Field& field) {
  static constexpr const char* kTypes[] = {"boolean", "integer", "number", "number", "string", "string", "array"};
  ordered_json out;
  if (field.kind == Kind::object) {
    out = object_schema(*field.child);
  } else if (field.kind == Kind::list) {
    out = {{"type", "array"}, {"items", object_schema(*field.child)}};
  } else {
    out["type"] = kTypes[static_cast<std::size_t>(field.kind)];
  }
  if (field.kind == Kind::tolerance) {
    out["type"] = {"number", "string"};
    out["pattern"] = "^[0-9.]+%$";
  }
  if (field.kind == Kind::text_list) out["items"] = {{"type", "string"}, {"minLength", 1}};
  if (field.rule == TextRule::name) out["pattern"] = "^[a-z0-9_-]{1,63}$";
  if (!field.choices.empty()) out["enum"] = field.choices;
  if (field.min) out["minimum"] = number_json(*field.min);
  if (field.max) out["maximum"] = number_json(*field.max);
  if (field.default_value) out["default"] = to_json(*field.default_value);
  out["description"] = field.description + (field.unit.empty() ? "" : " Unit: " + field.unit + ".");
  return out;
}

ordered_json object_schema(const Schema& schema) {
  ordered_json out = {{"type", "object"}, {"additionalProperties", false}};
  ordered_json required = ordered_json::array();
  for (const Field& field : schema.fields) {
    out["properties"][field.key] = field_schema(field);
    if (field.required) required.push_back(field.key);
  }
  if (!required.empty()) out["required"] = required;
  return out;
}

std::string shown(const Value& value) {
  const std::string text = to_json(value).dump();
  return text == "\"\"" || text == "[]" ? "empty" : "`" + text + "`";
}

std::string type_text(const Field& field) {
  switch (field.kind) {
    case Kind::flag:
      return "true or false";
    case Kind::integer:
      return "whole number";
    case Kind::number:
      return "number";
    case Kind::tolerance:
      return "number or share";
    case Kind::text:
      return field.rule == TextRule::path ? "path" : field.rule == TextRule::name ? "name" : "text";
    case Kind::choice:
      break;
    case Kind::text_list:
      return field.rule == TextRule::path ? "list of paths" : "list of texts";
    case Kind::object:
      return "group";
    case Kind::list:
      return "list of groups";
  }
  std::string out;
  for (const auto& choice : field.choices) out += (out.empty() ? "`" : ", `") + choice + "`";
  return out;
}

std::string anchor(std::string title) {
  for (char& c : title) c = c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::erase(title, '\'');
  return title;
}

std::string range_text(const Field& field) {
  constexpr double kAny = 1e300;
  if (!field.min || (*field.min <= -kAny && *field.max >= kAny)) return {};
  if (*field.max >= kAny) return std::format("{} or more", number_json(*field.min).dump());
  return std::format("{} to {}", number_json(*field.min).dump(), number_json(*field.max).dump());
}

void write_section(std::string& out, const Schema& schema, const std::string& where) {
  out += std::format("\n## {}\n\n", schema.title);
  if (!where.empty()) out += std::format("Under `{}`.\n\n", where);
  out += "| key | type | unit | range | default | meaning |\n|---|---|---|---|---|---|\n";
  for (const Field& field : schema.fields) {
    const bool nested = field.child != nullptr;
    const std::string type =
        nested ? std::format("[{}](#{})", type_text(field), anchor(field.child->title)) : type_text(field);
    const std::string range = range_text(field);
    const std::string standard = field.required        ? "required"
                                 : field.default_value ? shown(*field.default_value)
                                 : nested              ? ""
                                                       : "not set";
    out += std::format("| `{}` | {} | {} | {} | {} | {} |\n", field.key, type, field.unit, range, standard,
                       field.description);
  }
  for (const Field& field : schema.fields)
    if (field.child)
      write_section(out, *field.child,
                    (where.empty() ? "" : where + ".") + field.key + (field.kind == Kind::list ? "[]" : ""));
}

}  // namespace

std::string json_schema(const std::string& kind) {
  const auto schema = schema_of(kind);
  if (!schema) return {};
  ordered_json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"title", "Settings of lineside-" + kind}};
  out.update(object_schema(*schema));
  return out.dump(1) + "\n";
}

std::string reference_page(const std::string& kind) {
  const auto schema = schema_of(kind);
  if (!schema) return {};
  std::string out = std::format(
      "# Settings of lineside-{0}\n\n"
      "<!-- Generated by `lineside settings {0}`; edit src/config/{0}_schema.cc instead. -->\n\n"
      "The file is YAML. A key says its unit at its end (`_ms`, `_px`, `_hz`, `bytes_`); its value is a plain number, "
      "so "
      "`deadline_ms: 50` and never `50 ms`. A relative path is relative to the folder of the settings file. Unknown "
      "keys "
      "are errors. `lineside check FILE` lists every mistake at once. For an editor that knows JSON Schema, put this "
      "on "
      "the first line: `# yaml-language-server: $schema=schema/{0}.schema.json`.\n",
      kind);
  write_section(out, *schema, "");
  return out;
}

}  // namespace lineside::config

#include "config/reader.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <format>
#include <set>

#include "base/nearest.h"
#include "base/number_text.h"

namespace lineside::config {
namespace {

int line_of(const YAML::Node& node) { return node.Mark().line + 1; }

std::string number_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return std::format("{}", static_cast<std::int64_t>(value));
  return std::format("{}", value);
}

std::string with_unit(double value, const Field& field) {
  return field.unit.empty() ? number_text(value) : number_text(value) + " " + field.unit;
}

class Reader {
 public:
  explicit Reader(Findings& findings) : findings_(findings), folder_(findings.file().parent_path()) {}

  void read_object(const YAML::Node& node, const Schema& schema, void* object, const std::string& path) {
    if (!node.IsMap()) {
      findings_.problem_at(line_of(node), path, "must be a group of keys, one `key: value` in each line");
      return;
    }
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      const std::string key_path = path.empty() ? key : path + "." + key;
      const auto field = std::ranges::find(schema.fields, key, &Field::key);
      if (field == schema.fields.end()) {
        unknown_key(entry.first, schema, key_path, key);
      } else if (!seen.insert(key).second) {
        findings_.problem_at(line_of(entry.first), key_path, "stands here a second time");
      } else {
        findings_.note_line(key_path, line_of(entry.first));
        read_field(entry.second, line_of(entry.first), *field, object, key_path);
      }
    }
    for (const Field& field : schema.fields)
      if (field.required && !seen.contains(field.key))
        findings_.problem_at(line_of(node), path.empty() ? field.key : path + "." + field.key,
                             "is missing. " + field.description);
  }

 private:
  void unknown_key(const YAML::Node& node, const Schema& schema, const std::string& path, const std::string& key) {
    std::vector<std::string> known;
    for (const Field& field : schema.fields) known.push_back(field.key);
    std::string message = "there is no such key";
    if (const std::string meant = nearest(key, known); !meant.empty()) {
      message += std::format("; did you mean {}?", meant);
    } else {
      std::string all;
      for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
      message += "; the keys here are " + all;
    }
    findings_.problem_at(line_of(node), path, message);
  }

  void read_field(const YAML::Node& node, int line, const Field& field, void* object, const std::string& path) {
    if (node.IsNull()) {
      findings_.problem_at(line, path, "has no value; give one or leave the key out");
    } else if (field.kind == Kind::object) {
      read_object(node, *field.child, field.member(object), path);
    } else if (field.kind == Kind::list) {
      read_list(node, field, object, path);
    } else if (field.kind == Kind::text_list) {
      read_text_list(node, field, object, path);
    } else if (!node.IsScalar()) {
      findings_.problem_at(line, path, "must be a single value");
    } else if (const auto value = scalar(node, field, path)) {
      field.set(object, *value);
    }
  }

  void read_list(const YAML::Node& node, const Field& field, void* object, const std::string& path) {
    if (!node.IsSequence()) {
      findings_.problem_at(line_of(node), path, "must be a list, each element starting with `- `");
      return;
    }
    for (std::size_t i = 0; i < node.size(); ++i) {
      const std::string element = std::format("{}[{}]", path, i);
      findings_.note_line(element, line_of(node[i]));
      read_object(node[i], *field.child, field.member(object), element);
    }
  }

  void read_text_list(const YAML::Node& node, const Field& field, void* object, const std::string& path) {
    if (!node.IsSequence()) {
      findings_.problem_at(line_of(node), path, "must be a list of texts, as [a, b]");
      return;
    }
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < node.size(); ++i) {
      if (!node[i].IsScalar() || node[i].Scalar().empty()) {
        findings_.problem_at(line_of(node[i]), std::format("{}[{}]", path, i), "must be a text");
      } else {
        texts.push_back(ruled(node[i].Scalar(), field));
      }
    }
    field.set(object, texts);
  }

  std::string ruled(const std::string& text, const Field& field) const {
    if (field.rule != TextRule::path || text.empty()) return text;
    return (folder_ / text).lexically_normal().string();
  }

  std::optional<Value> scalar(const YAML::Node& node, const Field& field, const std::string& path) {
    const std::string& text = node.Scalar();
    const auto wrong = [&](std::string message) -> std::optional<Value> {
      findings_.problem_at(line_of(node), path, std::move(message));
      return std::nullopt;
    };
    switch (field.kind) {
      case Kind::flag:
        if (text == "true" || text == "false") return Value{text == "true"};
        return wrong(std::format("must be true or false, not {}", text));
      case Kind::choice:
        if (std::ranges::contains(field.choices, text)) return Value{text};
        return wrong(choice_message(text, field));
      case Kind::text:
        if (field.rule == TextRule::name && !is_name(text))
          return wrong(std::format("'{}' must be 1 to 63 characters of a-z, 0-9, '-' and '_'", text));
        return Value{ruled(text, field)};
      case Kind::tolerance:
        return tolerance(node, field, wrong);
      default:
        return number(node, field, wrong);
    }
  }

  static bool is_name(const std::string& text) {
    return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
  }

  static std::string choice_message(const std::string& text, const Field& field) {
    std::string list;
    for (const auto& choice : field.choices) list += (list.empty() ? "" : ", ") + choice;
    const std::string meant = nearest(text, field.choices);
    return std::format("must be one of {}, not '{}'{}", list, text,
                       meant.empty() ? "" : "; did you mean " + meant + "?");
  }

  template <class Wrong>
  static std::optional<Value> tolerance(const YAML::Node& node, const Field& field, const Wrong& wrong) {
    const std::string& text = node.Scalar();
    if (!text.ends_with('%')) {
      const auto value = number(node, field, wrong);
      return value ? std::optional<Value>(Tolerance{std::get<double>(*value), false}) : std::nullopt;
    }
    const auto percent = parse_number<double>(std::string_view(text).substr(0, text.size() - 1));
    if (!percent || *percent < 0 || *percent > 100)
      return wrong(std::format("must be a number or a share from 0% to 100%, not '{}'", text));
    return Value{Tolerance{*percent / 100, true}};
  }

  template <class Wrong>
  static std::optional<Value> number(const YAML::Node& node, const Field& field, const Wrong& wrong) {
    const std::string& text = node.Scalar();
    const auto real = parse_number<double>(text);
    const bool whole = field.kind == Kind::integer;
    const std::string wanted = std::format("must be a {}number{}", whole ? "whole " : "",
                                           field.unit.empty() ? "" : std::format(" in {}", field.unit));
    if (!real || node.Tag() == "!") {
      const std::string meant = converted(text, field.unit);
      return wrong(std::format("{}, not '{}'{}", wanted, text, meant.empty() ? "" : "; write " + meant));
    }
    if (field.min && (*real < *field.min || *real > *field.max)) {
      const bool low = *real < *field.min;
      return wrong(std::format("{} is {} the limit of {} ({} to {})", with_unit(*real, field), low ? "below" : "above",
                               with_unit(low ? *field.min : *field.max, field), number_text(*field.min),
                               number_text(*field.max)));
    }
    if (!whole) return Value{*real};
    const auto integer = parse_number<std::int64_t>(text);
    if (!integer) return wrong(std::format("{}, not '{}'", wanted, text));
    return Value{*integer};
  }

  Findings& findings_;
  const std::filesystem::path folder_;
};

}  // namespace

std::string converted(std::string_view text, std::string_view unit) {
  struct Unit {
    std::string_view name, base;
    double factor;
  };
  static constexpr Unit kUnits[] = {{"us", "ms", 1e-3},       {"ms", "ms", 1},        {"s", "ms", 1000},
                                    {"min", "ms", 60'000},    {"h", "ms", 3'600'000}, {"B", "bytes", 1},
                                    {"kB", "bytes", 1e3},     {"MB", "bytes", 1e6},   {"GB", "bytes", 1e9},
                                    {"TB", "bytes", 1e12},    {"KiB", "bytes", 1024}, {"MiB", "bytes", 1 << 20},
                                    {"GiB", "bytes", 1 << 30}};
  const std::size_t end = text.find_first_not_of("0123456789.");
  const auto value = parse_number<double>(text.substr(0, std::min(end, text.size())));
  if (!value) return {};
  if (end == std::string_view::npos) return number_text(*value);  // a number in quotes
  std::string_view suffix = text.substr(end);
  suffix.remove_prefix(std::min(suffix.find_first_not_of(' '), suffix.size()));
  if (suffix == unit && !unit.empty()) return number_text(*value);
  for (const Unit& known : kUnits)
    if (known.name == suffix && known.base == unit) return number_text(*value * known.factor);
  return {};
}

bool Findings::failed(const std::string& key) const { return failed_.contains(key); }

void Findings::problem(const std::string& key, std::string message) {
  int line = 0;
  for (std::string at = key; !at.empty();) {
    if (failed(at)) return;
    const auto known = lines_.find(at);
    if (line == 0 && known != lines_.end()) line = known->second;
    const std::size_t cut = at.find_last_of(".[");
    at.resize(cut == std::string::npos ? 0 : cut);
  }
  problem_at(std::max(line, 1), key, std::move(message));
}

void Findings::problem_at(int line, const std::string& key, std::string message) {
  failed_.insert(key);
  problems_.push_back({line, key, std::move(message)});
}

std::string Findings::text() const {
  auto sorted = problems_;
  std::ranges::stable_sort(sorted, {}, &Problem::line);
  std::string out;
  for (const Problem& p : sorted)
    out += std::format("\n  {}:{}: {}{}{}", file_.string(), p.line, p.key, p.key.empty() ? "" : ": ", p.message);
  return out;
}

void read_yaml(const std::string& yaml, const Schema& schema, void* object, Findings& findings) {
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (root.IsNull()) {
      findings.problem_at(1, "", "the file is empty");
      return;
    }
    Reader(findings).read_object(root, schema, object, "");
  } catch (const YAML::Exception& e) {
    findings.problem_at(e.mark.is_null() ? 1 : e.mark.line + 1, "", "is not valid YAML: " + e.msg);
  }
}

std::vector<std::string> top_keys(const std::string& yaml) {
  std::vector<std::string> keys;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (root.IsMap())
      for (const auto& entry : root)
        if (entry.first.IsScalar()) keys.push_back(entry.first.Scalar());
  } catch (const YAML::Exception&) {
    keys.clear();  // the reader says what is wrong with it
  }
  return keys;
}

}  // namespace lineside::config

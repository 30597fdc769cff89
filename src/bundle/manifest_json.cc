#include <yaml-cpp/yaml.h>

#include <charconv>
#include <format>
#include <nlohmann/json.hpp>
#include <set>

#include "bundle/manifest.h"

namespace lineside::bundle {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kYamlBytesMax = 1u << 20;

template <class Enum>
struct Name {
  Enum value;
  std::string_view text;
};
constexpr Name<PreprocessSpec::Fit> kFits[] = {{PreprocessSpec::Fit::stretch, "stretch"},
                                               {PreprocessSpec::Fit::letterbox, "letterbox"}};
constexpr Name<PreprocessSpec::Color> kColors[] = {
    {PreprocessSpec::Color::rgb, "rgb"}, {PreprocessSpec::Color::bgr, "bgr"}, {PreprocessSpec::Color::gray, "gray"}};
constexpr Name<PreprocessSpec::Layout> kLayouts[] = {{PreprocessSpec::Layout::nchw, "nchw"},
                                                     {PreprocessSpec::Layout::nhwc, "nhwc"}};
constexpr Name<PreprocessSpec::Type> kTypes[] = {{PreprocessSpec::Type::f32, "float32"},
                                                 {PreprocessSpec::Type::u8, "uint8"}};
constexpr Name<OutputKind> kKinds[] = {{OutputKind::probability, "probability"},
                                       {OutputKind::logit, "logit"},
                                       {OutputKind::probabilities, "probabilities"},
                                       {OutputKind::logits, "logits"}};
constexpr Name<Quantization> kQuantizations[] = {{Quantization::fp32, "fp32"},
                                                 {Quantization::int8_minmax, "int8-minmax"},
                                                 {Quantization::int8_percentile, "int8-percentile"},
                                                 {Quantization::int8_entropy, "int8-entropy"}};

template <class Enum, std::size_t N>
std::string_view name_of(Enum value, const Name<Enum> (&names)[N]) {
  for (const auto& name : names)
    if (name.value == value) return name.text;
  return "";
}

// 0.4F as 0.4 and not as 0.4000000059604645.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

Json to_json(const TensorSpec& tensor) {
  return {{"name", tensor.name}, {"shape", tensor.shape}, {"type", name_of(tensor.type, kTypes)}};
}

Json to_json(const PreprocessSpec& spec) {
  Json mean = Json::array(), scale = Json::array();
  for (float value : spec.mean) mean.push_back(shortest(value));
  for (float value : spec.scale) scale.push_back(shortest(value));
  return {{"crop", {spec.crop_left, spec.crop_top, spec.crop_right, spec.crop_bottom}},
          {"width", spec.width},
          {"height", spec.height},
          {"fit", name_of(spec.fit, kFits)},
          {"color", name_of(spec.color, kColors)},
          {"layout", name_of(spec.layout, kLayouts)},
          {"type", name_of(spec.type, kTypes)},
          {"mean", mean},
          {"scale", scale}};
}

Json to_json(const Share& share) {
  return {{"count", share.count}, {"of", share.of}, {"value", share.value}, {"low", share.low}, {"high", share.high}};
}

Json to_json(const TestFigures& test) {
  return {{"auroc", test.auroc},
          {"false_reject", to_json(test.false_reject)},
          {"escape", to_json(test.escape)},
          {"confusion",
           {{"true_reject", test.true_reject},
            {"false_reject", test.false_reject_count},
            {"true_pass", test.true_pass},
            {"escape", test.escape_count}}},
          {"split", test.split}};
}

Json to_json(const Parity& parity) {
  return {{"onnx_error_max", parity.onnx_error_max},
          {"int8_error_max", parity.int8_error_max},
          {"int8_error_mean", parity.int8_error_mean},
          {"flipped", parity.flipped},
          {"compared", parity.compared}};
}

// One JSON object being read: each key is asked for once; what nobody asked for is a problem.
class Reader {
 public:
  Reader(const Json& object, std::string path, bool lenient, std::string& problems)
      : object_(object), path_(std::move(path)), lenient_(lenient), problems_(problems) {
    if (!object_.is_object()) complain("", "must be a table of keys");
  }
  ~Reader() {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items())
      if (!asked_.contains(key)) complain(key, "is not known");
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const Json* find(const std::string& key, bool required) {
    asked_.insert(key);
    if (object_.is_object() && object_.contains(key)) return &object_.at(key);
    if (required) complain(key, "is missing");
    return nullptr;
  }

  template <class T>
  void number(const std::string& key, T& value, bool required) {
    const Json* json = find(key, required);
    if (json != nullptr && !take(*json, value)) complain(key, "must be a number in its range");
  }
  void text(const std::string& key, std::string& value, bool required) {
    const Json* json = find(key, required);
    if (json == nullptr) return;
    if (json->is_string())
      value = json->get<std::string>();
    else
      complain(key, "must be text");
  }
  template <class Enum, std::size_t N>
  void choice(const std::string& key, Enum& value, const Name<Enum> (&names)[N], bool required) {
    std::string text_value, all;
    const Json* json = find(key, required);
    if (json == nullptr) return;
    if (json->is_string()) text_value = json->get<std::string>();
    for (const auto& name : names) {
      all += std::format("{}{}", all.empty() ? "" : ", ", name.text);
      if (name.text != text_value) continue;
      value = name.value;
      return;
    }
    complain(key, "must be one of " + all);
  }
  // `count` elements, or any number if 0.
  template <class T, class Container>
  void list(const std::string& key, Container& values, std::size_t count, bool required) {
    const Json* json = find(key, required);
    if (json == nullptr) return;
    std::vector<T> read;
    bool good = json->is_array() && json->size() <= 256 && (count == 0 || json->size() == count);
    for (std::size_t i = 0; good && i < json->size(); ++i) good = take((*json)[i], read.emplace_back());
    if (!good) return complain(key, count == 0 ? "must be a list" : std::format("must be a list of {} values", count));
    if constexpr (requires { values.resize(read.size()); }) values.resize(read.size());
    std::ranges::move(read, values.begin());
  }
  template <class Function>
  void table(const std::string& key, bool required, Function&& function) {
    const Json* json = find(key, required);
    if (json == nullptr) return;
    Reader reader(*json, path_ + key + ".", lenient_, problems_);
    function(reader);
  }
  bool strict() const { return !lenient_; }
  void complain(const std::string& key, std::string_view what) {
    if (problems_.size() < 2000) problems_ += std::format("{}{}{} {}", problems_.empty() ? "" : "; ", path_, key, what);
  }

 private:
  // In lenient input (YAML) every scalar is text.
  template <class T>
  bool take(const Json& json, T& value) const {
    if constexpr (std::is_same_v<T, std::string>) {
      if (!json.is_string()) return false;
      value = json.get<std::string>();
      return true;
    } else {
      if (lenient_ && json.is_string()) {
        const auto& text = json.get_ref<const std::string&>();
        const auto end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, value);
        return parsed.ec == std::errc() && parsed.ptr == end;
      }
      return take_number(json, value);
    }
  }
  template <class T>
  static bool take_number(const Json& json, T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!json.is_number()) return false;
      value = static_cast<T>(json.get<double>());
    } else if constexpr (std::is_unsigned_v<T>) {
      if (!json.is_number_unsigned()) return false;
      value = json.get<T>();
    } else {
      if (!json.is_number_integer() || !std::in_range<T>(json.get<std::int64_t>())) return false;
      value = static_cast<T>(json.get<std::int64_t>());
    }
    return true;
  }

  const Json& object_;
  std::string path_;
  bool lenient_;
  std::string& problems_;
  std::set<std::string> asked_;
};

void read(Reader& reader, TensorSpec& tensor) {
  reader.text("name", tensor.name, true);
  reader.list<std::int64_t>("shape", tensor.shape, 0, true);
  reader.choice("type", tensor.type, kTypes, reader.strict());
}

void read(Reader& reader, PreprocessSpec& spec) {
  const bool strict = reader.strict();
  std::array crop{spec.crop_left, spec.crop_top, spec.crop_right, spec.crop_bottom};
  reader.list<double>("crop", crop, 4, strict);
  std::tie(spec.crop_left, spec.crop_top, spec.crop_right, spec.crop_bottom) = std::tuple_cat(crop);
  reader.number("width", spec.width, true);
  reader.number("height", spec.height, true);
  reader.choice("fit", spec.fit, kFits, strict);
  reader.choice("color", spec.color, kColors, strict);
  reader.choice("layout", spec.layout, kLayouts, strict);
  reader.choice("type", spec.type, kTypes, strict);
  reader.list<float>("mean", spec.mean, 3, strict);
  reader.list<float>("scale", spec.scale, 3, strict);
}

void read(Reader& reader, Share& share) {
  reader.number("count", share.count, true);
  reader.number("of", share.of, true);
  reader.number("value", share.value, true);
  reader.number("low", share.low, true);
  reader.number("high", share.high, true);
}

void read(Reader& reader, TestFigures& test) {
  reader.number("auroc", test.auroc, true);
  reader.table("false_reject", true, [&](Reader& inner) { read(inner, test.false_reject); });
  reader.table("escape", true, [&](Reader& inner) { read(inner, test.escape); });
  reader.table("confusion", true, [&](Reader& inner) {
    inner.number("true_reject", test.true_reject, true);
    inner.number("false_reject", test.false_reject_count, true);
    inner.number("true_pass", test.true_pass, true);
    inner.number("escape", test.escape_count, true);
  });
  reader.text("split", test.split, true);
}

void read(Reader& reader, Parity& parity) {
  reader.number("onnx_error_max", parity.onnx_error_max, true);
  reader.number("int8_error_max", parity.int8_error_max, true);
  reader.number("int8_error_mean", parity.int8_error_mean, true);
  reader.number("flipped", parity.flipped, true);
  reader.number("compared", parity.compared, true);
}

// What only pictures have.
void read_inspection(Reader& reader, Manifest& manifest) {
  reader.table("preprocess", true, [&](Reader& inner) { read(inner, manifest.preprocess); });
  reader.list<std::string>("labels", manifest.labels, 0, true);
  reader.list<std::string>("reject_labels", manifest.reject_labels, 0, true);
  reader.number("reject_threshold", manifest.reject_threshold, true);
  reader.number("doubt_band", manifest.doubt_band, reader.strict());
}

void read(Reader& reader, Manifest& manifest) {
  const bool strict = reader.strict();
  int format = kFormat;
  reader.number("format", format, strict);
  if (format != kFormat) reader.complain("format", std::format("is {}, only {} is known", format, kFormat));
  reader.text("name", manifest.name, true);
  reader.text("version", manifest.version, true);
  reader.number("counter", manifest.counter, strict);
  reader.text("task", manifest.task, strict);
  const bool inspection = manifest.task != "condition";
  reader.table("input", true, [&](Reader& inner) { read(inner, manifest.input); });
  reader.table("output", true, [&](Reader& inner) {
    read(inner, manifest.output);
    if (inspection) inner.choice("kind", manifest.output_kind, kKinds, true);
  });
  if (inspection) read_inspection(reader, manifest);
  reader.choice("quantization", manifest.quantization, kQuantizations, strict);
  reader.table("test", false, [&](Reader& inner) { read(inner, manifest.test.emplace()); });
  reader.table("parity", false, [&](Reader& inner) { read(inner, manifest.parity.emplace()); });
  reader.table("training", strict, [&](Reader& inner) {
    inner.text("data_sha256", manifest.training_data_sha256, strict);
    inner.number("items", manifest.training_items, strict);
    inner.number("seed", manifest.seed, strict);
    inner.number("share_of_steps", manifest.training_share, false);
  });
  reader.text("created", manifest.created, strict);
  reader.text("tool", manifest.tool, strict);
}

Result<Manifest> manifest_from(const Json& json, bool lenient) {
  Manifest manifest;
  std::string problems;
  {
    Reader reader(json, "", lenient, problems);
    read(reader, manifest);
  }
  if (!problems.empty()) return fail(ErrorCode::bundle_invalid, "manifest: " + problems);
  LINESIDE_TRY(validate(manifest));
  return manifest;
}

// Scalars stay text: what a key needs decides how it is read, so that version 1.10 is not 1.1 and label "no" is no
// truth value. May throw YAML::Exception.
Json from_yaml(const YAML::Node& node, int depth) {
  if (depth > 8) throw YAML::Exception(node.Mark(), "nested too deep");
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& pair : node) object[pair.first.as<std::string>()] = from_yaml(pair.second, depth + 1);
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& element : node) array.push_back(from_yaml(element, depth + 1));
    return array;
  }
  return node.IsScalar() ? Json(node.Scalar()) : Json();
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  Json output = to_json(manifest.output);
  const bool inspection = manifest.task != "condition";
  if (inspection) output["kind"] = to_string(manifest.output_kind);
  Json json = {{"format", kFormat},
               {"name", manifest.name},
               {"version", manifest.version},
               {"counter", manifest.counter},
               {"task", manifest.task},
               {"input", to_json(manifest.input)},
               {"output", output}};
  if (inspection) {
    json["preprocess"] = to_json(manifest.preprocess);
    json["labels"] = manifest.labels;
    json["reject_labels"] = manifest.reject_labels;
    json["reject_threshold"] = manifest.reject_threshold;
    json["doubt_band"] = manifest.doubt_band;
  }
  json["quantization"] = to_string(manifest.quantization);
  if (manifest.test) json["test"] = to_json(*manifest.test);
  if (manifest.parity) json["parity"] = to_json(*manifest.parity);
  json["training"] = {
      {"data_sha256", manifest.training_data_sha256}, {"items", manifest.training_items}, {"seed", manifest.seed}};
  if (manifest.training_share < 1) json["training"]["share_of_steps"] = manifest.training_share;
  json["created"] = manifest.created;
  json["tool"] = manifest.tool;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  try {
    return manifest_from(Json::parse(text), false);
  } catch (const Json::exception& error) {
    return fail(ErrorCode::bundle_invalid, std::format("manifest.json can't be read: {}", error.what()));
  }
}

Result<Manifest> parse_manifest_yaml(std::string_view yaml, std::string_view name) {
  if (yaml.size() > kYamlBytesMax) return fail(ErrorCode::bundle_invalid, std::format("{} is too big", name));
  try {
    auto manifest = manifest_from(from_yaml(YAML::Load(std::string(yaml)), 0), true);
    if (!manifest) return fail(manifest.error().code, std::format("{}: {}", name, manifest.error().message));
    return manifest;
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::bundle_invalid, std::format("{}: line {}: {}", name, error.mark.line + 1, error.msg));
  } catch (const Json::exception& error) {
    return fail(ErrorCode::bundle_invalid, std::format("{}: {}", name, error.what()));
  }
}

}  // namespace lineside::bundle

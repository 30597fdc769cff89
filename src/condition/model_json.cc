#include <cmath>
#include <format>
#include <nlohmann/json.hpp>

#include "condition/signs.h"

namespace lineside::condition {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFormat = 3;
// How many kinds of detectors there were first: such a model knows no threshold of later ones.
constexpr std::size_t kFirstDetectorKinds = 8;
constexpr std::size_t kFeaturesMax = 20'000, kBytesMax = std::size_t{256} << 20;

// Nine digits are plenty for what is compared with noise, and keep the file small.
double rounded(double value) {
  if (!std::isfinite(value) || value == 0) return 0;
  return std::stod(std::format("{:.9g}", value));
}

Json numbers(std::span<const double> values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

Json to_json(const Matrix& matrix) {
  return {{"rows", matrix.rows}, {"columns", matrix.columns}, {"values", numbers(matrix.values)}};
}

Matrix matrix_from(const Json& json) {
  Matrix matrix;
  matrix.rows = json.at("rows").get<std::size_t>();
  matrix.columns = json.at("columns").get<std::size_t>();
  matrix.values = json.at("values").get<std::vector<double>>();
  if (matrix.columns == 0
          ? !matrix.values.empty()
          : matrix.values.size() % matrix.columns != 0 || matrix.values.size() / matrix.columns != matrix.rows)
    throw std::runtime_error("a matrix has not the size it says");
  return matrix;
}

Json to_json(const Band& band) { return {rounded(band.low_hz), rounded(band.high_hz)}; }
Band band_from(const Json& json) { return {json.at(0).get<double>(), json.at(1).get<double>()}; }

Json bands_json(const std::vector<Band>& bands) {
  Json list = Json::array();
  for (const Band& band : bands) list.push_back(to_json(band));
  return list;
}

std::vector<Band> bands_from(const Json& json) {
  std::vector<Band> bands;
  for (const Json& band : json) bands.push_back(band_from(band));
  return bands;
}

Json to_json(const Asset& a) {
  Json bearings = Json::array();
  for (const BearingOrders& b : a.bearings)
    bearings.push_back({b.name, rounded(b.outer), rounded(b.inner), rounded(b.ball), rounded(b.cage)});
  return {{"speed_hz", rounded(a.speed_hz)},
          {"bearings", bearings},
          {"gear_teeth", a.gear_teeth},
          {"line_hz", rounded(a.line_hz)},
          {"mm_s2_per_unit", rounded(a.mm_s2_per_unit)},
          {"iso_group", a.iso_group},
          {"flexible", a.flexible}};
}

Asset asset_from(const Json& json) {
  Asset a{.speed_hz = json.at("speed_hz").get<double>(),
          .bearings = {},
          .gear_teeth = json.at("gear_teeth").get<std::vector<int>>(),
          .line_hz = json.at("line_hz").get<double>(),
          .mm_s2_per_unit = json.at("mm_s2_per_unit").get<double>(),
          .iso_group = json.at("iso_group").get<int>(),
          .flexible = json.at("flexible").get<bool>()};
  for (const Json& b : json.at("bearings"))
    a.bearings.push_back({b.at(0).get<std::string>(), b.at(1).get<double>(), b.at(2).get<double>(),
                          b.at(3).get<double>(), b.at(4).get<double>()});
  return a;
}

Json to_json(const Detectors& d) {
  Json members = Json::array();
  for (const DetectorKind kind : d.members) members.push_back(to_string(kind));
  return {{"spread", numbers(d.spread)},
          {"freedom", numbers(d.freedom)},
          {"axes", to_json(d.axes)},
          {"axis_variance", numbers(d.axis_variance)},
          {"axis_variance_shrunk", numbers(d.axis_variance_shrunk)},
          {"rest_variance_shrunk", rounded(d.rest_variance_shrunk)},
          {"principal", d.principal},
          {"q_scale", rounded(d.q_scale)},
          {"neighbours", to_json(d.neighbours)},
          {"threshold", numbers(d.threshold)},
          {"members", members},
          {"ensemble_threshold", rounded(d.ensemble_threshold)},
          {"threshold_interval", {rounded(d.threshold_low), rounded(d.threshold_high)}}};
}

Detectors detectors_from(const Json& json) {
  Detectors d;
  d.spread = json.at("spread").get<std::vector<double>>();
  d.freedom = json.at("freedom").get<std::vector<double>>();
  d.axes = matrix_from(json.at("axes"));
  d.axis_variance = json.at("axis_variance").get<std::vector<double>>();
  d.axis_variance_shrunk = json.at("axis_variance_shrunk").get<std::vector<double>>();
  d.rest_variance_shrunk = json.at("rest_variance_shrunk").get<double>();
  d.principal = json.at("principal").get<std::size_t>();
  d.q_scale = json.at("q_scale").get<double>();
  d.neighbours = matrix_from(json.at("neighbours"));
  d.threshold = json.at("threshold").get<std::vector<double>>();
  if (d.threshold.size() == kFirstDetectorKinds) d.threshold.resize(kDetectorKinds);
  for (const Json& member : json.at("members"))
    for (std::size_t kind = 0; kind < kDetectorKinds; ++kind)
      if (member.get<std::string>() == to_string(static_cast<DetectorKind>(kind)))
        d.members.push_back(static_cast<DetectorKind>(kind));
  d.ensemble_threshold = json.at("ensemble_threshold").get<double>();
  d.threshold_low = json.at("threshold_interval").at(0).get<double>();
  d.threshold_high = json.at("threshold_interval").at(1).get<double>();
  return d;
}

// Everything that indexing later relies on.
void check(const Model& m) {
  const std::size_t features = m.features.size(), channels = m.channels.size(), axes = m.detectors.axes.rows;
  const auto need = [](bool good, const char* what) {
    if (!good) throw std::runtime_error(what);
  };
  need(features > 0 && features <= kFeaturesMax && channels > 0, "it has no features or too many");
  need(m.rate_hz > 0 && std::isfinite(m.rate_hz), "its rate is not a positive number");
  need(!m.states.empty(), "it has no states");
  for (const State& state : m.states) need(state.mean.size() == features, "a state's mean does not fit the features");
  const Detectors& d = m.detectors;
  need(d.spread.size() == features && (axes == 0 || d.axes.columns == features), "spread or axes don't fit");
  for (const double spread : d.spread) need(spread > 0, "a spread is not positive");
  need(d.freedom.empty() || d.freedom.size() == features, "the degrees of freedom don't fit");
  need(d.axis_variance.size() == axes && d.axis_variance_shrunk.size() == axes && d.principal <= axes,
       "the axes' variances don't fit");
  need(d.neighbours.rows == 0 || d.neighbours.columns == features, "the neighbours don't fit");
  need(d.threshold.size() == kDetectorKinds && !d.members.empty(), "thresholds or members don't fit");
  need(m.health.size() == channels, "the sensors' figures don't fit the channels");
  if (m.regime == Regime::waveform) {
    need(m.waveform.window >= 16 && m.waveform.window <= 10'000'000 && m.waveform.hop > 0, "the window is no window");
    need(m.waveform.demodulation.size() == channels, "the demodulation bands don't fit the channels");
    std::size_t expected = channels - 1;
    const std::size_t of_asset = 4 * m.waveform.asset.bearings.size() + 2 * m.waveform.asset.gear_teeth.size();
    for (const auto& bands : m.waveform.demodulation)
      expected += 6 + 2 * m.waveform.bands.size() + 4 * bands.size() + of_asset;
    need(m.sign_spread.size() == channels * Sign::kCount, "the signs don't fit the channels");
    for (const State& state : m.states) need(state.signs.size() == m.sign_spread.size(), "a state's signs don't fit");
    need(expected == features, "the features are not those of its bands");
  } else {
    const TelemetryFront& t = m.telemetry;
    need(t.center.size() == channels && t.scale.size() == channels && t.residual.rows == channels &&
             t.residual.columns == channels && t.level_rows >= 1,
         "the channels' figures don't fit");
    need(features == channels * (channels > 1 ? 2 : 1), "the features are not those of its channels");
    need(t.baseline_rows >= 1 && t.hold_rows >= 1 && t.follow.size() == features, "the slow averages don't fit");
    for (const Follow& f : t.follow) need(f.fully > 0 && f.until > f.fully, "a slow average has no range");
  }
  need(m.smooth_windows >= 1 && m.smooth_windows <= 1000, "smooth_windows is out of range");
}

Model model_from(const Json& json) {
  Model m;
  if (json.at("format").get<int>() != kFormat) throw std::runtime_error("its format is not known");
  m.regime = json.at("regime").get<std::string>() == "waveform" ? Regime::waveform : Regime::telemetry;
  m.rate_hz = json.at("rate_hz").get<double>();
  m.columns = json.at("columns").get<std::vector<std::string>>();
  m.channels = json.at("channels").get<std::vector<std::string>>();
  m.time_column = json.at("time_column").get<std::string>();
  m.smooth_windows = json.at("smooth_windows").get<std::size_t>();
  if (const auto front = json.find("waveform"); front != json.end()) {
    m.waveform.window = front->at("window").get<std::size_t>();
    m.waveform.hop = front->at("hop").get<std::size_t>();
    m.waveform.bands = bands_from(front->at("bands"));
    for (const Json& bands : front->at("demodulation")) m.waveform.demodulation.push_back(bands_from(bands));
    m.waveform.asset = asset_from(front->at("asset"));
  }
  if (const auto front = json.find("telemetry"); front != json.end()) {
    m.telemetry.level_rows = front->at("level_rows").get<double>();
    m.telemetry.center = front->at("center").get<std::vector<double>>();
    m.telemetry.scale = front->at("scale").get<std::vector<double>>();
    m.telemetry.residual = matrix_from(front->at("residual"));
    m.telemetry.baseline_rows = front->at("baseline_rows").get<double>();
    m.telemetry.hold_rows = front->at("hold_rows").get<std::size_t>();
    for (const Json& f : front->at("follow"))
      m.telemetry.follow.push_back({f.at(0).get<double>(), f.at(1).get<double>(), f.at(2).get<double>()});
  }
  for (const Json& h : json.at("health"))
    m.health.push_back({h.at(0).get<double>(), h.at(1).get<double>(), h.at(2).get<double>(), h.at(3).get<double>(),
                        h.at(4).get<double>(), h.at(5).get<double>()});
  for (const Json& f : json.at("features"))
    m.features.push_back({f.at("channel").get<std::string>(), f.at("name").get<std::string>(),
                          static_cast<Role>(f.at("role").get<std::uint8_t>() & 3U), f.at("floor").get<double>()});
  for (const Json& s : json.at("states"))
    m.states.push_back({s.at("name").get<std::string>(), s.at("speed_hz").get<double>(),
                        s.at("mean").get<std::vector<double>>(), s.at("signs").get<std::vector<double>>()});
  m.sign_spread = json.at("sign_spread").get<std::vector<double>>();
  m.detectors = detectors_from(json.at("detectors"));
  check(m);
  return m;
}

}  // namespace

std::string to_json(const Model& m) {
  Json json = {{"format", kFormat},
               {"regime", m.regime == Regime::waveform ? "waveform" : "telemetry"},
               {"rate_hz", m.rate_hz},
               {"columns", m.columns},
               {"channels", m.channels},
               {"time_column", m.time_column},
               {"smooth_windows", m.smooth_windows}};
  if (m.regime == Regime::waveform) {
    Json demodulation = Json::array();
    for (const auto& bands : m.waveform.demodulation) demodulation.push_back(bands_json(bands));
    json["waveform"] = {{"window", m.waveform.window},
                        {"hop", m.waveform.hop},
                        {"bands", bands_json(m.waveform.bands)},
                        {"demodulation", demodulation},
                        {"asset", to_json(m.waveform.asset)}};
  } else {
    Json follow = Json::array();
    for (const Follow& f : m.telemetry.follow) follow.push_back(numbers(std::vector{f.mean, f.fully, f.until}));
    json["telemetry"] = {{"level_rows", m.telemetry.level_rows},     {"baseline_rows", m.telemetry.baseline_rows},
                         {"hold_rows", m.telemetry.hold_rows},       {"follow", follow},
                         {"center", numbers(m.telemetry.center)},    {"scale", numbers(m.telemetry.scale)},
                         {"residual", to_json(m.telemetry.residual)}};
  }
  Json health = Json::array(), features = Json::array(), states = Json::array();
  for (const ChannelHealth& h : m.health)
    health.push_back(
        numbers(std::vector{h.rms_min, h.rms_max, h.same_run_max, h.at_limit_share_max, h.median, h.step_rms}));
  for (const FeatureInfo& f : m.features)
    features.push_back({{"channel", f.channel},
                        {"name", f.name},
                        {"role", static_cast<int>(f.role)},
                        {"floor", rounded(f.spread_floor)}});
  for (const State& s : m.states)
    states.push_back(
        {{"name", s.name}, {"speed_hz", rounded(s.speed_hz)}, {"mean", numbers(s.mean)}, {"signs", numbers(s.signs)}});
  json["health"] = health;
  json["features"] = features;
  json["states"] = states;
  json["sign_spread"] = numbers(m.sign_spread);
  json["detectors"] = to_json(m.detectors);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Model> parse_model(std::string_view text) {
  if (text.size() > kBytesMax) return fail(ErrorCode::bundle_invalid, "detectors.json is too big");
  try {
    return model_from(Json::parse(text));
  } catch (const std::exception& error) {
    return fail(ErrorCode::bundle_invalid, std::format("detectors.json: {}", error.what()));
  }
}

}  // namespace lineside::condition

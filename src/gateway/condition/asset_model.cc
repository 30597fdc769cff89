#include "gateway/condition/asset_model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <format>
#include <limits>

#include "bundle/digest.h"

namespace lineside::gateway {
namespace {

constexpr double kRateTolerance = 0.02;

// By name; a model that learned from files without names calls its channels 1, 2 ...
std::size_t channel_index(const std::string& wanted, const config::AssetSettings& settings) {
  const auto named = std::ranges::find(settings.channels, wanted, &config::ChannelSettings::name);
  if (named != settings.channels.end()) return static_cast<std::size_t>(named - settings.channels.begin());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  const bool is_number = error == std::errc{} && end == wanted.data() + wanted.size() && number >= 1;
  return is_number ? std::min(number - 1, settings.channels.size()) : settings.channels.size();
}

}  // namespace

Result<std::unique_ptr<AssetModel>> AssetModel::load(const std::filesystem::path& path, const bundle::Trust& trust,
                                                     bundle::CounterRecord& record, std::uint64_t newer_than,
                                                     const config::AssetSettings& settings,
                                                     const std::string& library) {
  LINESIDE_ASSIGN(const bundle::Bundle opened, bundle::Bundle::open(path, trust));
  const bundle::Manifest& manifest = opened.manifest();
  if (newer_than > 0 && manifest.counter <= newer_than)
    return fail(ErrorCode::bundle_rollback,
                std::format("{} has counter {}, the model in use has {}: only a higher one takes over.", path.string(),
                            manifest.counter, newer_than));
  LINESIDE_TRY(record.check(manifest.name, manifest.counter));
  auto model = std::unique_ptr<AssetModel>(new AssetModel);
  LINESIDE_ASSIGN(model->scorer_, condition::Scorer::create(opened, library));
  const condition::Model& inner = model->scorer_->model();
  if (std::abs(inner.rate_hz / settings.rate_hz - 1) > kRateTolerance)
    return fail(ErrorCode::config_invalid, std::format("{} learned at {:.6g} Hz, asset {} has rate_hz {:.6g}.",
                                                       path.string(), inner.rate_hz, settings.name, settings.rate_hz));
  bool any = false;
  for (const std::string& channel : inner.channels) {
    model->channel_of_.push_back(channel_index(channel, settings));
    any = any || model->channel_of_.back() < settings.channels.size();
  }
  if (!any)
    return fail(ErrorCode::config_invalid,
                std::format("{} knows none of the channels of asset {}: its first is '{}'.", path.string(),
                            settings.name, inner.channels.empty() ? "" : inner.channels.front()));
  if (inner.regime == condition::Regime::waveform) {
    model->window_ = inner.waveform.window;
    model->hop_ = inner.waveform.hop;
  }
  model->missing_.assign(model->window_, std::numeric_limits<float>::quiet_NaN());
  model->extractor_ = std::make_unique<condition::WindowExtractor>(inner);
  model->version_ = bundle::model_version(manifest);
  model->identity_ = std::format("{} {} {} {}", model->version_, manifest.counter, opened.onnx_sha256(),
                                 bundle::sha256_hex(opened.detectors()));
  model->counter_ = manifest.counter;
  LINESIDE_TRY(record.note(manifest.name, manifest.counter));
  return model;
}

Result<condition::WindowScore> AssetModel::score(const MadeWindow& window) {
  if (window.begins) recent_ = {};
  std::vector<std::span<const float>> channels;
  for (const std::size_t c : channel_of_)
    channels.push_back(c < window.channels.size() ? window.channels[c] : std::span<const float>(missing_));
  features_ = extractor_->next(channels, window.first_sample);
  return scorer_->score_next(features_, recent_);
}

std::vector<AssetSpectrum> AssetModel::spectra(const config::AssetSettings& settings) const {
  const condition::Model& model = scorer_->model();
  if (features_.x.size() != model.features.size() || model.states.empty()) return {};
  const auto& state = model.states[condition::nearest_state(model.states, model.detectors.spread, features_.x)];
  std::vector<AssetSpectrum> all;
  for (std::size_t c = 0; c < model.channels.size(); ++c) {
    AssetSpectrum one{.channel = model.channels[c]};
    if (channel_of_[c] < settings.channels.size()) one.unit = settings.channels[channel_of_[c]].unit;
    for (std::size_t i = 0; i < model.features.size(); ++i) {
      if (model.features[i].role != condition::Role::band || model.features[i].channel != model.channels[c]) continue;
      one.now.push_back(features_.x[i]);
      one.normal.push_back(static_cast<float>(state.mean[i]));
      one.spread.push_back(static_cast<float>(model.detectors.spread[i]));
    }
    for (const auto& band : model.waveform.bands) one.low_hz.push_back(static_cast<float>(band.low_hz));
    if (one.low_hz.size() == one.now.size() && !one.now.empty()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace lineside::gateway

#include "inference/classifier.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "base/log.h"
#include "inference/session.h"
#include "vision/preprocess.h"

namespace lineside::inference {
namespace {

using bundle::Manifest;
using bundle::OutputKind;

bool per_label(OutputKind kind) { return kind == OutputKind::probabilities || kind == OutputKind::logits; }

class OnnxClassifier final : public gateway::Classifier {
 public:
  OnnxClassifier(const Manifest& manifest, std::unique_ptr<Session> session, std::size_t output,
                 const std::vector<std::string>& reject_labels)
      : session_(std::move(session)),
        output_(output),
        preprocessor_(manifest.preprocess),
        ahead_(manifest.preprocess),
        kind_(manifest.output_kind),
        labels_(manifest.labels),
        version_(bundle::model_version(manifest)),
        threshold_(static_cast<float>(manifest.reject_threshold)) {
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      rejects_.push_back(std::ranges::find(reject_labels, labels_[i]) != reject_labels.end());
      auto& one = rejects_.back() ? reject_label_ : pass_label_;
      one = one == kNone ? static_cast<std::int16_t>(i) : kSeveral;
    }
    probabilities_.resize(labels_.size());
  }

  Result<void> warm_up() override { return session_->warm_up(); }

  Result<void> preprocess(const ImageView& image) override {
    set_ = 0;
    return fill(preprocessor_, image, 0);
  }

  Result<void> make_input(const ImageView& image, std::size_t place) override { return fill(ahead_, image, place + 1); }
  void use_input(std::size_t place) override { set_ = place + 1; }

  Result<gateway::ClassScore> infer() override {
    LINESIDE_TRY(session_->run(set_));
    const auto output = session_->output_f32(output_);
    const auto score = per_label(kind_) ? score_labels(output) : score_one(output[0]);
    if (!std::isfinite(score.reject_score))
      return fail(ErrorCode::inference_failed, "the model's output is not a number");
    return score;
  }

  float reject_threshold() const override { return threshold_; }
  const std::vector<std::string>& labels() const override { return labels_; }
  const std::string& version() const override { return version_; }

 private:
  static constexpr std::int16_t kNone = -2, kSeveral = -1;

  Result<void> fill(vision::Preprocessor& preprocessor, const ImageView& image, std::size_t set) {
    if (preprocessor.spec().type == PreprocessSpec::Type::f32)
      return preprocessor.run(image, session_->input_f32(0, set));
    return preprocessor.run(image, session_->input_u8(0, set));
  }

  gateway::ClassScore score_one(float output) const {
    const float score = kind_ == OutputKind::logit ? 1.0F / (1.0F + std::exp(-output)) : output;
    // One number can name a class only if there is just one on that side.
    const std::int16_t label = score >= threshold_ ? reject_label_ : pass_label_;
    return {std::clamp(score, 0.0F, 1.0F), std::max<std::int16_t>(label, -1)};  // clamp keeps a NaN
  }

  gateway::ClassScore score_labels(std::span<const float> output) {
    std::ranges::copy(output, probabilities_.begin());
    if (kind_ == OutputKind::logits) softmax();
    float reject = 0;
    for (std::size_t i = 0; i < rejects_.size(); ++i)
      if (rejects_[i]) reject += probabilities_[i];
    const auto best = std::ranges::max_element(probabilities_) - probabilities_.begin();
    return {std::clamp(reject, 0.0F, 1.0F), static_cast<std::int16_t>(best)};
  }

  void softmax() {
    const float top = *std::ranges::max_element(probabilities_);
    float sum = 0;
    for (float& value : probabilities_) sum += value = std::exp(value - top);
    for (float& value : probabilities_) value /= sum;
  }

  std::unique_ptr<Session> session_;
  std::size_t output_, set_ = 0;
  vision::Preprocessor preprocessor_, ahead_;  // ahead_: of the thread that calls make_input()
  OutputKind kind_;
  std::vector<std::string> labels_;
  std::vector<bool> rejects_;
  std::int16_t reject_label_ = kNone, pass_label_ = kNone;
  std::vector<float> probabilities_;
  std::string version_;
  float threshold_;
};

Result<void> check_input(const Manifest& manifest, const Session& session) {
  if (session.inputs().size() != 1)
    return fail(ErrorCode::model_unsupported,
                std::format("the model has {} inputs, a classifier has one", session.inputs().size()));
  const auto& input = session.inputs()[0];
  const auto type = manifest.input.type == PreprocessSpec::Type::f32 ? ElementType::f32 : ElementType::u8;
  const TensorInfo wanted{manifest.input.name, manifest.input.shape, type,
                          type == ElementType::f32 ? "float32" : "uint8"};
  if (input.name != wanted.name || input.shape != wanted.shape || input.type != wanted.type)
    return fail(ErrorCode::bundle_invalid,
                std::format("the model's input is {}, the manifest says {}", input.describe(), wanted.describe()));
  return {};
}

Result<std::size_t> find_output(const Manifest& manifest, const Session& session) {
  const TensorInfo wanted{manifest.output.name, manifest.output.shape, ElementType::f32, "float32"};
  std::string all;
  for (std::size_t i = 0; i < session.outputs().size(); ++i) {
    const auto& output = session.outputs()[i];
    if (output.name == wanted.name && output.shape == wanted.shape && output.type == wanted.type) return i;
    all += (i == 0 ? "" : ", ") + output.describe();
  }
  return fail(ErrorCode::bundle_invalid,
              std::format("the model's output is {}, the manifest says {}", all, wanted.describe()));
}

Result<std::vector<std::string>> choose_rejects(const Manifest& manifest, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return manifest.reject_labels;
  for (const auto& label : wanted)
    if (std::ranges::find(manifest.labels, label) == manifest.labels.end())
      return fail(ErrorCode::bundle_invalid, std::format("reject class '{}' is not among the labels of {}", label,
                                                         bundle::model_version(manifest)));
  if (!per_label(manifest.output_kind) && wanted != manifest.reject_labels)
    return fail(ErrorCode::bundle_invalid,
                std::format("{} gives one score and not one per class, so its reject classes can't be chosen",
                            bundle::model_version(manifest)));
  return wanted;
}

}  // namespace

Result<std::unique_ptr<gateway::Classifier>> make_classifier(const bundle::Bundle& bundle,
                                                             const config::InferenceSettings& settings,
                                                             MetricsRegistry& metrics,
                                                             const std::vector<std::string>& reject_classes) {
  const Manifest& manifest = bundle.manifest();
  if (manifest.task != "inspection")
    return fail(ErrorCode::bundle_invalid, std::format("{} is for the task {} and can't judge pictures",
                                                       bundle::model_version(manifest), manifest.task));
  LINESIDE_ASSIGN(const auto rejects, choose_rejects(manifest, reject_classes));
  const SessionOptions options{.library = settings.library,
                               .providers = settings.providers,
                               .fallback_to_cpu = settings.fallback_to_cpu,
                               .input_sets = 1 + gateway::Classifier::kPlaces};
  auto session = Session::create(bundle.onnx(), options);
  if (!session)
    return fail(session.error().code, std::format("{}: {}", bundle::model_version(manifest), session.error().message));
  auto& fallbacks = metrics.counter("lineside_inference_provider_fallbacks_total",
                                    "Sessions that run on the CPU because a preferred provider could not be used.");
  if ((*session)->provider_fell_back()) {
    fallbacks.add();
    log(LogLevel::warning, "inference", "a provider can't be used, the model runs elsewhere",
        {{"why", (*session)->fallback_reason()}, {"provider", (*session)->provider()}});
  }
  LINESIDE_TRY(check_input(manifest, **session));
  LINESIDE_ASSIGN(const std::size_t output, find_output(manifest, **session));
  return std::make_unique<OnnxClassifier>(manifest, std::move(*session), output, rejects);
}

Result<std::unique_ptr<gateway::Classifier>> make_classifier(const std::filesystem::path& path,
                                                             const config::InferenceSettings& settings,
                                                             MetricsRegistry& metrics,
                                                             const std::vector<std::string>& reject_classes) {
  LINESIDE_ASSIGN(const auto trust, bundle::Trust::from_files(settings.trusted_keys, settings.allow_unsigned));
  LINESIDE_ASSIGN(const auto opened, bundle::Bundle::open(path, trust));
  return make_classifier(opened, settings, metrics, reject_classes);
}

}  // namespace lineside::inference

#include "toolbox/report.h"

#include <format>

namespace lineside::toolbox {
namespace {

std::string share(const bundle::Share& share) {
  return std::format("{:.2f} % ({} of {}; 95 % interval {:.2f} .. {:.2f} %)", share.value * 100, share.count, share.of,
                     share.low * 100, share.high * 100);
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string preprocessing(const PreprocessSpec& spec) {
  static constexpr const char* kColors[] = {"rgb", "bgr", "gray"};
  const bool whole = spec.crop_left == 0 && spec.crop_top == 0 && spec.crop_right == 1 && spec.crop_bottom == 1;
  return std::format("{}{}x{} {}{}, {} {}",
                     whole ? ""
                           : std::format("crop ({}, {}) - ({}, {}), ", spec.crop_left, spec.crop_top, spec.crop_right,
                                         spec.crop_bottom),
                     spec.width, spec.height, kColors[static_cast<std::size_t>(spec.color)],
                     spec.fit == PreprocessSpec::Fit::letterbox ? " letterboxed" : "",
                     spec.layout == PreprocessSpec::Layout::nchw ? "nchw" : "nhwc",
                     spec.type == PreprocessSpec::Type::f32 ? "float32" : "uint8");
}

std::string signature(const bundle::Bundle& bundle) {
  if (!bundle.has_signature()) return "none";
  if (!bundle.signer().empty()) return "good, by trusted key " + bundle.signer();
  return "names key " + bundle.signer_hint() + " (not checked: give --trusted-key)";
}

// A machine's model: no labels, no pictures.
std::string describe_condition(const bundle::Bundle& bundle) {
  const auto& manifest = bundle.manifest();
  std::string text = std::format(
      "model         {} (counter {})\ntask          condition\ninput         '{}', {} features\n"
      "model.onnx    {} bytes, sha256 {}\ndetectors     {} bytes\nsignature     {}\n"
      "trained on    {} windows, sha256 {}, seed {}\n",
      bundle::model_version(manifest), manifest.counter, manifest.input.name, manifest.input.shape.back(),
      bundle.onnx().size(), bundle.onnx_sha256(), bundle.detectors().size(), signature(bundle), manifest.training_items,
      manifest.training_data_sha256, manifest.seed);
  if (!manifest.created.empty()) text += std::format("created       {} by {}\n", manifest.created, manifest.tool);
  return text;
}

}  // namespace

std::string describe(const bundle::TestFigures& figures) {
  return std::format(
      "AUROC         {:.4f}\nfalse rejects {}\nescapes       {}\n"
      "confusion     {} rejected rightly, {} rejected wrongly, {} passed rightly, {} escaped\n",
      figures.auroc, share(figures.false_reject), share(figures.escape), figures.true_reject,
      figures.false_reject_count, figures.true_pass, figures.escape_count);
}

std::string describe(const bundle::Bundle& bundle) {
  const auto& manifest = bundle.manifest();
  if (manifest.task == "condition") return describe_condition(bundle);
  std::string text = std::format(
      "model         {} (counter {})\ntask          {}\nlabels        {}\nrejects       {}\n"
      "threshold     {:.4f} (doubt band {:.4f})\npreprocessing {}\noutput        '{}', {}\nquantization  {}\n"
      "model.onnx    {} bytes, sha256 {}\nsignature     {}\n",
      bundle::model_version(manifest), manifest.counter, manifest.task, join(manifest.labels),
      join(manifest.reject_labels), manifest.reject_threshold, manifest.doubt_band, preprocessing(manifest.preprocess),
      manifest.output.name, to_string(manifest.output_kind), to_string(manifest.quantization), bundle.onnx().size(),
      bundle.onnx_sha256(), signature(bundle));
  if (manifest.training_items > 0)
    text += std::format("trained on    {} pictures, sha256 {}, seed {}\n", manifest.training_items,
                        manifest.training_data_sha256, manifest.seed);
  if (manifest.training_share < 1)
    text +=
        std::format("CUT SHORT     at {:.0f} % of its steps: for a first look only\n", 100 * manifest.training_share);
  if (!manifest.created.empty()) text += std::format("created       {} by {}\n", manifest.created, manifest.tool);
  if (manifest.parity)
    text +=
        std::format("parity        onnx {:.5f}, int8 {:.5f} (largest score differences), {} of {} verdicts flipped\n",
                    manifest.parity->onnx_error_max, manifest.parity->int8_error_max, manifest.parity->flipped,
                    manifest.parity->compared);
  if (manifest.test) text += "on the test split:\n" + describe(*manifest.test);
  return text;
}

}  // namespace lineside::toolbox

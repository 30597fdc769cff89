#include <cmath>
#include <cstdio>
#include <format>
#include <memory>

#include "inference/classifier.h"
#include "quantize/quantize.h"
#include "toolbox/bundle_make.h"
#include "toolbox/commands.h"
#include "toolbox/report.h"
#include "toolbox/trust.h"
#include "vision/image_io.h"
#include "vision/preprocess.h"

namespace lineside::toolbox {
namespace {

constexpr std::size_t kPicturesMax = 512, kPicturesMin = 8;
constexpr double kFlippedMax = 0.01;  // share of verdicts that may change

struct QuantizeOptions {
  std::filesystem::path bundle, images, out, key = bundle::SigningKey::default_path();
  std::vector<std::string> trusted_keys;
  std::string library;
  double difference_max = 0.1;
};

// Readable pictures, evenly taken from the folder, as tensors.
Result<std::vector<std::vector<float>>> load_tensors(const std::filesystem::path& folder, const PreprocessSpec& spec) {
  LINESIDE_ASSIGN(const auto files, vision::list_images(folder));
  vision::Preprocessor preprocessor(spec);
  std::vector<std::vector<float>> tensors;
  const std::size_t step = std::max<std::size_t>(1, (files.size() + kPicturesMax - 1) / kPicturesMax);
  for (std::size_t i = 0; i < files.size(); i += step) {
    const auto image = vision::load_image(files[i]);
    if (!image) {
      std::fputs(std::format("skipped: {}\n", image.error().message).c_str(), stderr);
      continue;
    }
    tensors.emplace_back(element_count(spec));
    LINESIDE_TRY(preprocessor.run(image->view(), std::span<float>(tensors.back())));
  }
  if (tensors.size() < kPicturesMin)
    return fail(ErrorCode::dataset_invalid,
                std::format("{} has {} usable pictures, {} are needed", folder.string(), tensors.size(), kPicturesMin));
  return tensors;
}

Result<std::vector<float>> scores_of(const bundle::Bundle& bundle, const std::filesystem::path& folder,
                                     const std::string& library) {
  MetricsRegistry metrics;
  LINESIDE_ASSIGN(const auto classifier, inference::make_classifier(bundle, {.library = library}, metrics));
  LINESIDE_TRY(classifier->warm_up());
  LINESIDE_ASSIGN(const auto files, vision::list_images(folder));
  std::vector<float> scores;
  for (const auto& file : files) {
    const auto image = vision::load_image(file);
    if (!image) continue;
    LINESIDE_TRY(classifier->preprocess(image->view()));
    LINESIDE_ASSIGN(const auto score, classifier->infer());
    scores.push_back(score.reject_score);
  }
  return scores;
}

bundle::Parity compare(const std::vector<float>& before, const std::vector<float>& after, double threshold) {
  bundle::Parity parity;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double difference = std::abs(static_cast<double>(before[i]) - static_cast<double>(after[i]));
    parity.int8_error_max = std::max(parity.int8_error_max, difference);
    parity.int8_error_mean += difference / static_cast<double>(before.size());
    parity.flipped += (before[i] >= threshold) != (after[i] >= threshold) ? 1 : 0;
  }
  parity.compared = before.size();
  return parity;
}

Result<void> check(const bundle::Parity& parity, const quantize::FusionReport& fusion, double difference_max) {
  if (!fusion.fused())
    return fail(ErrorCode::parity_failed,
                std::format("{} of {} convolutions stay in float on this CPU, so int8 would not be faster",
                            fusion.float_convolutions, fusion.float_convolutions + fusion.integer_convolutions));
  const double flipped_max = std::max(1.0, kFlippedMax * static_cast<double>(parity.compared));
  if (parity.int8_error_max > difference_max || static_cast<double>(parity.flipped) > flipped_max)
    return fail(ErrorCode::parity_failed,
                std::format("int8 differs by up to {:.4f} in the score ({} allowed) and flips {} of {} verdicts ({} "
                            "allowed)",
                            parity.int8_error_max, difference_max, parity.flipped, parity.compared, flipped_max));
  return {};
}

Result<int> quantize_bundle(const QuantizeOptions& options) {
  LINESIDE_ASSIGN(const auto trust, trust_for_tools(options.trusted_keys));
  LINESIDE_ASSIGN(const auto source, bundle::Bundle::open(options.bundle, trust));
  auto manifest = source.manifest();
  if (manifest.task != "inspection")
    return fail(ErrorCode::model_unsupported, "only a bundle that judges pictures can be quantized");
  if (manifest.quantization != bundle::Quantization::fp32 || manifest.input.type != PreprocessSpec::Type::f32)
    return fail(ErrorCode::model_unsupported, "only a bundle in fp32 with a float32 input can be quantized");
  LINESIDE_ASSIGN(const auto tensors, load_tensors(options.images, manifest.preprocess));
  const auto bytes = quantize::byte_input_of(manifest.preprocess);
  const auto progress = [](const std::string& line) { std::fputs((line + "\n").c_str(), stderr); };
  LINESIDE_ASSIGN(
      const auto model,
      quantize::quantize_best(source.onnx(), tensors, {.library = options.library, .byte_input = bytes}, progress));
  manifest.quantization = model.kind;
  if (bytes) manifest.input.type = manifest.preprocess.type = PreprocessSpec::Type::u8;
  manifest.version += "-int8";
  manifest.counter += 1;
  manifest.test.reset();  // measured on the float model
  LINESIDE_ASSIGN(const auto key, bundle::SigningKey::load_or_create(options.key));
  LINESIDE_ASSIGN(const auto unsigned_bytes, bundle::make_bundle(manifest, model.onnx, nullptr));
  LINESIDE_ASSIGN(const auto candidate,
                  bundle::Bundle::parse(unsigned_bytes, options.out.string(), {.allow_unsigned = true}));
  LINESIDE_ASSIGN(const auto before, scores_of(source, options.images, options.library));
  LINESIDE_ASSIGN(const auto after, scores_of(candidate, options.images, options.library));
  auto parity = compare(before, after, manifest.reject_threshold);
  LINESIDE_TRY(check(parity, model.fusion, options.difference_max));
  if (manifest.parity) parity.onnx_error_max = manifest.parity->onnx_error_max;
  manifest.parity = parity;
  LINESIDE_ASSIGN(const auto made, make_checked_bundle(manifest, model.onnx, key, options.library, options.out));
  std::fputs(describe(made).c_str(), stdout);
  return 0;
}

}  // namespace

cli::Command quantize_command() {
  const auto options = std::make_shared<QuantizeOptions>();
  cli::Command command{.name = "quantize", .summary = "turns an fp32 bundle into an int8 one"};
  command.details =
      "Calibrates on the pictures of a folder (up to 512), with three methods of which the one with the smallest error "
      "is kept. Nothing is written if convolutions stay in float, if a score moves by more than --max-difference, or "
      "if more than 1 % of the verdicts change.";
  command.options = {
      cli::required("--bundle", "FILE", "the fp32 bundle (.lsb)", options->bundle),
      cli::required("--images", "DIR", "pictures like those on the line", options->images),
      cli::required("--out", "FILE", "the int8 bundle to write (.lsb)", options->out),
      cli::option("--max-difference", "N", "largest change of a score, 0..1", options->difference_max),
      cli::option("--key", "FILE", "signing key (PEM)", options->key),
      cli::option("--trusted-key", "FILE", "public key that must have signed the bundle", options->trusted_keys),
      cli::option("--library", "FILE", "libonnxruntime.so to use instead of the system's", options->library)};
  command.examples = {{"lineside quantize --bundle caps.lsb --images good/ --out caps-int8.lsb",
                       "a smaller and faster model with the same verdicts"}};
  command.run = [options] { return quantize_bundle(*options); };
  return command;
}

}  // namespace lineside::toolbox

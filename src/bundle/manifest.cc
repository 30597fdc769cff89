#include "bundle/manifest.h"

#include <algorithm>
#include <format>
#include <set>

namespace lineside::bundle {
namespace {

// Collects problems, so that all are told at once.
class Problems {
 public:
  void check(bool good, std::string problem) {
    if (!good) all_ += (all_.empty() ? "" : "; ") + std::move(problem);
  }
  const std::string& text() const { return all_; }

 private:
  std::string all_;
};

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, allowed);
}

// What people and files are called: printable, without control characters.
bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
}

bool is_digest(std::string_view text) {
  return text.empty() || (text.size() == 64 && std::ranges::all_of(text, [](char c) {
                            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                          }));
}

bool is_share(double value) { return value >= 0 && value <= 1; }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += std::format("{}{}", i == 0 ? "" : ",", shape[i]);
  return text + "]";
}

void check_labels(const Manifest& manifest, Problems& problems) {
  const auto& labels = manifest.labels;
  problems.check(labels.size() >= 2 && labels.size() <= 256,
                 std::format("labels has {} entries, must have 2..256", labels.size()));
  problems.check(std::ranges::all_of(labels, is_label), "a label is empty, too long or not printable");
  problems.check(std::set<std::string>(labels.begin(), labels.end()).size() == labels.size(), "a label is there twice");
  problems.check(!manifest.reject_labels.empty(), "reject_labels is empty");
  for (const auto& label : manifest.reject_labels)
    problems.check(std::ranges::find(labels, label) != labels.end(),
                   std::format("reject label '{}' is not among the labels", label));
}

void check_tensors(const Manifest& manifest, Problems& problems) {
  const auto& spec = manifest.preprocess;
  const std::int64_t channels = channels_of(spec);
  const std::vector<std::int64_t> input = spec.layout == PreprocessSpec::Layout::nchw
                                              ? std::vector<std::int64_t>{1, channels, spec.height, spec.width}
                                              : std::vector<std::int64_t>{1, spec.height, spec.width, channels};
  problems.check(!manifest.input.name.empty() && !manifest.output.name.empty(), "input.name or output.name is empty");
  problems.check(manifest.input.shape == input, std::format("input.shape is {}, preprocessing makes {}",
                                                            shape_text(manifest.input.shape), shape_text(input)));
  problems.check(manifest.input.type == spec.type, "input.type and preprocess.type differ");
  problems.check(manifest.output.type == PreprocessSpec::Type::f32, "output.type must be float32");
  const bool per_label =
      manifest.output_kind == OutputKind::probabilities || manifest.output_kind == OutputKind::logits;
  const std::int64_t wanted = per_label ? static_cast<std::int64_t>(manifest.labels.size()) : 1;
  const auto& shape = manifest.output.shape;
  const bool fits = !shape.empty() && shape.size() <= 4 && shape.back() == wanted &&
                    std::ranges::all_of(shape.begin(), shape.end() - 1, [](auto size) { return size == 1; });
  problems.check(fits, std::format("output.shape is {}, output.kind {} needs [1,{}]", shape_text(shape),
                                   to_string(manifest.output_kind), wanted));
}

void check_inspection(const Manifest& manifest, Problems& problems) {
  if (const auto preprocess = lineside::validate(manifest.preprocess); !preprocess)
    problems.check(false, preprocess.error().message);
  check_labels(manifest, problems);
  check_tensors(manifest, problems);
}

// An autoencoder: what goes in comes out.
void check_vectors(const Manifest& manifest, Problems& problems) {
  const auto& shape = manifest.input.shape;
  problems.check(!manifest.input.name.empty() && !manifest.output.name.empty(), "input.name or output.name is empty");
  problems.check(shape.size() == 2 && shape[0] == 1 && shape[1] > 0 && manifest.output.shape == shape,
                 "input.shape and output.shape must both be [1,n]");
  problems.check(manifest.input.type == PreprocessSpec::Type::f32 && manifest.output.type == PreprocessSpec::Type::f32,
                 "input.type and output.type must be float32");
}

void check_share(const Share& share, std::string_view name, Problems& problems) {
  problems.check(share.count <= share.of && is_share(share.value) && is_share(share.low) && is_share(share.high) &&
                     share.low <= share.high,
                 std::format("test.{} is not a share with an interval", name));
}

}  // namespace

const char* to_string(OutputKind kind) {
  static constexpr const char* kNames[] = {"probability", "logit", "probabilities", "logits"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* to_string(Quantization quantization) {
  static constexpr const char* kNames[] = {"fp32", "int8-minmax", "int8-percentile", "int8-entropy"};
  return kNames[static_cast<std::size_t>(quantization)];
}

std::string model_version(const Manifest& manifest) { return manifest.name + "@" + manifest.version; }

Result<void> validate(const Manifest& manifest) {
  Problems problems;
  problems.check(is_name(manifest.name), "name must be 1..64 of a-z A-Z 0-9 . _ -");
  problems.check(is_name(manifest.version), "version must be 1..64 of a-z A-Z 0-9 . _ -");
  problems.check(manifest.counter >= 1, "counter must be at least 1");
  problems.check(manifest.task == "inspection" || manifest.task == "condition",
                 std::format("task is '{}', only 'inspection' and 'condition' are known", manifest.task));
  if (manifest.task == "condition")
    check_vectors(manifest, problems);
  else
    check_inspection(manifest, problems);
  problems.check(is_share(manifest.reject_threshold), "reject_threshold must be 0..1");
  problems.check(is_share(manifest.doubt_band), "doubt_band must be 0..1");
  problems.check(is_digest(manifest.training_data_sha256), "training.data_sha256 must be 64 hex digits or empty");
  problems.check(is_share(manifest.training_share), "training.share_of_steps must be 0..1");
  problems.check(manifest.tool.size() <= 256 && manifest.created.size() <= 64, "tool or created is too long");
  if (manifest.test) {
    problems.check(is_share(manifest.test->auroc), "test.auroc must be 0..1");
    check_share(manifest.test->false_reject, "false_reject", problems);
    check_share(manifest.test->escape, "escape", problems);
  }
  if (!problems.text().empty()) return fail(ErrorCode::bundle_invalid, "manifest: " + problems.text());
  return {};
}

}  // namespace lineside::bundle

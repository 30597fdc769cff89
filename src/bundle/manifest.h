#pragma once
// What a bundle says of its model: manifest.json. The format, key by key: docs/bundle-format.md.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/preprocess_spec.h"

namespace lineside::bundle {

// An input or output of the ONNX graph. Inputs and outputs have a batch dimension of 1 first.
struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  PreprocessSpec::Type type = PreprocessSpec::Type::f32;
};

// How the output becomes the reject score (0..1): one number per item, or one per label of which those of the reject
// labels are summed after softmax.
enum class OutputKind : std::uint8_t {
  probability,    // [1,1] or [1]: the reject score itself
  logit,          // [1,1] or [1]: sigmoid gives the reject score
  probabilities,  // [1,labels]: sum over the reject labels
  logits,         // [1,labels]: softmax, then the sum
};

enum class Quantization : std::uint8_t { fp32, int8_minmax, int8_percentile, int8_entropy };

// A share with its two-sided 95 % Wilson interval, and the count it comes from.
struct Share {
  std::uint64_t count = 0, of = 0;
  double value = 0, low = 0, high = 1;
};

// Measured once on the test split, which neither training nor threshold had seen.
struct TestFigures {
  double auroc = 0.5;
  Share false_reject;                                                                      // good items rejected
  Share escape;                                                                            // bad items passed
  std::uint64_t true_reject = 0, true_pass = 0, false_reject_count = 0, escape_count = 0;  // confusion matrix
  std::string split;  // how the test split was made: "by group", "by item"
};

// Differences of the reject score between the forms of one model.
struct Parity {
  double onnx_error_max = 0;                       // trained network against ONNX fp32
  double int8_error_max = 0, int8_error_mean = 0;  // ONNX fp32 against int8
  std::uint64_t flipped = 0, compared = 0;         // verdicts that differ, of so many
};

struct Manifest {
  std::string name;           // 1..64 of a-z A-Z 0-9 . _ -
  std::string version;        // likewise
  std::uint64_t counter = 1;  // from 1 on; a gateway takes only a higher one for the same name (anti-rollback)
  // "inspection": all of this. "condition": a vector goes in and comes out ([1,n] float32 both); preprocess, labels and
  // thresholds have no meaning and are not written: detectors.json holds what that task needs.
  std::string task = "inspection";
  TensorSpec input, output;
  OutputKind output_kind = OutputKind::probability;
  PreprocessSpec preprocess;
  std::vector<std::string> labels;         // 2..256, unique; for logit and probability: those that training knew
  std::vector<std::string> reject_labels;  // of labels, at least one
  double reject_threshold = 0.5;           // score >= threshold is a reject; 0..1
  double doubt_band = 0;                   // suggestion for "reject on doubt"; 0..1
  Quantization quantization = Quantization::fp32;
  std::optional<TestFigures> test;
  std::optional<Parity> parity;
  std::string training_data_sha256;  // 64 hex digits, or empty
  std::uint64_t training_items = 0;
  double training_share = 1;  // 0..1: of the planned steps; less when a time limit or Ctrl-C cut the training
  std::uint64_t seed = 0;
  std::string created;  // RFC 3339 UTC, or empty; reproducible builds set it from SOURCE_DATE_EPOCH
  std::string tool;     // program and version that wrote it
};

const char* to_string(OutputKind kind);
const char* to_string(Quantization quantization);

// "name@version"
std::string model_version(const Manifest& manifest);

// Every rule above, and that input shape, preprocessing, output shape and labels fit each other.
// Errors: bundle_invalid, all problems in one message.
Result<void> validate(const Manifest& manifest);

// Keys in a fixed order, numbers in their shortest form: the same manifest gives the same bytes.
std::string to_json(const Manifest& manifest);
// Strict: unknown keys, missing keys, wrong types and what validate() refuses are bundle_invalid.
Result<Manifest> parse_manifest(std::string_view json);
// For people who write one by hand: the same keys in YAML; counter, preprocess and all that has a sensible default may
// be left out. `name` stands for the file in messages.
Result<Manifest> parse_manifest_yaml(std::string_view yaml, std::string_view name);

}  // namespace lineside::bundle

#pragma once
// A model in ONNX Runtime, set up for low and steady latency: one thread, sequential, no spinning, tensors allocated
// once and bound. The runtime is a library loaded by path when a session is made, so that a vendor's build with its
// own execution provider drops in; nothing of it is linked.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace lineside::inference {

struct SessionOptions {
  std::string library;                        // path of libonnxruntime.so; empty: the system's
  std::vector<std::string> providers{"cpu"};  // in order of preference: cpu, dnnl, xnnpack, openvino, qnn, cuda ...
  bool fallback_to_cpu = false;               // a provider that can't be used: error, or CPU and provider_fell_back()
  int threads = 1;                            // intra-op
  std::size_t input_sets = 1;                 // of input tensors, each with memory of its own
  std::filesystem::path optimized_model;      // if set, the graph as the runtime optimized it is written there
};

enum class ElementType : std::uint8_t { f32, u8, other };

struct TensorInfo {
  std::string name;
  std::vector<std::int64_t> shape;  // a dynamic batch dimension has been fixed to 1
  ElementType type = ElementType::f32;
  std::string type_name;         // as ONNX calls it: "float32", "int64" ...
  std::string describe() const;  // "'image' float32 [1,3,128,128]"
};

// Owner thread only, from warm_up() on; create() may be called on another thread. run() allocates nothing of its own.
class Session {
 public:
  // Errors: runtime_unavailable (library or provider), model_unsupported (not a model, an input or output that is
  // dynamic beyond its batch dimension or neither float32 nor uint8: named with shape and type).
  static Result<std::unique_ptr<Session>> create(std::span<const std::uint8_t> onnx, const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;
  // The bound tensors' memory, valid as long as the session. Empty if the tensor has another type. Input sets that
  // run() does not read meanwhile may be filled on other threads.
  std::span<float> input_f32(std::size_t index = 0, std::size_t set = 0);
  std::span<std::uint8_t> input_u8(std::size_t index = 0, std::size_t set = 0);
  std::span<const float> output_f32(std::size_t index = 0) const;
  std::span<const std::uint8_t> output_u8(std::size_t index = 0) const;

  // Flushes denormals to zero on this thread and runs the model `runs` times on what the input holds.
  Result<void> warm_up(int runs = 3);
  Result<void> run(std::size_t set = 0);  // that set of inputs -> outputs. Errors: inference_failed

  const std::string& provider() const;  // the one that was taken
  bool provider_fell_back() const;      // a preferred one could not be used; why: fallback_reason()
  const std::string& fallback_reason() const;
  const std::string& runtime_version() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What inputs and outputs the model has, without creating a session for running: dynamic dimensions are -1 here.
struct ModelInfo {
  std::vector<TensorInfo> inputs, outputs;
};
Result<ModelInfo> inspect_model(std::span<const std::uint8_t> onnx, const std::string& library);

}  // namespace lineside::inference

#include "inference/session.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <format>
#include <new>

#include "inference/providers.h"
#include "inference/runtime.h"
#include "inference/tensor_info.h"

namespace lineside::inference {
namespace {

constexpr std::align_val_t kAlignment{64};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
};
using Buffer = std::unique_ptr<std::byte[], AlignedDelete>;

// Subnormal numbers make some CPUs a hundred times slower; for a score they are as good as zero.
void flush_denormals_on_this_thread() {
#if defined(__SSE__)
  _mm_setcsr(_mm_getcsr() | 0x8040U);  // FTZ and DAZ
#elif defined(__aarch64__)
  std::uint64_t control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  asm volatile("msr fpcr, %0" : : "r"(control | (1ULL << 24)));
#endif
}

std::optional<std::string> set_options(const Runtime& runtime, OrtSessionOptions* options,
                                       const SessionOptions& wanted) {
  const OrtApi& api = runtime.api();
  static constexpr std::pair<const char*, const char*> kEntries[] = {{"session.intra_op.allow_spinning", "0"},
                                                                     {"session.inter_op.allow_spinning", "0"},
                                                                     {"session.set_denormal_as_zero", "1"}};
  for (const auto& [key, value] : kEntries)
    if (auto failed = runtime.reason(api.AddSessionConfigEntry(options, key, value))) return failed;
  if (auto failed = runtime.reason(api.SetIntraOpNumThreads(options, wanted.threads))) return failed;
  if (auto failed = runtime.reason(api.SetSessionExecutionMode(options, ORT_SEQUENTIAL))) return failed;
  if (!wanted.optimized_model.empty())
    if (auto failed = runtime.reason(api.SetOptimizedModelFilePath(options, wanted.optimized_model.c_str())))
      return failed;
  return runtime.reason(api.SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
}

Result<Handle<OrtSession>> load_model(const Runtime& runtime, const OrtSessionOptions* options,
                                      std::span<const std::uint8_t> onnx) {
  OrtSession* session = nullptr;
  OrtStatus* status = runtime.api().CreateSessionFromArray(runtime.env(), onnx.data(), onnx.size(), options, &session);
  if (auto failed = runtime.reason(status))
    return fail(ErrorCode::model_unsupported, std::format("ONNX Runtime can't load the model: {}", *failed));
  return Handle<OrtSession>(session, runtime.api().ReleaseSession);
}

}  // namespace

struct Session::State {
  struct Tensor {
    TensorInfo info;
    std::size_t count = 0;
    Buffer memory;
    Handle<OrtValue> value{nullptr, nullptr};
  };
  std::shared_ptr<const Runtime> runtime;
  Handle<OrtSessionOptions> options{nullptr, nullptr};
  Handle<OrtSession> session{nullptr, nullptr};
  Handle<OrtMemoryInfo> memory_info{nullptr, nullptr};
  std::vector<TensorInfo> inputs, outputs;
  struct InputSet {
    std::vector<Tensor> tensors;
    Handle<OrtIoBinding> binding{nullptr, nullptr};
  };
  std::vector<InputSet> input_sets;
  std::vector<Tensor> output_tensors;
  ChosenProviders providers;
  std::string fallback_reason;

  std::optional<std::string> make_tensors(const std::vector<TensorInfo>& infos, std::vector<Tensor>& tensors);
  std::optional<std::string> bind(std::size_t sets);
  std::optional<std::string> bind_set(InputSet& set);
  Result<void> build(std::span<const std::uint8_t> onnx, const SessionOptions& wanted);
};

std::optional<std::string> Session::State::make_tensors(const std::vector<TensorInfo>& infos,
                                                        std::vector<Tensor>& tensors) {
  for (const auto& info : infos) {
    Tensor tensor{.info = info, .count = element_count(info)};
    const bool floats = info.type == ElementType::f32;
    const std::size_t bytes = tensor.count * (floats ? sizeof(float) : 1);
    tensor.memory = Buffer(new (kAlignment) std::byte[bytes]());
    OrtValue* value = nullptr;
    OrtStatus* status = runtime->api().CreateTensorWithDataAsOrtValue(
        memory_info.get(), tensor.memory.get(), bytes, info.shape.data(), info.shape.size(),
        floats ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT : ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, &value);
    if (auto failed = runtime->reason(status)) return failed;
    tensor.value = Handle<OrtValue>(value, runtime->api().ReleaseValue);
    tensors.push_back(std::move(tensor));
  }
  return std::nullopt;
}

std::optional<std::string> Session::State::bind(std::size_t sets) {
  const OrtApi& api = runtime->api();
  OrtMemoryInfo* memory = nullptr;
  if (auto failed = runtime->reason(api.CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory)))
    return failed;
  memory_info = Handle<OrtMemoryInfo>(memory, api.ReleaseMemoryInfo);
  if (auto failed = make_tensors(outputs, output_tensors)) return failed;
  input_sets = std::vector<InputSet>(sets);
  for (InputSet& set : input_sets)
    if (auto failed = bind_set(set)) return failed;
  return std::nullopt;
}

std::optional<std::string> Session::State::bind_set(InputSet& set) {
  const OrtApi& api = runtime->api();
  if (auto failed = make_tensors(inputs, set.tensors)) return failed;
  OrtIoBinding* raw = nullptr;
  if (auto failed = runtime->reason(api.CreateIoBinding(session.get(), &raw))) return failed;
  set.binding = Handle<OrtIoBinding>(raw, api.ReleaseIoBinding);
  for (const auto& tensor : set.tensors)
    if (auto failed = runtime->reason(api.BindInput(raw, tensor.info.name.c_str(), tensor.value.get()))) return failed;
  for (const auto& tensor : output_tensors)
    if (auto failed = runtime->reason(api.BindOutput(raw, tensor.info.name.c_str(), tensor.value.get()))) return failed;
  return std::nullopt;
}

Result<void> Session::State::build(std::span<const std::uint8_t> onnx, const SessionOptions& wanted) {
  const OrtApi& api = runtime->api();
  OrtSessionOptions* raw = nullptr;
  auto failed = runtime->reason(api.CreateSessionOptions(&raw));
  options = Handle<OrtSessionOptions>(raw, api.ReleaseSessionOptions);
  if (!failed) failed = set_options(*runtime, raw, wanted);
  if (failed)
    return fail(ErrorCode::runtime_unavailable, std::format("ONNX Runtime refuses its settings: {}", *failed));
  LINESIDE_ASSIGN(providers, add_providers(*runtime, *raw, wanted.providers, wanted.fallback_to_cpu));
  for (const auto& reason : providers.failed) fallback_reason += (fallback_reason.empty() ? "" : "; ") + reason;
  LINESIDE_ASSIGN(session, load_model(*runtime, raw, onnx));
  LINESIDE_ASSIGN(inputs, read_tensors(*runtime, *session, Side::input));
  LINESIDE_ASSIGN(outputs, read_tensors(*runtime, *session, Side::output));
  LINESIDE_TRY(make_fixed(inputs, Side::input));
  LINESIDE_TRY(make_fixed(outputs, Side::output));
  if (auto why = bind(wanted.input_sets))
    return fail(ErrorCode::model_unsupported, std::format("the model's tensors can't be bound: {}", *why));
  return {};
}

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::create(std::span<const std::uint8_t> onnx, const SessionOptions& options) {
  auto state = std::make_unique<State>();
  LINESIDE_ASSIGN(state->runtime, Runtime::load(options.library));
  LINESIDE_TRY(state->build(onnx, options));
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

const std::vector<TensorInfo>& Session::inputs() const { return state_->inputs; }
const std::vector<TensorInfo>& Session::outputs() const { return state_->outputs; }

std::span<float> Session::input_f32(std::size_t index, std::size_t set) {
  auto& tensor = state_->input_sets.at(set).tensors.at(index);
  if (tensor.info.type != ElementType::f32) return {};
  return {reinterpret_cast<float*>(tensor.memory.get()), tensor.count};
}

std::span<std::uint8_t> Session::input_u8(std::size_t index, std::size_t set) {
  auto& tensor = state_->input_sets.at(set).tensors.at(index);
  if (tensor.info.type != ElementType::u8) return {};
  return {reinterpret_cast<std::uint8_t*>(tensor.memory.get()), tensor.count};
}

std::span<const float> Session::output_f32(std::size_t index) const {
  const auto& tensor = state_->output_tensors.at(index);
  if (tensor.info.type != ElementType::f32) return {};
  return {reinterpret_cast<const float*>(tensor.memory.get()), tensor.count};
}

std::span<const std::uint8_t> Session::output_u8(std::size_t index) const {
  const auto& tensor = state_->output_tensors.at(index);
  if (tensor.info.type != ElementType::u8) return {};
  return {reinterpret_cast<const std::uint8_t*>(tensor.memory.get()), tensor.count};
}

Result<void> Session::warm_up(int runs) {
  flush_denormals_on_this_thread();
  for (int i = 0; i < runs; ++i) LINESIDE_TRY(run());
  return {};
}

Result<void> Session::run(std::size_t set) {
  const OrtApi& api = state_->runtime->api();
  State::InputSet& inputs = state_->input_sets[set];
  OrtStatus* status = nullptr;
  // Where the device has memory of its own, binding is when the input goes there.
  if (state_->providers.first != "cpu")
    for (const auto& tensor : inputs.tensors)
      if (status == nullptr) status = api.BindInput(inputs.binding.get(), tensor.info.name.c_str(), tensor.value.get());
  if (status == nullptr) status = api.RunWithBinding(state_->session.get(), nullptr, inputs.binding.get());
  if (status == nullptr) [[likely]]
    return {};
  return fail(ErrorCode::inference_failed, std::format("the model did not run: {}", *state_->runtime->reason(status)));
}

const std::string& Session::provider() const { return state_->providers.first; }
bool Session::provider_fell_back() const { return !state_->providers.failed.empty(); }
const std::string& Session::fallback_reason() const { return state_->fallback_reason; }
const std::string& Session::runtime_version() const { return state_->runtime->version(); }

Result<ModelInfo> inspect_model(std::span<const std::uint8_t> onnx, const std::string& library) {
  LINESIDE_ASSIGN(const auto runtime, Runtime::load(library));
  OrtSessionOptions* raw = nullptr;
  auto failed = runtime->reason(runtime->api().CreateSessionOptions(&raw));
  const Handle<OrtSessionOptions> options(raw, runtime->api().ReleaseSessionOptions);
  if (!failed) failed = runtime->reason(runtime->api().SetSessionGraphOptimizationLevel(raw, ORT_DISABLE_ALL));
  if (failed) return fail(ErrorCode::runtime_unavailable, std::format("ONNX Runtime does not start: {}", *failed));
  LINESIDE_ASSIGN(const auto session, load_model(*runtime, raw, onnx));
  ModelInfo info;
  LINESIDE_ASSIGN(info.inputs, read_tensors(*runtime, *session, Side::input));
  LINESIDE_ASSIGN(info.outputs, read_tensors(*runtime, *session, Side::output));
  return info;
}

}  // namespace lineside::inference

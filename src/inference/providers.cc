#include "inference/providers.h"

#include <format>

namespace lineside::inference {
namespace {

struct Provider {
  std::string_view name;       // in the configuration
  std::string_view full_name;  // in GetAvailableProviders
  const char* generic_name;    // for SessionOptionsAppendExecutionProvider; null: has a function of its own
};
constexpr Provider kProviders[] = {
    {"dnnl", "DnnlExecutionProvider", nullptr},
    {"cuda", "CUDAExecutionProvider", nullptr},
    {"tensorrt", "TensorrtExecutionProvider", nullptr},
    {"openvino", "OpenVINOExecutionProvider", "OpenVINO"},
    {"qnn", "QNNExecutionProvider", "QNN"},
    {"xnnpack", "XnnpackExecutionProvider", "XNNPACK"},
    {"vitisai", "VitisAIExecutionProvider", "VitisAI"},
    {"migraphx", "MIGraphXExecutionProvider", "MIGraphX"},
};

std::vector<std::string> available(const Runtime& runtime) {
  char** names = nullptr;
  int count = 0;
  std::vector<std::string> result;
  if (runtime.reason(runtime.api().GetAvailableProviders(&names, &count))) return result;
  result.assign(names, names + count);
  runtime.reason(runtime.api().ReleaseAvailableProviders(names, count));
  return result;
}

std::string short_names(const std::vector<std::string>& full_names) {
  std::string text = "cpu";
  for (const auto& provider : kProviders)
    if (std::ranges::find(full_names, provider.full_name) != full_names.end())
      text += std::format(", {}", provider.name);
  return text;
}

std::optional<std::string> add_cuda(const Runtime& runtime, OrtSessionOptions& options) {
  const OrtApi& api = runtime.api();
  OrtCUDAProviderOptionsV2* raw = nullptr;
  if (auto failed = runtime.reason(api.CreateCUDAProviderOptions(&raw))) return failed;
  const Handle<OrtCUDAProviderOptionsV2> cuda(raw, api.ReleaseCUDAProviderOptions);
  return runtime.reason(api.SessionOptionsAppendExecutionProvider_CUDA_V2(&options, cuda.get()));
}

std::optional<std::string> add_tensorrt(const Runtime& runtime, OrtSessionOptions& options) {
  const OrtApi& api = runtime.api();
  OrtTensorRTProviderOptionsV2* raw = nullptr;
  if (auto failed = runtime.reason(api.CreateTensorRTProviderOptions(&raw))) return failed;
  const Handle<OrtTensorRTProviderOptionsV2> tensorrt(raw, api.ReleaseTensorRTProviderOptions);
  return runtime.reason(api.SessionOptionsAppendExecutionProvider_TensorRT_V2(&options, tensorrt.get()));
}

std::optional<std::string> add_dnnl(const Runtime& runtime, OrtSessionOptions& options) {
  const OrtApi& api = runtime.api();
  OrtDnnlProviderOptions* raw = nullptr;
  if (auto failed = runtime.reason(api.CreateDnnlProviderOptions(&raw))) return failed;
  const Handle<OrtDnnlProviderOptions> dnnl(raw, api.ReleaseDnnlProviderOptions);
  return runtime.reason(api.SessionOptionsAppendExecutionProvider_Dnnl(&options, dnnl.get()));
}

// The reason why not, or nothing.
std::optional<std::string> add(const Runtime& runtime, OrtSessionOptions& options, const Provider& provider) {
  if (provider.name == "cuda") return add_cuda(runtime, options);
  if (provider.name == "tensorrt") return add_tensorrt(runtime, options);
  if (provider.name == "dnnl") return add_dnnl(runtime, options);
  return runtime.reason(
      runtime.api().SessionOptionsAppendExecutionProvider(&options, provider.generic_name, nullptr, nullptr, 0));
}

std::optional<std::string> try_provider(const Runtime& runtime, OrtSessionOptions& options, const std::string& name,
                                        const std::vector<std::string>& present) {
  const auto provider = std::ranges::find(kProviders, name, &Provider::name);
  if (provider == std::end(kProviders)) return "there is no provider of this name";
  if (std::ranges::find(present, provider->full_name) == present.end())
    return std::format("ONNX Runtime {} was built without it", runtime.version());
  return add(runtime, options, *provider);
}

}  // namespace

Result<ChosenProviders> add_providers(const Runtime& runtime, OrtSessionOptions& options,
                                      const std::vector<std::string>& names, bool fallback) {
  const auto present = available(runtime);
  ChosenProviders chosen;
  bool first = true;
  for (const auto& name : names) {
    if (name == "cpu") break;  // takes every operator: what stands behind it would never be asked
    if (auto why = try_provider(runtime, options, name, present)) {
      if (!fallback)
        return fail(ErrorCode::runtime_unavailable,
                    std::format("execution provider '{}' can't be used: {}. This library has: {}", name, *why,
                                short_names(present)));
      chosen.failed.push_back(name + ": " + *why);
      continue;
    }
    if (first) chosen.first = name;
    first = false;
  }
  return chosen;
}

}  // namespace lineside::inference

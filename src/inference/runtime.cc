#include "inference/runtime.h"

#include <dlfcn.h>

#include <format>

#include "base/log.h"

namespace lineside::inference {
namespace {

void ORT_API_CALL on_log(void*, OrtLoggingLevel level, const char*, const char*, const char* where,
                         const char* message) {
  log(level >= ORT_LOGGING_LEVEL_ERROR ? LogLevel::error : LogLevel::warning, "onnxruntime", message,
      {{"where", std::string(where)}});
}

// The loaded library stays: it has threads and thread-local state of its own.
void* open_library(const std::string& library, std::string& reason) {
  static constexpr const char* kSystem[] = {"libonnxruntime.so.1.21", "libonnxruntime.so.1", "libonnxruntime.so"};
  constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
  if (!library.empty()) {
    void* handle = dlopen(library.c_str(), kFlags);
    if (handle == nullptr) reason = dlerror();
    return handle;
  }
  for (const char* name : kSystem) {
    if (void* handle = dlopen(name, kFlags)) return handle;
    if (reason.empty()) reason = dlerror();
  }
  return nullptr;
}

}  // namespace

Runtime::Runtime(const OrtApi* api, std::string version)
    : api_(api), version_(std::move(version)) {}

Result<std::shared_ptr<const Runtime>> Runtime::load(const std::string& library) {
  std::string why;
  void* handle = open_library(library, why);
  if (handle == nullptr)
    return fail(ErrorCode::runtime_unavailable, std::format("the ONNX Runtime library can't be loaded: {}", why));
  const auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  const std::string name = library.empty() ? "libonnxruntime.so" : library;
  if (get_base == nullptr)
    return fail(ErrorCode::runtime_unavailable, std::format("{} is not an ONNX Runtime library", name));
  const OrtApiBase* base = get_base();
  const OrtApi* api = base->GetApi(kRuntimeApiVersion);
  if (api == nullptr)
    return fail(ErrorCode::runtime_unavailable, std::format("{} is ONNX Runtime {}, 1.{} or newer is needed", name,
                                                            base->GetVersionString(), kRuntimeApiVersion));
  std::shared_ptr<Runtime> runtime(new Runtime(api, base->GetVersionString()));
  // Never released: made anew after its last user has gone, it would register every operator a second time and
  // complain about each.
  OrtStatus* status =
      api->CreateEnvWithCustomLogger(on_log, nullptr, ORT_LOGGING_LEVEL_ERROR, "lineside", &runtime->env_);
  if (auto failed = runtime->reason(status))
    return fail(ErrorCode::runtime_unavailable, std::format("{} does not start: {}", name, *failed));
  return runtime;
}

std::optional<std::string> Runtime::reason(OrtStatus* status) const {
  if (status == nullptr) return std::nullopt;
  std::string text = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  return text;
}

}  // namespace lineside::inference

#include "inference/runtime.h"

#include <dlfcn.h>

#include <format>
#include <iostream>
#include <mutex>
#include <streambuf>

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

// ONNX ModelProto: y = Identity(x), float32 [1], opset 17.
constexpr std::uint8_t kTinyModel[] = {
    0x08, 8,                                                                                        // ir_version
    0x3A, 55,                                                                                       // graph
    0x0A, 16, 0x0A, 1, 'x', 0x12, 1,  'y',  0x22, 8,    'I', 'd',  'e', 'n',  't', 'i',  't', 'y',  // node
    0x12, 1,  'g',                                                                                  // name
    0x5A, 15, 0x0A, 1, 'x', 0x12, 10, 0x0A, 8,    0x08, 1,   0x12, 4,   0x0A, 2,   0x08, 1,         // input
    0x62, 15, 0x0A, 1, 'y', 0x12, 10, 0x0A, 8,    0x08, 1,   0x12, 4,   0x0A, 2,   0x08, 1,         // output
    0x42, 2,  0x10, 17};                                                                            // opset_import

class Silence final : public std::streambuf {
 public:
  Silence() : before_(std::cerr.rdbuf(this)) {}
  ~Silence() override { std::cerr.rdbuf(before_); }

 protected:
  int overflow(int c) override { return c; }
  std::streamsize xsputn(const char*, std::streamsize count) override { return count; }

 private:
  std::streambuf* before_;
};

// A distribution's ONNX Runtime with the ONNX operators in a shared library of their own registers them twice, and
// writes a complaint about each of 567 to std::cerr when the first model of the process is loaded. So that is a tiny
// one, while nobody listens.
void load_first_model(const OrtApi& api, const OrtEnv* env) {
  const Silence silence;
  OrtSessionOptions* options = nullptr;
  OrtSession* session = nullptr;
  if (OrtStatus* status = api.CreateSessionOptions(&options)) return api.ReleaseStatus(status);
  if (OrtStatus* status = api.SetIntraOpNumThreads(options, 1)) api.ReleaseStatus(status);
  if (OrtStatus* status = api.CreateSessionFromArray(env, kTinyModel, sizeof kTinyModel, options, &session))
    api.ReleaseStatus(status);
  api.ReleaseSession(session);
  api.ReleaseSessionOptions(options);
}

}  // namespace

Runtime::Runtime(const OrtApi* api, std::string version) : api_(api), version_(std::move(version)) {}

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
  static std::once_flag first_model;
  std::call_once(first_model, load_first_model, *api, runtime->env_);
  return runtime;
}

std::optional<std::string> Runtime::reason(OrtStatus* status) const {
  if (status == nullptr) return std::nullopt;
  std::string text = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  return text;
}

}  // namespace lineside::inference

#pragma once
// The ONNX Runtime library, loaded by path, and its C interface. Any version from 1.16 on: the interface grows only at
// its end, so asking for an older one works with every newer library.
#include <onnxruntime_c_api.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace lineside::inference {

inline constexpr std::uint32_t kRuntimeApiVersion = 16;

// Something of ONNX Runtime's that is released with it.
template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

// Immutable, any thread. Sessions share what ONNX Runtime itself shares for a process.
class Runtime {
 public:
  // `library`: path; empty: the system's. Errors: runtime_unavailable, with the loader's reason.
  static Result<std::shared_ptr<const Runtime>> load(const std::string& library);

  const OrtApi& api() const { return *api_; }
  OrtEnv* env() const { return env_; }
  const std::string& version() const { return version_; }

  // The reason of a failed call, or nothing when it worked. Takes the status.
  std::optional<std::string> reason(OrtStatus* status) const;

 private:
  Runtime(const OrtApi* api, std::string version);
  const OrtApi* api_;
  std::string version_;
  OrtEnv* env_ = nullptr;  // the process has one, counted by ONNX Runtime; kept until the process ends
};

}  // namespace lineside::inference

#include "inference/tensor_info.h"

#include <format>

namespace lineside::inference {
namespace {

constexpr std::int64_t kElementsMax = 64 << 20;

constexpr const char* kTypeNames[] = {"undefined", "float32", "uint8",   "int8",    "uint16",  "int16",
                                      "int32",     "int64",   "string",  "bool",    "float16", "float64",
                                      "uint32",    "uint64",  "complex", "complex", "bfloat16"};

const char* word(Side side) { return side == Side::input ? "input" : "output"; }

struct TypeAndShape {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::vector<std::int64_t> shape;
  bool tensor = false;
};

std::optional<std::string> read_type(const Runtime& runtime, const OrtSession& session, Side side, std::size_t index,
                                     TypeAndShape& result) {
  const OrtApi& api = runtime.api();
  OrtTypeInfo* raw = nullptr;
  OrtStatus* status = side == Side::input ? api.SessionGetInputTypeInfo(&session, index, &raw)
                                          : api.SessionGetOutputTypeInfo(&session, index, &raw);
  if (auto failed = runtime.reason(status)) return failed;
  const Handle<OrtTypeInfo> info(raw, api.ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  if (auto failed = runtime.reason(api.CastTypeInfoToTensorInfo(info.get(), &tensor))) return failed;
  if (tensor == nullptr) return std::nullopt;  // belongs to info
  result.tensor = true;
  std::size_t rank = 0;
  if (auto failed = runtime.reason(api.GetTensorElementType(tensor, &result.type))) return failed;
  if (auto failed = runtime.reason(api.GetDimensionsCount(tensor, &rank))) return failed;
  result.shape.resize(rank);
  return runtime.reason(api.GetDimensions(tensor, result.shape.data(), rank));
}

std::optional<std::string> read_name(const Runtime& runtime, const OrtSession& session, Side side, std::size_t index,
                                     std::string& name) {
  const OrtApi& api = runtime.api();
  OrtAllocator* allocator = nullptr;
  if (auto failed = runtime.reason(api.GetAllocatorWithDefaultOptions(&allocator))) return failed;
  char* text = nullptr;
  OrtStatus* status = side == Side::input ? api.SessionGetInputName(&session, index, allocator, &text)
                                          : api.SessionGetOutputName(&session, index, allocator, &text);
  if (auto failed = runtime.reason(status)) return failed;
  name = text;
  return runtime.reason(api.AllocatorFree(allocator, text));
}

}  // namespace

std::string TensorInfo::describe() const {
  std::string text = std::format("'{}' {} [", name, type_name);
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i == 0 ? "" : ",") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return text + "]";
}

Result<std::vector<TensorInfo>> read_tensors(const Runtime& runtime, const OrtSession& session, Side side) {
  const OrtApi& api = runtime.api();
  std::size_t count = 0;
  auto failed = runtime.reason(side == Side::input ? api.SessionGetInputCount(&session, &count)
                                                   : api.SessionGetOutputCount(&session, &count));
  std::vector<TensorInfo> tensors(failed ? 0 : count);
  for (std::size_t i = 0; !failed && i < count; ++i) {
    TypeAndShape read;
    failed = read_name(runtime, session, side, i, tensors[i].name);
    if (!failed) failed = read_type(runtime, session, side, i, read);
    if (failed) break;
    if (!read.tensor)
      return fail(ErrorCode::model_unsupported, std::format("{} '{}' is not a tensor", word(side), tensors[i].name));
    const auto type = static_cast<std::size_t>(read.type);
    tensors[i].type_name = type < std::size(kTypeNames) ? kTypeNames[type] : "another type";
    tensors[i].type = read.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT   ? ElementType::f32
                      : read.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 ? ElementType::u8
                                                                         : ElementType::other;
    tensors[i].shape = std::move(read.shape);
  }
  if (failed)
    return fail(ErrorCode::model_unsupported, std::format("the model's {}s can't be read: {}", word(side), *failed));
  return tensors;
}

Result<void> make_fixed(std::vector<TensorInfo>& tensors, Side side) {
  for (auto& tensor : tensors) {
    const std::string found = tensor.describe();
    if (tensor.type == ElementType::other)
      return fail(ErrorCode::model_unsupported, std::format("{} {} has type {}; only float32 and uint8 can be used",
                                                            word(side), found, tensor.type_name));
    if (!tensor.shape.empty() && tensor.shape[0] < 0) tensor.shape[0] = 1;
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) {
      if (size < 0)
        return fail(ErrorCode::model_unsupported,
                    std::format("{} {} has a dynamic size beyond its batch dimension; export the model with a fixed "
                                "shape",
                                word(side), found));
      if (size == 0 || size > kElementsMax || (count *= size) > kElementsMax)
        return fail(ErrorCode::model_unsupported,
                    std::format("{} {} has no elements or more than {}", word(side), found, kElementsMax));
    }
  }
  return {};
}

std::size_t element_count(const TensorInfo& tensor) {
  std::size_t count = 1;
  for (const std::int64_t size : tensor.shape) count *= static_cast<std::size_t>(size);
  return count;
}

}  // namespace lineside::inference

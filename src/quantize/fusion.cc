#include <onnx/onnx_pb.h>
#include <stdlib.h>

#include <format>

#include "base/file.h"
#include "inference/session.h"
#include "quantize/quantize.h"

namespace lineside::quantize {
namespace {

// A folder of its own that goes with everything in it.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "lineside-quantize-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void count(const onnx::NodeProto& node, FusionReport& report) {
  const std::string& type = node.op_type();
  ++report.operators[type];
  if (type == "QLinearConv" || type == "ConvInteger") ++report.integer_convolutions;
  if (type == "QGemm" || type == "QLinearMatMul" || type == "MatMulInteger" || type == "MatMulIntegerToFloat")
    ++report.integer_gemms;
  if (type == "Gemm" || type == "FusedGemm" || type == "MatMul") ++report.float_gemms;
  if (type == "Conv" || type == "FusedConv" || type == "NhwcFusedConv") {
    ++report.float_convolutions;
    report.not_fused.push_back(node.name());
  }
}

}  // namespace

Result<FusionReport> check_fused(std::span<const std::uint8_t> int8_onnx, const std::string& library) {
  const ScratchFolder scratch;
  if (scratch.path().empty()) return fail(ErrorCode::file_io, "no temporary folder can be made; check TMPDIR");
  const fs::path file = scratch.path() / "optimized.onnx";
  {
    LINESIDE_TRY(inference::Session::create(int8_onnx, {.library = library, .optimized_model = file}));
  }
  LINESIDE_ASSIGN(const auto bytes, read_bytes(file));
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::internal, "the optimized graph that the runtime wrote can't be read");
  FusionReport report;
  for (const auto& node : model.graph().node()) count(node, report);
  return report;
}

}  // namespace lineside::quantize

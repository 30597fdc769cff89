// Attribute service set, Write (OPC 10000-4, 5.11.4): the value of one node.
#include <array>
#include <cmath>
#include <format>
#include <limits>
#include <type_traits>

#include "opcua/connection_impl.h"

namespace lineside::opcua {
namespace {

// A number in the form of the node's type.
struct Scalar {
  alignas(8) std::array<std::byte, 8> bytes{};
  const UA_DataType* type = nullptr;
};

constexpr double kWholeMax = 9'007'199'254'740'992;  // 2^53: beyond it a double skips whole numbers

template <class T>
bool put(double number, std::size_t type, Scalar& scalar) {
  if constexpr (!std::is_floating_point_v<T>) {
    const double least = std::is_same_v<T, bool> ? 0 : static_cast<double>(std::numeric_limits<T>::min());
    const double most = std::is_same_v<T, bool> ? 1 : static_cast<double>(std::numeric_limits<T>::max());
    if (number != std::round(number) || number < least || number > most || std::abs(number) > kWholeMax) return false;
  } else if (std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) {
    return false;
  }
  *reinterpret_cast<T*>(scalar.bytes.data()) = static_cast<T>(number);
  scalar.type = &UA_TYPES[type];
  return true;
}

// False: the type can't hold it, or is none of a number.
bool put_as(std::string_view type, double number, Scalar& scalar) {
  if (type == "Boolean") return put<bool>(number, UA_TYPES_BOOLEAN, scalar);
  if (type == "SByte") return put<std::int8_t>(number, UA_TYPES_SBYTE, scalar);
  if (type == "Byte") return put<std::uint8_t>(number, UA_TYPES_BYTE, scalar);
  if (type == "Int16") return put<std::int16_t>(number, UA_TYPES_INT16, scalar);
  if (type == "UInt16") return put<std::uint16_t>(number, UA_TYPES_UINT16, scalar);
  if (type == "Int32") return put<std::int32_t>(number, UA_TYPES_INT32, scalar);
  if (type == "UInt32") return put<std::uint32_t>(number, UA_TYPES_UINT32, scalar);
  if (type == "Int64") return put<std::int64_t>(number, UA_TYPES_INT64, scalar);
  if (type == "UInt64") return put<std::uint64_t>(number, UA_TYPES_UINT64, scalar);
  if (type == "Float") return put<float>(number, UA_TYPES_FLOAT, scalar);
  if (type == "Double") return put<double>(number, UA_TYPES_DOUBLE, scalar);
  return false;
}

}  // namespace

Result<void> Connection::Impl::write(const std::string& node, std::string_view type, double number, MonoTime deadline,
                                     const std::stop_token& stop) {
  const auto id = NodeIdText::parse(node);
  if (!id) return fail(ErrorCode::usage, std::format("'{}' is no node", node));
  Scalar scalar;
  if (!put_as(type, number, scalar))
    return fail(ErrorCode::usage, std::format("{} is a {}, which can't be {}", node, type, number));
  UA_WriteValue value;
  UA_WriteValue_init(&value);
  value.nodeId = id->get();
  value.attributeId = UA_ATTRIBUTEID_VALUE;
  value.value.hasValue = true;  // without times: many servers take no others than their own
  UA_Variant_setScalar(&value.value.value, scalar.bytes.data(), scalar.type);
  UA_WriteRequest request;
  UA_WriteRequest_init(&request);
  request.nodesToWrite = &value;
  request.nodesToWriteSize = 1;
  UA_WriteResponse response;
  auto asked =
      ask(request, UA_TYPES[UA_TYPES_WRITEREQUEST], response, UA_TYPES[UA_TYPES_WRITERESPONSE], deadline, stop);
  if (asked && response.resultsSize != 1) asked = lost("its answer is not of the length of the question");
  const UA_StatusCode status = asked ? response.results[0] : UA_STATUSCODE_GOOD;
  UA_WriteResponse_clear(&response);
  if (asked && (status & 0x8000'0000U) != 0)
    return fail(ErrorCode::write_refused, std::format("{}: {}", node, status_name(status)));
  return asked;
}

}  // namespace lineside::opcua

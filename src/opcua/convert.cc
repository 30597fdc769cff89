#include "opcua/convert.h"

#include <limits>

namespace lineside::opcua {
namespace {

constexpr std::uint32_t kInfoBits = 0x0000'0C00U, kInfoDataValue = 0x0000'0400U, kOverflow = 0x0000'0080U;

template <class T>
void take(const UA_Variant& from, std::size_t count, DataValue& value) {
  const auto* data = static_cast<const T*>(from.data);
  value.numbers.assign(data, data + count);
}

void take_numbers(const UA_Variant& from, std::size_t count, DataValue& value) {
  switch (from.type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
      return take<UA_Boolean>(from, count, value);
    case UA_DATATYPEKIND_SBYTE:
      return take<UA_SByte>(from, count, value);
    case UA_DATATYPEKIND_BYTE:
      return take<UA_Byte>(from, count, value);
    case UA_DATATYPEKIND_INT16:
      return take<UA_Int16>(from, count, value);
    case UA_DATATYPEKIND_UINT16:
      return take<UA_UInt16>(from, count, value);
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
      return take<UA_Int32>(from, count, value);
    case UA_DATATYPEKIND_UINT32:
      return take<UA_UInt32>(from, count, value);
    case UA_DATATYPEKIND_INT64:
      return take<UA_Int64>(from, count, value);
    case UA_DATATYPEKIND_UINT64:
      return take<UA_UInt64>(from, count, value);
    case UA_DATATYPEKIND_FLOAT:
      return take<UA_Float>(from, count, value);
    case UA_DATATYPEKIND_DOUBLE:
      return take<UA_Double>(from, count, value);
    default:
      return;
  }
}

void take_text(const UA_Variant& from, DataValue& value) {
  const auto kind = from.type->typeKind;
  if (kind == UA_DATATYPEKIND_STRING || kind == UA_DATATYPEKIND_BYTESTRING)
    value.text = view(*static_cast<const UA_String*>(from.data));
  if (kind == UA_DATATYPEKIND_LOCALIZEDTEXT) value.text = view(static_cast<const UA_LocalizedText*>(from.data)->text);
}

}  // namespace

std::string_view status_name(std::uint32_t status) { return UA_StatusCode_name(status); }

WallTime to_wall(UA_DateTime time, unsigned picoseconds_10) {
  constexpr std::int64_t kTicksMax = std::numeric_limits<std::int64_t>::max() / 100 - 1;
  const std::int64_t ticks = time - UA_DATETIME_UNIX_EPOCH;
  if (ticks <= 0 || ticks > kTicksMax) return {};
  const unsigned below_tick_ns = picoseconds_10 < 10'000 ? picoseconds_10 / 100 : 0;
  return WallTime{std::chrono::nanoseconds{ticks * 100 + below_tick_ns}};
}

UA_DateTime to_ua(WallTime time) { return time.time_since_epoch().count() / 100 + UA_DATETIME_UNIX_EPOCH; }

void convert(const UA_DataValue& from, DataValue& value) {
  value.type = {};
  value.array = false;
  value.dimensions.clear();
  value.numbers.clear();
  value.text.clear();
  value.source_time = from.hasSourceTimestamp
                          ? to_wall(from.sourceTimestamp, from.hasSourcePicoseconds ? from.sourcePicoseconds : 0)
                          : WallTime{};
  value.server_time = from.hasServerTimestamp ? to_wall(from.serverTimestamp) : WallTime{};
  value.status = from.hasStatus ? from.status : UA_STATUSCODE_GOOD;
  value.overflow = (value.status & kInfoBits) == kInfoDataValue && (value.status & kOverflow) != 0;
  const UA_Variant& variant = from.value;
  if (!from.hasValue || variant.type == nullptr) return;
  value.type = variant.type->typeName;
  value.array = !UA_Variant_isScalar(&variant);
  if (value.array && variant.arrayDimensionsSize > 0)
    value.dimensions.assign(variant.arrayDimensions, variant.arrayDimensions + variant.arrayDimensionsSize);
  const std::size_t count = value.array ? variant.arrayLength : 1;
  if (count > 0) take_numbers(variant, count, value);
  if (!value.array) take_text(variant, value);
}

std::optional<NodeIdText> NodeIdText::parse(const std::string& text) {
  NodeIdText parsed;
  if (UA_NodeId_parse(&parsed.id_, borrow(text)) != UA_STATUSCODE_GOOD || UA_NodeId_isNull(&parsed.id_))
    return std::nullopt;
  return parsed;
}

std::string to_text(const UA_NodeId& id) {
  UA_String text = UA_STRING_NULL;
  if (UA_NodeId_print(&id, &text) != UA_STATUSCODE_GOOD) return {};
  std::string copy(view(text));
  UA_String_clear(&text);
  return copy;
}

}  // namespace lineside::opcua

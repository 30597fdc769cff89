#pragma once
// Between open62541's types and ours. Only for this module's sources: the library's headers come with it.
#include <open62541/types.h>
#include <open62541/types_generated.h>
#include <open62541/types_generated_handling.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "opcua/value.h"

namespace lineside::opcua {

// Bytes of somebody else as the library's string, not to be cleared.
inline UA_String borrow(std::string_view text) {
  return {text.size(), reinterpret_cast<UA_Byte*>(const_cast<char*>(text.data()))};
}
template <class Bytes>
UA_ByteString borrow_bytes(const Bytes& bytes) {
  return {bytes.size(), const_cast<UA_Byte*>(bytes.data())};
}
inline std::string_view view(const UA_String& text) { return {reinterpret_cast<const char*>(text.data), text.length}; }

// Zero for what no clock says (OPC UA's times reach from 1601 to 9999).
WallTime to_wall(UA_DateTime time, unsigned picoseconds_10 = 0);
UA_DateTime to_ua(WallTime time);

// Into `value`, whose memory is used again.
void convert(const UA_DataValue& from, DataValue& value);

// Owns what the library allocated.
class NodeIdText {
 public:
  static std::optional<NodeIdText> parse(const std::string& text);
  NodeIdText(NodeIdText&& other) noexcept : id_(std::exchange(other.id_, UA_NODEID_NULL)) {}
  NodeIdText& operator=(NodeIdText&& other) noexcept { return std::swap(id_, other.id_), *this; }
  ~NodeIdText() { UA_NodeId_clear(&id_); }
  const UA_NodeId& get() const { return id_; }

 private:
  NodeIdText() = default;
  UA_NodeId id_{};
};
std::string to_text(const UA_NodeId& id);

}  // namespace lineside::opcua

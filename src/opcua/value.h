#pragma once
// What an OPC UA node says at one moment (OPC 10000-4, 7.11 DataValue), as plain types.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace lineside::opcua {

struct DataValue {
  std::string_view type;                  // of the value, in OPC UA's words: "Double", "Int16" ...; empty: no value
  bool array = false;                     // otherwise a scalar, the only element of `numbers`
  std::vector<std::uint32_t> dimensions;  // of a matrix, whose last dimension is the fastest; empty: none given
  std::vector<double> numbers;            // of Boolean and the numeric types; integers beyond 2^53 are rounded
  std::string text;                       // of a scalar String, LocalizedText or ByteString
  WallTime source_time{};                 // when it was measured; zero: the server does not say, or says nonsense
  WallTime server_time{};                 // when the server got to know it; likewise
  std::uint32_t status = 0;               // OPC 10000-4, 7.39; 0: Good
  bool overflow = false;                  // the server's queue was full: values before this one are lost

  bool bad() const { return (status & 0x8000'0000U) != 0; }  // not to be used
  bool good() const { return (status & 0xC000'0000U) == 0; }
};

// "BadSensorFailure".
std::string_view status_name(std::uint32_t status);

}  // namespace lineside::opcua

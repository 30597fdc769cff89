#pragma once
// Walks the top-level fields of a protobuf message without building it, so that counts and sizes are known before any
// memory is taken. Only for the sources of this module. Format: protobuf.dev/programming-guides/encoding.
#include <cstdint>
#include <optional>

#include "wire/batch.h"

namespace lineside::wire {

class WireReader {
 public:
  struct Field {
    std::uint32_t number = 0;
    ByteView whole;    // with its tag
    ByteView content;  // of a length-delimited field; else empty
  };

  explicit WireReader(ByteView bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  // The next field; nothing: malformed (or groups, which are not used).
  std::optional<Field> next() {
    const ByteView begin = rest_;
    const auto tag = varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1FFFFFFF) return std::nullopt;
    Field field{.number = static_cast<std::uint32_t>(*tag >> 3)};
    switch (*tag & 7) {
      case 0:
        if (!varint()) return std::nullopt;
        break;
      case 1:
        if (!skip(8)) return std::nullopt;
        break;
      case 2: {
        const auto length = varint();
        if (!length || *length > rest_.size()) return std::nullopt;
        field.content = rest_.first(*length);
        rest_ = rest_.subspan(*length);
        break;
      }
      case 5:
        if (!skip(4)) return std::nullopt;
        break;
      default:
        return std::nullopt;
    }
    field.whole = begin.first(begin.size() - rest_.size());
    return field;
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return std::nullopt;
      const std::uint64_t byte = rest_.front();
      rest_ = rest_.subspan(1);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  bool skip(std::size_t count) {
    if (rest_.size() < count) return false;
    rest_ = rest_.subspan(count);
    return true;
  }

  ByteView rest_;
};

}  // namespace lineside::wire

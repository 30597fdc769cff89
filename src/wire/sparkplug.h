#pragma once
// Sparkplug B 3.0 (Eclipse): topics, payloads and host states as bytes and back. What is decoded may come from a
// hostile sender: sizes and counts are checked before memory is taken. Functions are thread-safe and keep no state.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "wire/batch.h"

namespace lineside::wire::sparkplug {

inline constexpr std::size_t kPayloadBytesMax = 16u << 20;
inline constexpr std::size_t kMetricsMax = 200'000;          // of one payload
inline constexpr std::size_t kNameBytesMax = 1024;           // a metric's name
inline constexpr std::size_t kTextBytesMax = 4096;           // a metric's text value; a longer one counts as Other
inline constexpr std::size_t kPropertyBytesMax = 64u << 10;  // a metric's properties
inline constexpr std::size_t kStateBytesMax = 4096;
inline constexpr std::uint64_t kSequences = 256;  // seq and bdSeq go from 0 to 255, then from 0 again

inline constexpr std::string_view kBdSeq = "bdSeq";
inline constexpr std::string_view kRebirth = "Node Control/Rebirth";

enum class Verb : std::uint8_t { nbirth, ndeath, ndata, ncmd, dbirth, ddeath, ddata, dcmd, state };

// spBv1.0/group/verb/edge_node, behind it /device for the D verbs; spBv1.0/STATE/host.
struct Topic {
  Verb verb = Verb::ndata;
  std::string group, edge_node;
  std::string device;  // of the D verbs, else empty
  std::string host;    // of state, else empty
  bool operator==(const Topic&) const = default;
};

// What is_sparkplug_id() takes, in UTF-8.
bool is_id(std::string_view text);
// `topic`'s ids must be ids.
std::string make_topic(const Topic& topic);
// Errors: wire_invalid: another namespace, an unknown verb, a device where none belongs or none where one does, no ids.
Result<Topic> parse_topic(std::string_view topic);

enum class Type : std::uint32_t {
  unknown = 0,
  int8 = 1,
  int16 = 2,
  int32 = 3,
  int64 = 4,
  uint8 = 5,
  uint16 = 6,
  uint32 = 7,
  uint64 = 8,
  real32 = 9,
  real64 = 10,
  boolean = 11,
  string = 12,
  date_time = 13,
  text = 14,
  uuid = 15,
  last = 34  // the greatest number that the specification gives; those from 16 on are no single numbers or texts
};

// A value as it stands on the wire, whatever the type says. Other: bytes, files, data sets, templates, long texts.
struct Other {
  bool operator==(const Other&) const = default;
};
using Value = std::variant<std::monostate, std::uint32_t, std::uint64_t, float, double, bool, std::string, Other>;

// The only values that the property "Quality" may have.
inline constexpr std::int32_t kQualityBad = 0, kQualityGood = 192, kQualityStale = 500;

struct Metric {
  std::string name;  // empty: only the alias is told
  std::optional<std::uint64_t> alias;
  std::optional<std::uint64_t> timestamp_ms;  // since 1970, UTC: when the value was taken
  std::optional<std::uint32_t> type;          // as sent: a stranger's may be none of Type
  bool is_historical = false, is_transient = false, is_null = false;
  // Property "Quality"; none: good. Bad when decoded from properties that can't be read or a code that is none of them.
  std::optional<std::int32_t> quality;
  std::string unit;  // property "engUnit", as SCADA systems call it; empty: none
  Value value;
  bool operator==(const Metric&) const = default;
};

struct Payload {
  std::optional<std::uint64_t> timestamp_ms;  // since 1970, UTC: when the message was sent
  std::optional<std::uint64_t> seq;
  std::vector<Metric> metrics;
  std::size_t unreadable = 0;  // decoded only: metrics that were left out: no protobuf, or without name and alias
};

// May exceed kPayloadBytesMax.
Bytes encode(const Payload& payload);
// One metric more costs the same bytes wherever it stands; for those who divide what they send.
std::size_t encoded_bytes(const Metric& metric);
// Errors: wire_invalid: too long, too many metrics, no protobuf.
Result<Payload> decode(ByteView bytes);

// The number that `value` means as a metric of `type`; booleans are 0 and 1, times ms since 1970. Nothing if it does
// not fit the type, is no number or is not finite. Whole numbers may stand in either whole-number field, as
// implementations differ in it; a signed one of 8 or 16 bits with or without its upper bits.
std::optional<double> number_of(std::uint32_t type, const Value& value);
bool is_number(std::uint32_t type);  // a type of which number_of makes numbers

// A host application's STATE.
struct HostState {
  bool online = false;
  std::uint64_t timestamp_ms = 0;
};
std::string encode_state(const HostState& state);
// Errors: wire_invalid: too long, no JSON object with a boolean `online` and a whole number `timestamp`.
Result<HostState> decode_state(ByteView bytes);

// A host's request to an edge node for all its births (NCMD). `now` is the host's time.
Bytes rebirth_request(WallTime now);

std::uint64_t to_ms(WallTime time);  // 0 before 1970
// Zero: not said, or beyond what a WallTime holds (2262).
WallTime from_ms(std::optional<std::uint64_t> ms);

}  // namespace lineside::wire::sparkplug

#pragma once
// What a receiver of a stream of tags has to know before its first block: names, units, which tags share their times,
// and how each one's numbers are coded.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "telemetry/block_codec.h"

namespace lineside::telemetry {

inline constexpr std::size_t kStreamTagsMax = 64;   // of one stream
inline constexpr std::size_t kStreamRowsMax = 256;  // of a group in one block
inline constexpr std::size_t kStreamTextMax = 256;  // bytes of a name or unit
inline constexpr std::size_t kStreamCellMax = 40;   // letters of a reading that is no coded number

// Readings that are no coded number are texts: this one is bad, one with kUncertainMark before its digits uncertain,
// nothing is a tag without a reading in this row.
inline constexpr std::string_view kBadText = "b";
inline constexpr char kUncertainMark = 'u';

// Values that are kept exactly are whole numbers of something.
enum class Form : std::uint8_t {
  bounded,  // not exactly: within the bound
  decimal,  // value = n / 10^digits
  scaled,   // value = n * scale + offset, as instruments give them
  float32,  // n is the place of the value among all float32 numbers
};
inline constexpr int kFormDigitsMax = 9;

struct StreamTag {
  std::string name, unit;
  double bound = 0;              // largest error; 0: exactly
  double scale = 1, offset = 0;  // of scaled; a hint where it is made, what counts where it is read
  Form form = Form::bounded;     // chosen by the sender
  int digits = 0;                // of decimal
};
using StreamTags = std::vector<std::vector<StreamTag>>;  // by groups, each with times of its own

struct StreamPlan {
  StreamTags groups;
  Plan plan;  // of each group a column of times (ms since 1970), then its tags
  Grouping grouping() const;
};

// From groups whose tags have their forms. Names and units are cut to kStreamTextMax, tags beyond kStreamTagsMax are a
// defect of the caller.
StreamPlan make_stream_plan(StreamTags groups);
std::vector<std::uint8_t> encode_stream_plan(const StreamPlan& plan);
// From anybody. Errors: file_format, saying what is wrong.
Result<StreamPlan> decode_stream_plan(std::span<const std::uint8_t> bytes);

// The number that is coded for a value, nothing if that can't be (then its digits are). `column`: of the plan.
std::optional<double> to_coded(const StreamTag& tag, const ColumnPlan& column, double value);
double from_coded(const StreamTag& tag, const ColumnPlan& column, double coded);

}  // namespace lineside::telemetry

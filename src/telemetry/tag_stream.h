#pragma once
// Readings of tags as a stream of blocks and back: a plan, then numbered blocks that are read in order. A sender begins
// a new generation (plan, then blocks from 0 on) now and then, so that a receiver who missed a block can go on there.
//
// Times are whole milliseconds. A reading that is missing, bad or uncertain stays what it is: no number stands for it.
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "telemetry/stream_plan.h"

namespace lineside::telemetry {

struct Reading {
  enum class State : std::uint8_t { none, good, uncertain, bad };
  double value = std::numeric_limits<double>::quiet_NaN();  // of good and uncertain ones: finite
  State state = State::none;                                // none: this tag has nothing in this row
  friend bool operator==(const Reading& a, const Reading& b) {
    return a.state == b.state && (a.value == b.value || a.state == State::none || a.state == State::bad);
  }
};

// Rows of one group, at most kStreamRowsMax; any order of times.
struct GroupRows {
  std::vector<std::int64_t> times;             // ms since 1970
  std::vector<std::vector<Reading>> readings;  // by tag, then by row
};

struct CodedBlock {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> plan;  // only with index 0, which begins a generation
  std::uint32_t index = 0;
  std::uint32_t check = 0;  // of what a receiver must find
};

// Owner thread only.
class StreamDecoder {
 public:
  // Errors: file_format.
  static Result<StreamDecoder> begin(std::span<const std::uint8_t> plan);
  const StreamTags& tags() const { return plan_->groups; }
  // The next block; by groups. Errors: file_format, also when what was found is not what the sender proved (`check`):
  // then nothing of this generation can be read any more.
  Result<std::vector<GroupRows>> decode(std::span<const std::uint8_t> bytes, std::uint32_t check);
  // What that has taken so far, refused blocks too: readings, and letters of those that are written out.
  std::uint64_t work() const { return codec_->work(); }

 private:
  friend class StreamEncoder;
  StreamDecoder() = default;
  Result<std::vector<GroupRows>> decode(std::span<const std::uint8_t> bytes);
  std::unique_ptr<StreamPlan> plan_;
  std::unique_ptr<BlockCodec> codec_;
};

// Owner thread only. Runs a decoder beside it: what that does not find within the bounds, does not leave.
class StreamEncoder {
 public:
  static constexpr std::uint32_t kGenerationBlocks = 1024;       // then a new generation begins,
  static constexpr std::uint64_t kGenerationSamples = 1U << 20;  // or after so many readings

  // At most kStreamTagsMax tags in all. `spoil`: what a defect would do to a block's bytes, for tests of the proof.
  explicit StreamEncoder(StreamTags tags, std::function<void(std::vector<std::uint8_t>&)> spoil = {});

  // `rows`: one for each group. A block whose proof fails is coded anew, in a new generation and all exactly.
  // Errors: internal, then that failed too: the next block begins a generation.
  Result<CodedBlock> encode(std::span<const GroupRows> rows);
  void begin_anew() { begun_ = false; }  // with the next block
  std::uint64_t proofs_failed() const { return proofs_failed_; }

 private:
  void begin(std::span<const GroupRows> rows);
  Result<CodedBlock> encode_once(std::span<const GroupRows> rows, bool exactly);
  Cells cells_of(const StreamTag& tag, const ColumnPlan& column, std::span<const Reading> readings, bool exactly);
  std::uint32_t prove(std::span<const GroupRows> wanted, std::span<const GroupRows> found, std::string& fault) const;
  void watch_form(const StreamTag& tag, std::span<const Reading> readings);

  StreamTags tags_;
  std::function<void(std::vector<std::uint8_t>&)> spoil_;
  std::unique_ptr<StreamPlan> plan_;
  std::unique_ptr<BlockCodec> codec_;
  std::unique_ptr<StreamDecoder> proof_;
  std::vector<std::uint8_t> plan_bytes_;
  std::deque<std::string> texts_;  // of the block that is coded
  bool begun_ = false, forms_wanted_ = false;
  std::uint32_t index_ = 0;
  std::uint64_t samples_ = 0, proofs_failed_ = 0;
};

}  // namespace lineside::telemetry

#pragma once
// Records, batches and acknowledgements as bytes: protobuf (schema/uplink.proto), batches compressed by zstd.
// Everything that is decoded here may come from a hostile sender: sizes are checked before memory is taken, numbers and
// texts before they are used. Functions are thread-safe and keep no state.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/record.h"

namespace lineside::wire {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline constexpr std::size_t kRecordBytesMax = 8u << 20;       // one encoded record
inline constexpr std::size_t kBatchBytesMax = 16u << 20;       // a batch before compression
inline constexpr std::size_t kCompressedBytesMax = 17u << 20;  // a batch as it is sent
inline constexpr std::size_t kBatchRecordsMax = 10'000;
inline constexpr std::size_t kTextBytesMax = 4096;  // any text in a record; longer ones are cut when encoded
inline constexpr std::uint64_t kSequenceMax = 1ULL << 56;

// Consecutive records of one lane; without records a question for the watermark. The first one's span begins at
// first_sequence, each next one's where the last ended.
struct Batch {
  std::string tenant, gateway;
  Lane lane = Lane::urgent;
  std::string epoch;  // of the outbox (UUIDv7); a new outbox has a new one, and its sequences start from 1
  std::uint64_t first_sequence = 0;
  std::vector<Record> records;
  WallTime created{};
  std::size_t bytes = 0;       // before compression, as it was decoded
  std::size_t unreadable = 0;  // records that could not be read; each stands here as a loss "record.unreadable"
};

// The hub's word that everything of a lane up to and including `watermark` is stored.
struct Ack {
  Lane lane = Lane::urgent;
  std::string epoch;
  std::uint64_t watermark = 0;
  bool resume = false;  // go on from watermark + 1 now: the hub has restarted, or saw a hole
};

// The first sequence a record stands for: its own, or `first` of a loss record.
std::uint64_t span_first(const Record& record);

// Texts are made valid UTF-8 and cut to kTextBytesMax. Never fails; the result may exceed kRecordBytesMax only for a
// picture, which the caller must then declare lost.
Bytes encode_record(const Record& record);
// Errors: wire_invalid (not a record, or values out of range).
Result<Record> decode_record(ByteView bytes);

// Puts already encoded records together into one batch without decoding them.
class BatchBuilder {
 public:
  BatchBuilder(std::string_view tenant, std::string_view gateway, Lane lane, std::string_view epoch,
               std::uint64_t first_sequence, WallTime created);
  // False, and nothing added, if the batch would get too long.
  bool add(ByteView encoded_record);
  std::size_t records() const { return records_; }
  std::size_t bytes() const { return bytes_.size(); }  // before compression
  Result<Bytes> finish() const;                        // compressed

 private:
  Bytes bytes_;
  std::size_t records_ = 0;
};

// Errors: wire_invalid: too long, not zstd or protobuf, unknown lane, bad epoch, a hole or an overlap in the sequences.
// A single record with an unknown kind or values out of range does not spoil its batch: see Batch::unreadable.
Result<Batch> decode_batch(ByteView compressed);

// A gateway whose clock is wrong: times that lie more than a minute after `now`, or before 2020 (a clock that was never
// set), become `now`. Otherwise one record from the future would stay the newest for ever, and old ones be deleted as
// aged. A summary keeps its length: a station's at most an hour, others at most a day. A tag block
// says by how much it was moved. Where `now` itself is before 2020, nothing is known to be wrong. Returns how many
// records were changed.
std::uint64_t correct_times(Batch& batch, WallTime now);

Bytes encode_ack(const Ack& ack);
Result<Ack> decode_ack(ByteView bytes);

// lineside/v1/<tenant>/<gateway>/<leaf>; leaf: up, ack, down or state.
struct Topic {
  std::string tenant, gateway, leaf;
};
std::string make_topic(std::string_view tenant, std::string_view gateway, std::string_view leaf);
// Errors: wire_invalid (other shape; names are 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.').
Result<Topic> parse_topic(std::string_view topic);

// Valid UTF-8 of at most `bytes_max` bytes: what is not becomes U+FFFD, what is too long is cut at a character.
std::string clean_text(std::string_view text, std::size_t bytes_max = kTextBytesMax);

}  // namespace lineside::wire

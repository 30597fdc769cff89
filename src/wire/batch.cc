#include "wire/batch.h"

#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <format>
#include <memory>

#include "wire/convert.h"
#include "wire/wire_reader.h"

namespace lineside::wire {
namespace {

constexpr int kCompressionLevel = 3;
constexpr std::uint8_t kRecordsTag = 5 << 3 | 2;  // Batch.records
constexpr std::uint32_t kRecordsField = 5, kPictureField = 5;
// Small fields cost many times their size once they are objects in memory, so only a picture may be long.
constexpr std::size_t kHeaderBytesMax = 4096, kPlainRecordBytesMax = 512u << 10;

std::unexpected<Error> refuse(std::string message) { return fail(ErrorCode::wire_invalid, std::move(message)); }

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

// Before anything is parsed: how much of the record is not picture?
Result<void> check_record_size(ByteView bytes) {
  if (bytes.size() > kRecordBytesMax) return refuse("a record is too long");
  if (bytes.size() <= kPlainRecordBytesMax) return {};
  std::size_t picture_bytes = 0;
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return refuse("a record is not protobuf");
    if (field->number == kPictureField) picture_bytes += field->whole.size();
  }
  if (bytes.size() - picture_bytes > kPlainRecordBytesMax) return refuse("a record that is not a picture is too long");
  return {};
}

Result<Bytes> decompress(ByteView compressed) {
  if (compressed.size() > kCompressedBytesMax) return refuse("the batch is too long");
  const unsigned long long size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) return refuse("the batch is not zstd");
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size > kBatchBytesMax)
    return refuse("the batch does not state its size or is too long");
  if (ZSTD_findFrameCompressedSize(compressed.data(), compressed.size()) != compressed.size())
    return refuse("the batch is cut off or has something behind it");
  Bytes bytes(size);
  const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(got) || got != size) return refuse("the batch's compression is damaged");
  return bytes;
}

// Appends the record to the batch if it continues it.
Result<void> take_record(ByteView bytes, Batch& batch, std::uint64_t& next) {
  if (batch.records.size() == kBatchRecordsMax) return refuse("the batch has too many records");
  LINESIDE_TRY(check_record_size(bytes));
  pb::Record message;
  if (!parse(message, bytes)) return refuse("a record is not protobuf");
  const std::uint64_t sequence = message.sequence();
  if (sequence < next || sequence > kSequenceMax) return refuse("a record's sequence is out of order");
  const std::uint64_t first = message.has_loss() ? message.loss().first() : sequence;
  if (message.has_loss() && message.loss().last() != sequence)
    return refuse("a loss does not stand at its last sequence");
  if (first != next) return refuse(std::format("the batch has a hole or an overlap at sequence {}", next));
  auto record = from_message(std::move(message));
  if (record) {
    if (auto* loss = std::get_if<LossRecord>(&record->body)) loss->lane = batch.lane;
    batch.records.push_back(std::move(*record));
  } else {
    ++batch.unreadable;
    batch.records.push_back({sequence, LossRecord{batch.lane, first, sequence, "record.unreadable", batch.created}});
  }
  next = sequence + 1;
  return {};
}

Result<void> take_header(ByteView bytes, Batch& batch) {
  pb::Batch header;
  if (!parse(header, bytes)) return refuse("the batch is not protobuf");
  if (header.lane() > static_cast<std::uint32_t>(Lane::bulk)) return refuse("the batch names an unknown lane");
  if (!is_uuid(header.epoch())) return refuse("the batch's epoch is not a UUID");
  if (header.first_sequence() == 0 || header.first_sequence() > kSequenceMax)
    return refuse("the batch's first sequence is out of range");
  batch.tenant = header.tenant();
  batch.gateway = header.gateway();
  batch.lane = static_cast<Lane>(header.lane());
  batch.epoch = header.epoch();
  batch.first_sequence = header.first_sequence();
  const auto created_max = static_cast<std::uint64_t>(WallTime::max().time_since_epoch().count());
  batch.created = WallTime{nanoseconds{static_cast<std::int64_t>(std::min(header.created_ns(), created_max))}};
  return {};
}

template <class Message>
void append(Bytes& bytes, const Message& message) {
  const std::size_t before = bytes.size();
  bytes.resize(before + message.ByteSizeLong());
  message.SerializeToArray(bytes.data() + before, static_cast<int>(bytes.size() - before));
}

void append_varint(Bytes& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::uint8_t>(value | 0x80));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

}  // namespace

std::uint64_t span_first(const Record& record) {
  const auto* loss = std::get_if<LossRecord>(&record.body);
  return loss == nullptr ? record.sequence : loss->first;
}

Bytes encode_record(const Record& record) {
  pb::Record message;
  to_message(record, message);
  Bytes bytes;
  append(bytes, message);
  return bytes;
}

Result<Record> decode_record(ByteView bytes) {
  LINESIDE_TRY(check_record_size(bytes));
  pb::Record message;
  if (!parse(message, bytes)) return refuse("a record is not protobuf");
  if (message.sequence() == 0 || message.sequence() > kSequenceMax)
    return refuse("a record's sequence is out of range");
  if (message.has_loss() && message.loss().last() != message.sequence())
    return refuse("a loss does not stand at its last sequence");
  return from_message(std::move(message));
}

BatchBuilder::BatchBuilder(std::string_view tenant, std::string_view gateway, Lane lane, std::string_view epoch,
                           std::uint64_t first_sequence, WallTime created) {
  pb::Batch header;
  header.set_tenant(std::string(tenant));
  header.set_gateway(std::string(gateway));
  header.set_lane(static_cast<std::uint32_t>(lane));
  header.set_epoch(std::string(epoch));
  header.set_first_sequence(first_sequence);
  header.set_created_ns(static_cast<std::uint64_t>(std::max<std::int64_t>(0, created.time_since_epoch().count())));
  append(bytes_, header);
}

bool BatchBuilder::add(ByteView encoded_record) {
  constexpr std::size_t kFramingMax = 6;  // tag and length
  if (records_ == kBatchRecordsMax || bytes_.size() + encoded_record.size() + kFramingMax > kBatchBytesMax)
    return false;
  bytes_.push_back(kRecordsTag);
  append_varint(bytes_, encoded_record.size());
  bytes_.insert(bytes_.end(), encoded_record.begin(), encoded_record.end());
  ++records_;
  return true;
}

Result<Bytes> BatchBuilder::finish() const {
  Bytes compressed(ZSTD_compressBound(bytes_.size()));
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  const std::size_t size =
      ZSTD_compress2(context.get(), compressed.data(), compressed.size(), bytes_.data(), bytes_.size());
  if (ZSTD_isError(size)) return fail(ErrorCode::internal, std::format("zstd: {}", ZSTD_getErrorName(size)));
  compressed.resize(size);
  return compressed;
}

Result<Batch> decode_batch(ByteView compressed) {
  LINESIDE_ASSIGN(const Bytes bytes, decompress(compressed));
  Bytes header;
  std::vector<ByteView> records;
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return refuse("the batch is not protobuf");
    if (field->number == kRecordsField) {
      if (records.size() == kBatchRecordsMax) return refuse("the batch has too many records");
      records.push_back(field->content);
    } else if (header.size() + field->whole.size() > kHeaderBytesMax) {
      return refuse("the batch's header is too long");
    } else {
      header.insert(header.end(), field->whole.begin(), field->whole.end());
    }
  }
  Batch batch;
  batch.bytes = bytes.size();
  LINESIDE_TRY(take_header(header, batch));
  std::uint64_t next = batch.first_sequence;
  batch.records.reserve(records.size());
  for (const ByteView record : records) LINESIDE_TRY(take_record(record, batch, next));
  return batch;
}

std::uint64_t correct_times(Batch& batch, WallTime now) {
  constexpr WallTime kNeverSet{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  if (now < kNeverSet) return 0;  // it is the receiver's own clock
  const auto wrong = [&](WallTime time) { return time > now + std::chrono::minutes{1} || time < kNeverSet; };
  std::uint64_t changed = 0;
  for (Record& record : batch.records) {
    const auto correct = [&](auto& body) {
      if constexpr (requires { body.to; }) {
        if (!wrong(body.to) && !wrong(body.from)) return;
        using Body = std::remove_cvref_t<decltype(body)>;
        constexpr nanoseconds kLongest = std::chrono::hours{std::is_same_v<Body, StationSummary> ? 1 : 24};
        const nanoseconds length = std::clamp(body.to - body.from, nanoseconds{0}, kLongest);
        if constexpr (requires { body.moved; }) body.moved = now - body.to;
        body.to = now;
        body.from = now - length;
      } else {
        if (!wrong(body.time)) return;
        body.time = now;
      }
      ++changed;
    };
    std::visit(correct, record.body);
  }
  return changed;
}

Bytes encode_ack(const Ack& ack) {
  pb::Ack message;
  message.set_lane(static_cast<std::uint32_t>(ack.lane));
  message.set_epoch(ack.epoch);
  message.set_watermark(ack.watermark);
  message.set_resume(ack.resume);
  Bytes bytes;
  append(bytes, message);
  return bytes;
}

Result<Ack> decode_ack(ByteView bytes) {
  pb::Ack message;
  if (bytes.size() > 256 || !parse(message, bytes)) return refuse("the acknowledgement is not protobuf");
  if (message.lane() > static_cast<std::uint32_t>(Lane::bulk))
    return refuse("the acknowledgement names an unknown lane");
  if (!is_uuid(message.epoch())) return refuse("the acknowledgement's epoch is not a UUID");
  if (message.watermark() > kSequenceMax) return refuse("the acknowledgement's watermark is out of range");
  return Ack{static_cast<Lane>(message.lane()), message.epoch(), message.watermark(), message.resume()};
}

}  // namespace lineside::wire

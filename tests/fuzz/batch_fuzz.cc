// Fuzz target of the wire format: decode_batch (on the bytes as they are and as the inside of a compressed batch),
// decode_record and decode_ack on anything. What decodes must obey the promises of wire/batch.h.
#include <zstd.h>

#include "fuzz.h"
#include "wire/batch.h"

namespace lineside::fuzz {
namespace {

void check_batch(const wire::Batch& batch) {
  require(batch.records.size() <= wire::kBatchRecordsMax);
  require(batch.first_sequence >= 1 && batch.epoch.size() == 36 && batch.lane <= Lane::bulk);
  std::uint64_t next = batch.first_sequence;
  for (const Record& record : batch.records) {
    require(wire::span_first(record) == next && record.sequence >= next && record.sequence <= wire::kSequenceMax);
    next = record.sequence + 1;
    // What was taken can be sent on and taken again.
    require(wire::decode_record(wire::encode_record(record)).has_value());
  }
}

Bytes compress(wire::ByteView plain) {
  Bytes compressed(ZSTD_compressBound(plain.size()));
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), plain.data(), plain.size(), 1));
  return compressed;
}

Bytes good_batch() {
  wire::BatchBuilder builder("t1", "g1", Lane::bulk, "01890a5d-ac96-774b-bcce-b302099a8057", 5, WallTime{});
  const auto add = [&](const Record& record) { builder.add(wire::encode_record(record)); };
  add({5, VerdictRecord{.station = "cap", .item = 1, .score = 0.5F, .label = "good"}});
  StationSummary summary{.station = "cap", .items = 3};
  summary.decision_latency = {{100, 1}, {200, 2}};
  add({6, summary});
  add({7, EventRecord{.id = "x", .type = "camera.lost", .message = "ä", .evidence = {{"a", "b"}, {"c", "d"}}}});
  add({8, PictureRecord{.station = "cap", .kind = "thumbnail", .jpeg = Bytes(50, 7)}});
  add({20, LossRecord{Lane::bulk, 9, 20, "queue.full", WallTime{}}});
  return builder.finish().value();
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

std::vector<Bytes> seeds() {
  const Bytes compressed = good_batch();
  Bytes plain(ZSTD_getFrameContentSize(compressed.data(), compressed.size()));
  ZSTD_decompress(plain.data(), plain.size(), compressed.data(), compressed.size());
  return {compressed, plain, wire::encode_record({3, VerdictRecord{.station = "cap"}}),
          wire::encode_ack({.epoch = "01890a5d-ac96-774b-bcce-b302099a8057", .watermark = 7, .resume = true}),
          bytes_of(wire::make_topic("t1", "g1", "up"))};
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  using fuzz::require;
  const wire::ByteView bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto batch = wire::decode_batch(bytes)) fuzz::check_batch(*batch);
  if (const auto batch = wire::decode_batch(fuzz::compress(bytes))) fuzz::check_batch(*batch);
  if (const auto record = wire::decode_record(bytes)) require(record->sequence >= 1);
  if (const auto ack = wire::decode_ack(bytes)) require(ack->watermark <= wire::kSequenceMax);
  if (const auto topic = wire::parse_topic(text))
    require(wire::make_topic(topic->tenant, topic->gateway, topic->leaf) == text);
  const std::string clean = wire::clean_text(text, 1000);
  require(clean.size() <= 1000 && wire::clean_text(clean) == clean);
  return 0;
}

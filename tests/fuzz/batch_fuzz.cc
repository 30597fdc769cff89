// Fuzz target of the wire format: decode_batch, decode_record and decode_ack on anything. What decodes must obey the
// promises of wire/batch.h. Built with libFuzzer by clang; otherwise standalone_main.cc feeds it damaged batches.
#include <cstdint>
#include <cstdlib>

#include "wire/batch.h"

namespace {

using namespace lineside;

void require(bool promise) {
  if (!promise) std::abort();
}

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const wire::ByteView bytes(data, size);
  if (const auto batch = wire::decode_batch(bytes)) check_batch(*batch);
  if (const auto record = wire::decode_record(bytes)) require(record->sequence >= 1);
  if (const auto ack = wire::decode_ack(bytes)) require(ack->watermark <= wire::kSequenceMax);
  if (const auto topic = wire::parse_topic({reinterpret_cast<const char*>(data), size}))
    require(wire::make_topic(topic->tenant, topic->gateway, topic->leaf).size() == size);
  const std::string clean = wire::clean_text({reinterpret_cast<const char*>(data), size}, 1000);
  require(clean.size() <= 1000 && wire::clean_text(clean) == clean);
  return 0;
}

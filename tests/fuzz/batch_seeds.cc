// Feeds batch_fuzz with good batches whose bytes, before or after compression, are damaged at random; for compilers
// without libFuzzer and for the ordinary test run. Usage: batch_fuzz [ROUNDS [SEED]]
#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "wire/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace lineside;

wire::Bytes plain_batch() {
  wire::BatchBuilder builder("t1", "g1", Lane::bulk, "01890a5d-ac96-774b-bcce-b302099a8057", 5, WallTime{});
  const auto add = [&](const Record& record) { builder.add(wire::encode_record(record)); };
  add({5, VerdictRecord{.station = "cap", .item = 1, .score = 0.5F, .label = "good"}});
  StationSummary summary{.station = "cap", .items = 3};
  summary.decision_latency = {{100, 1}, {200, 2}};
  add({6, summary});
  add({7, EventRecord{.id = "x", .type = "camera.lost", .message = "ä", .evidence = {{"a", "b"}, {"c", "d"}}}});
  add({8, PictureRecord{.station = "cap", .kind = "thumbnail", .jpeg = wire::Bytes(50, 7)}});
  add({20, LossRecord{Lane::bulk, 9, 20, "queue.full", WallTime{}}});
  const wire::Bytes compressed = builder.finish().value();
  wire::Bytes plain(ZSTD_getFrameContentSize(compressed.data(), compressed.size()));
  ZSTD_decompress(plain.data(), plain.size(), compressed.data(), compressed.size());
  return plain;
}

wire::Bytes compress(const wire::Bytes& plain) {
  wire::Bytes compressed(ZSTD_compressBound(plain.size()));
  compressed.resize(ZSTD_compress(compressed.data(), compressed.size(), plain.data(), plain.size(), 1));
  return compressed;
}

void damage(wire::Bytes& bytes, std::mt19937& random) {
  for (unsigned changes = random() % 4; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        bytes[at] ^= static_cast<std::uint8_t>(1U << random() % 8);
        break;
      case 2:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 3:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20'000;
  std::mt19937 random(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  const wire::Bytes plain = plain_batch();
  for (int round = 0; round < rounds; ++round) {
    wire::Bytes bytes = plain;
    if (round % 4 != 0) damage(bytes, random);
    bytes = compress(bytes);
    if (round % 4 == 0) damage(bytes, random);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    wire::Bytes record = wire::encode_record({3, VerdictRecord{.station = "cap"}});
    damage(record, random);
    LLVMFuzzerTestOneInput(record.data(), record.size());
  }
  std::printf("%d rounds\n", rounds);
}

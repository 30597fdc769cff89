// Fuzz target of the telemetry filter: `rebuild` on any bytes, on any plan and block behind right checksums, a stream
// of any plan and blocks, and `filter` on any text, which must prove itself.
#include "fuzz.h"
#include "telemetry/filter.h"
#include "telemetry/tag_stream.h"

namespace lineside::fuzz {
namespace {

using namespace lineside::telemetry;

constexpr std::string_view kText =
    "time;a;b;state\n2020-01-01 00:00:00;1,5;7;on\n2020-01-01 00:00:01;1,75;Bad;on\n2020-01-01 00:00:03;2;9;off\n\n";

void rebuild_any(std::span<const std::uint8_t> bytes) {
  std::size_t written = 0;
  (void)rebuild(bytes, "fuzz", [&](std::string_view text) -> Result<void> {
    written += text.size();
    if (written > 8U << 20) return fail(ErrorCode::limit_reached, "enough for a test");
    return {};
  });
}

// `bytes` as two blocks of a stream.
void stream_any(std::span<const std::uint8_t> plan, std::span<const std::uint8_t> bytes) {
  auto decoder = StreamDecoder::begin(plan);
  if (!decoder) return;
  (void)decoder->decode(bytes.first(bytes.size() / 2), 0);
  (void)decoder->decode(bytes.subspan(bytes.size() / 2), 0);
}

Bytes stream_plan_and_block() {
  StreamEncoder encoder({{{.name = "a/b", .unit = "bar", .bound = 0.1}, {.name = "c"}}, {{.name = "d", .bound = 2}}});
  const Reading one{.value = 1.5, .state = Reading::State::good}, bad{.state = Reading::State::bad};
  const std::vector<GroupRows> rows{{.times = {1000, 2000}, .readings = {{one, bad}, {{}, one}}},
                                    {.times = {7}, .readings = {{one}}}};
  CodedBlock block = encoder.encode(rows).value();
  block.plan.insert(block.plan.end(), block.bytes.begin(), block.bytes.end());
  block.plan.push_back(static_cast<std::uint8_t>(block.plan.size() - block.bytes.size()));  // where the plan ends
  return block.plan;
}

// `plan` and `block` as a file with good checksums.
Bytes framed(std::span<const std::uint8_t> plan, std::span<const std::uint8_t> block) {
  SegmentsWriter whole{Plan{}};
  SegmentsWriter writer{Plan{}};
  const std::size_t head = whole.take().size();
  writer.add(plan);
  writer.add(block);
  Bytes bytes = writer.take();
  // Behind the four letters comes the empty plan's frame: the given one takes its place.
  bytes.erase(bytes.begin() + 4, bytes.begin() + static_cast<std::ptrdiff_t>(head));
  return bytes;
}

}  // namespace

std::vector<Bytes> seeds() {
  const auto table = Table::parse(std::string(kText), "seed");
  const Bytes file = filter(*table, {}).value().bytes;
  Bytes inside(file.begin() + 9, file.end());
  return {Bytes(kText.begin(), kText.end()), file, inside, stream_plan_and_block()};
}

}  // namespace lineside::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lineside;
  using namespace lineside::telemetry;
  const std::span bytes(data, size);
  fuzz::rebuild_any(bytes);
  const std::size_t cut = size > 0 ? std::min<std::size_t>(data[size - 1], size) : 0;
  fuzz::rebuild_any(fuzz::framed(bytes.first(cut), bytes.subspan(cut)));
  fuzz::stream_any(bytes.first(cut), bytes.subspan(cut));
  if (size > 20'000) return 0;
  const auto table = Table::parse(std::string(data, data + size), "fuzz");
  if (!table) return 0;
  for (const MaxError error : {MaxError{0.05, true}, MaxError{0.001, false}})
    fuzz::require(filter(*table, {.max_error = error}).has_value());
  return 0;
}
